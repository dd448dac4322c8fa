"""The cost of a GET by the image's place: in memory, out of the store, by its first byte, by two workers."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..load import Request, ask_once, measure_load, open_connection
from ..plan import KB, Plan
from ..rivals import Contestant, asgi_server, own_contestant
from ..runs import Case, Row, load_core, run_in_turn, run_load
from .places import Place

CACHED, UNCACHED, FIRST_BYTE, WORKERS, QUERIES = "cached", "uncached", "first byte", "workers", "queries"
SMALL = 30 * KB
CONNECTIONS, MANY_CONNECTIONS = 16, 64
_APPS = {CACHED: "pixstore", UNCACHED: "uncached"}
_QUERY_CONNECTIONS = (1, 16, 256)
_WORKERS = (1, 2)
_ROW_QUERIES = (
    "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query LIKE '%{schema}.image WHERE id = ANY%'"
)


@contextmanager
def served(place: Place, load: str, core: int | None, *, workers: int = 1, **environment: str) -> Iterator[Contestant]:
    """Run uvicorn over a place's images, with Pixstore's memory or without."""
    with asgi_server("uvicorn", _APPS[load], place.images, core, workers=workers, **environment) as (port, pid):
        yield own_contestant(place.name, place.images, port, pid, database_pid=place.database_pid)


def gets(contestants: dict[str, list[Contestant]], plan: Plan, number: int) -> Iterator[Row]:
    """Ask every place for images of each size, in memory and not, and for a small one over many connections."""
    cases = [Case(load, size, CONNECTIONS) for size in plan.stores_sizes for load in contestants]
    for case in [*cases, Case(CACHED, SMALL, MANY_CONNECTIONS)]:
        yield from run_in_turn(contestants[case.load], plan, case, number)


def first_bytes(contestants: Sequence[Contestant], plan: Plan, number: int) -> Iterator[Row]:
    """Ask a server at rest for one image after the other, and return the median time to a body's first byte."""
    for size in plan.stores_sizes:
        for contestant in contestants[:: -1 if number % 2 else 1]:
            requests = [contestant.ask(size)[0] for _ in range(plan.stores_first_bytes)]
            seconds = statistics.median(map(_first_byte_s, requests))
            yield {
                "contestant": contestant.name,
                "load": FIRST_BYTE,
                "round": number,
                "size": size,
                "seconds": seconds,
            }


def _first_byte_s(request: Request) -> float:
    started = time.perf_counter()
    with open_connection(request) as connection:
        read = b""
        while not read.partition(b"\r\n\r\n")[2]:
            read += connection.recv(4096)
    return time.perf_counter() - started


def queries(place: Place, contestant: Contestant, plan: Plan, number: int) -> Iterator[Row]:
    """Count the database's statements for a row while one image in memory is asked for over ever more connections."""
    for connections in _QUERY_CONNECTIONS:
        requests = contestant.ask(SMALL)
        answer = ask_once(requests[0])
        before = _row_queries(place)
        load = measure_load(requests, answer, connections=connections, seconds=plan.load_s, core=load_core())
        yield {
            "contestant": contestant.name,
            "load": QUERIES,
            "round": number,
            "size": SMALL,
            "connections": connections,
            "requests_per_s": round(load.requests_per_s, 2),
            "wrong": load.wrong,
            "errors": load.errors,
            "queries_per_request": round((_row_queries(place) - before) / load.requests, 4),
        }


def _row_queries(place: Place) -> int:
    assert place.cluster is not None
    return int(place.cluster.run(_ROW_QUERIES.format(schema=place.schema)))


def workers(places: Sequence[Place], plan: Plan, number: int) -> Iterator[Row]:
    """Ask one worker and two for an image in memory; nothing is pinned, so load and workers share all cores."""
    for place in places[:: -1 if number % 2 else 1]:
        for count in _WORKERS[:: -1 if number % 2 else 1]:
            with served(place, CACHED, None, workers=count) as contestant:
                run = run_load(contestant, plan, Case(WORKERS, SMALL, CONNECTIONS), None)
            yield {
                "contestant": place.name,
                "load": WORKERS,
                "round": number,
                "size": SMALL,
                "workers": count,
                "requests_per_s": round(run.load.requests_per_s, 2),
                "cpu_us": round(run.cpu_us, 2),
                "wrong": run.load.wrong,
                "errors": run.load.errors,
            }
