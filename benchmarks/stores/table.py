"""The tables of the part `stores`: ratios to SQLite first, which have no unit of this machine's."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..markdown import duration, figure, table, times
from ..plan import Findings, size_label
from ..ratios import Selection, distinct, median, only, ratio
from . import calls, gets
from .part import MEMORY
from .places import SQLITE
from .rows import BODIES, ROWS

_FIGURES = ("requests/s", "CPU µs", "database's CPU µs", "p50 ms", "p99 ms", "wrong", "errors")


def stores_tables(found: Findings) -> str:
    """Return a table for each load, with every place beside SQLite."""
    makers: dict[str, Callable[[Findings], str]] = {
        "An image over HTTP, out of memory (cached) and out of the store (uncached), uvicorn with one worker.": _gets,
        "The time to the first byte of a body, uncached, nothing else being asked.": _first_bytes,
        "Reads of an image in this process, without a server and without Pixstore's memory.": _reads,
        "The last byte of an image, in this process, without a server.": _last_bytes,
        "Saves, and their CPU in the application's process.": _saves,
        f"Records, {calls.RECORDS_AT_ONCE} by one call; the figures are of one.": _records,
        "Statements for a row in PostgreSQL for each request for an image in memory, one worker.": _queries,
        "One worker and two, an image in memory, load on the same cores.": _workers,
        "Slow readers of one uncached image.": _memory,
        "PostgreSQL's rows, bodies in a bucket: bytes for each image.": _rows,
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, make in makers.items() if (text := make(found)))


def _gets(found: Findings) -> str:
    rows = []
    for load, size, count, name in _distinct(found, (gets.CACHED, gets.UNCACHED), "size", "connections"):
        own: dict[str, Any] = {"load": load, "size": size, "connections": count, "contestant": name}
        against = ratio(found, own, {**own, "contestant": SQLITE}, "cpu_us")
        label = f"{size_label(size)}, {count}, {load}"
        rows.append((label, name, times(against), *_figures(found, own)))
    return _table(["image, connections", "place", "CPU against SQLite", *_FIGURES], rows)


def _figures(found: Findings, own: Selection) -> Iterator[str]:
    columns = ("requests_per_s", "cpu_us", "database_us", "p50_ms", "p99_ms")
    yield from (figure(median(found, own, column)) for column in columns)
    every = [row for row in found.rows if all(row.get(name) == value for name, value in own.items())]
    for column in ("wrong", "errors"):
        yield str(sum(int(row[column]) for row in every))


def _first_bytes(found: Findings) -> str:
    rows = []
    for load, size, name in _distinct(found, (gets.FIRST_BYTE,), "size"):
        own: dict[str, Any] = {"load": load, "size": size, "contestant": name}
        against = ratio(found, own, {**own, "contestant": SQLITE}, "seconds")
        rows.append((size_label(size), name, times(against), duration(median(found, own, "seconds"))))
    return _table(["image", "place", "against SQLite", "time"], rows)


def _reads(found: Findings) -> str:
    rows = []
    for load, size, name in _distinct(found, (calls.READ,), "size"):
        own: dict[str, Any] = {"load": load, "size": size, "contestant": name}
        against = ratio(found, own, {**own, "contestant": SQLITE}, "cpu_us")
        figures = (figure(median(found, own, column)) for column in ("reads_per_s", "cpu_us"))
        rows.append((size_label(size), name, times(against), *figures))
    return _table(["image", "place", "CPU against SQLite", "reads/s", "CPU µs"], rows)


def _last_bytes(found: Findings) -> str:
    rows = []
    for load, size, name in _distinct(found, (calls.LAST_BYTE, calls.LAST_BYTE_UNCACHED), "size"):
        own: dict[str, Any] = {"load": load, "size": size, "contestant": name}
        rows.append((f"{size_label(size)}, {load}", name, duration(median(found, own, "seconds"))))
    return _table(["image", "place", "time"], rows)


def _saves(found: Findings) -> str:
    rows = []
    for load, size, count, name in _distinct(found, (calls.SAVES,), "size", "concurrent"):
        own: dict[str, Any] = {"load": load, "size": size, "concurrent": count, "contestant": name}
        against = ratio(found, own, {**own, "contestant": SQLITE}, "saves_per_s")
        columns = ("saves_per_s", "cpu_us", "database_us", "log_bytes")
        figures = (figure(median(found, own, column)) for column in columns)
        rows.append((f"{size_label(size)}, {count} at once", name, times(against), *figures))
    head = ["image", "place", "against SQLite", "saves/s", "CPU µs", "database's CPU µs", "bytes of PostgreSQL's log"]
    return _table(head, rows)


def _records(found: Findings) -> str:
    rows = []
    for load, name in _distinct(found, (calls.RECORDS,)):
        own = {"load": load, "contestant": name}
        against = ratio(found, own, {**own, "contestant": SQLITE}, "seconds")
        rows.append(
            (name, times(against), duration(median(found, own, "seconds")), figure(median(found, own, "cpu_us")))
        )
    return _table(["place", "against SQLite", "time", "CPU µs"], rows)


def _queries(found: Findings) -> str:
    rows = []
    for load, count, name in _distinct(found, (gets.QUERIES,), "connections"):
        own = {"load": load, "connections": count, "contestant": name}
        figures = (figure(median(found, own, column)) for column in ("queries_per_request", "requests_per_s"))
        rows.append((str(count), *figures))
    return _table(["connections", "statements a request", "requests/s"], rows)


def _workers(found: Findings) -> str:
    rows = []
    for load, count, name in _distinct(found, (gets.WORKERS,), "workers"):
        own = {"load": load, "workers": count, "contestant": name}
        against = ratio(found, own, {**own, "workers": 1}, "requests_per_s")
        figures = (figure(median(found, own, column)) for column in ("requests_per_s", "cpu_us"))
        rows.append((f"{name}, {count}", times(against), *figures))
    return _table(["place, workers", "against one", "requests/s", "CPU µs"], rows)


def _memory(found: Findings) -> str:
    columns = ("readers", "size", "idle_mib", "above_idle_mib")
    rows = []
    for row in only(found, "load", MEMORY).rows:
        readers, size, idle, above = (row[column] for column in columns)
        rows.append((str(row["contestant"]), str(readers), size_label(int(size)), str(idle), str(above)))
    return _table(["place", "slow readers", "image", "idle, MiB", "above idle, MiB"], rows)


def _rows(found: Findings) -> str:
    columns = ("image_table_bytes", "image_indexes_bytes", "body_table_bytes", "body_indexes_bytes")
    rows = [
        (f"{row['rows']:,}", *(figure(float(row[column])) for column in columns))
        for row in only(found, "load", ROWS).rows
    ]
    text = _table(["rows", "image", "its index", "body", "its indexes"], rows)
    shares = [row["bytes_per_byte"] for row in only(found, "load", BODIES).rows]
    return text and f"{text}\n\nBodies in PostgreSQL take {shares[0]} bytes there for each of theirs."


def _distinct(found: Findings, loads: tuple[str, ...], *columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield load, these columns and place of each measurement, each once, all places of one case together."""
    rows = [row for row in found.rows if row["load"] in loads]
    yield from dict.fromkeys(
        (row["load"], *(row[column] for column in columns), name)
        for row in rows
        for name in distinct(found, "contestant")
        if any(other["contestant"] == name for other in rows)
    )


def _table(head: list[str], rows: Sequence[Sequence[str]]) -> str:
    return table(head, rows) if rows else ""
