"""The tables of a run in Markdown, ratios before absolute figures."""

import itertools
from collections.abc import Iterator, Sequence

from . import backup, commands
from .markdown import NOTHING, duration, figure, table, times
from .page import IMAGES
from .plan import Findings, size_label
from .ratios import Selection, Target, distinct, median, only, ratio, select
from .runs import GALLERY, HOT, PAGE, WRITES
from .saves import DISK, FLOOR, FLOOR_IN_FILES, IN_FILES
from .writes import AT_REST, WRITES_PER_S

_OURS = ("pixstore/", "middleware/", "uncached/", "alone/")
_RIVALS = ("floor/{server}", "static/{server}", "npm/node", "nginx/nginx")
_SERVER_FIGURES = ("requests/s", "CPU µs", "MB/s", "p50 ms", "p99 ms", "wrong", "errors")
_REFERENCES = {"proof": "hmac.digest", "get_image_record": "npm getImageRecord"}


def targets_table(found: Sequence[Target]) -> str:
    """Return each target beside its measurement."""
    return table(
        ["target", "wanted", "measured", "pairs", "verdict"],
        [
            (
                target.name,
                f"{target.sense} {target.bound:.3g}{target.unit}",
                f"{target.measured.value:.3g}{target.unit}" if target.measured else NOTHING,
                str(target.measured.pairs) if target.measured else NOTHING,
                f"**{target.verdict}**" if target.verdict == "miss" else target.verdict,
            )
            for target in found
        ],
    )


def in_process_table(found: Findings) -> str:
    """Return the cases with their times, and the ratio to their references."""
    rows = []
    for case in distinct(found, "case"):
        seconds = median(found, {"case": case}, "seconds")
        reference = _reference_of(case)
        against = ratio(found, {"case": case}, {"case": reference}, "seconds") if reference else None
        rows.append((case, f"{against.value:.3g}x the time of {reference}" if against else "", duration(seconds)))
    return table(["case", "ratio", "time"], rows)


def servers_tables(found: Findings) -> str:
    """Return each way to run pixstore_asgi against the others, all figures, then the other loads."""
    hot = only(found, "load", HOT)
    contestants = distinct(hot, "contestant")
    loads = [(size, count) for size in distinct(hot, "size") for count in distinct(hot, "connections")]
    ratios = [
        (_load_label(size, count), name, *(_against(hot, name, rival, size, count) for rival in _RIVALS))
        for size, count in loads
        for name in contestants
        if name.startswith(_OURS)
    ]
    figures = [
        (_load_label(size, count), name, *_server_figures(hot, _load(name, size, count)))
        for size, count in loads
        for name in contestants
    ]
    head = ["image, connections", "contestant", *(f"against {rival.partition('/')[0]}" for rival in _RIVALS)]
    hot_tables = [table(head, ratios), table(["image, connections", "contestant", *_SERVER_FIGURES], figures)]
    more = [
        *_gallery_table(only(found, "load", GALLERY)),
        *_page_table(only(found, "load", PAGE)),
        *_writes_table(only(found, "load", WRITES)),
    ]
    return "\n\n".join([*(hot_tables if hot.rows else []), *more])


def _gallery_table(found: Findings) -> Iterator[str]:
    rows = []
    for size, name in itertools.product(distinct(found, "size"), distinct(found, "contestant")):
        own: dict[str, str | int] = {"size": size, "contestant": name}
        if not select(found, own):
            continue
        against = ratio(found, own, {**own, "contestant": "npm/node"}, "requests_per_s")
        (count,) = distinct(only(found, "size", size), "images")
        rows.append((f"{count:,} of {size_label(size)}", name, times(against), *_server_figures(found, own)))
    if rows:
        yield "The gallery: images in turn, eight times as many as fit into the memory of Pixstore."
        yield table(["images", "contestant", "against npm", *_SERVER_FIGURES], rows)


def _page_table(found: Findings) -> Iterator[str]:
    rows = []
    for count in distinct(found, "images"):
        own = {"images": count}
        pages_per_s = median(found, own, "pages_per_s")
        against = times(ratio(found, own, {"images": 1}, "page_us"))
        rows.append((f"{count} a request", against, figure(median(found, own, "page_us")), figure(pages_per_s)))
    if rows:
        (size,) = distinct(found, "size")
        yield f"The page: {IMAGES} thumbnails of {size_label(size)}, by batches and by single GETs."
        yield table(["images", "CPU against single GETs", "CPU µs a page", "pages/s"], rows)


def _writes_table(found: Findings) -> Iterator[str]:
    rows = []
    for name in distinct(found, "contestant"):
        (size,) = distinct(found, "size")
        against = ratio(found, {"contestant": name}, {"contestant": AT_REST}, "requests_per_s")
        rows.append((name, times(against), *_server_figures(found, {"contestant": name, "size": size})))
    if rows:
        yield f"The writes: an image in memory, at rest and while others are written {WRITES_PER_S} times a second."
        yield table(["contestant", "against at rest", *_SERVER_FIGURES], rows)


def saves_table(found: Findings) -> str:
    """Return saves and their CPU, against the floor and npm, beside the disk's own time for a file of that size."""
    cases = itertools.product(*(distinct(found, column) for column in ("size", "format", "concurrent", "contestant")))
    rows = []
    for size, kind, count, name in cases:
        own: dict[str, str | int] = {"size": size, "format": kind, "concurrent": count, "contestant": name}
        if not (measured := select(found, own)):
            continue
        floor: Selection = {"size": size, "contestant": FLOOR_IN_FILES if name in (IN_FILES, FLOOR_IN_FILES) else FLOOR}
        rows.append(
            (
                f"{size_label(size)} {kind}, {count} at once",
                name,
                figure(median(found, own, "saves_per_s")),
                duration(median(found, {"contestant": DISK, "size": size}, "seconds")),
                figure(median(found, own, "cpu_us")),
                times(ratio(found, own, floor, "cpu_us")),
                times(ratio(found, own, {**own, "contestant": "npm"}, "saves_per_s")),
                measured[0]["durability"],
            )
        )
    head = ["saves/s", "disk's own time", "CPU µs", "CPU against floor", "saves/s against npm", "durability"]
    return table(["image", "contestant", *head], rows)


def growth_tables(found: Findings) -> str:
    """Return the times by number of images, file and log sizes, and requests/s by number of workers."""
    counts = sorted(distinct(found, "images"))
    operations = [
        (
            operation,
            times(ratio(found, _at(operation, counts[-1]), _at(operation, counts[0]), "seconds")),
            *(duration(median(found, _at(operation, count), "seconds")) for count in counts),
        )
        for operation in ("GET", "record", "save", "open")
    ]
    reads = ("pages that a GET reads", "", *(figure(median(found, _at("reads", n), "reads")) for n in counts))
    files = ("file, bytes per image", "", *(figure(median(found, _at("file", n), "bytes_per_image")) for n in counts))
    growing = table(["", "last / first", *(f"{count:,} images" for count in counts)], [*operations, reads, files])
    (log,) = select(found, {"what": "log"})
    log_line = (
        f"While {log['saves']:,} images of {size_label(log['size'])} were saved, the write-ahead log was at most "
        f"{size_label(log['most_bytes'])}; the file is then {log['file_per_image_byte']:.3f} times the images' bytes."
    )
    return "\n\n".join([growing, _commands_table(found), log_line, _workers_line(found)])


def _commands_table(found: Findings) -> str:
    rows = []
    for command in (commands.STATS, commands.EXPORT):
        for row in select(found, {"what": command}):
            label = f"{row['stored']:,} images of {size_label(row['size'])}"
            rows.append((command, label, duration(row["seconds"]), duration(row["cpu_s"]), figure(row["peak_mib"])))
    return table(["command", "store", "time", "CPU", "most memory, MiB"], rows)


def backup_tables(found: Findings) -> str:
    """Return the sizes of each store, then each step of each way beside npm's files copied by hand."""
    stores = [
        (
            str(row["contestant"]),
            f"{row['images']:,} of {size_label(row['size'])}",
            duration(row["seconds"]),
            figure(row["images"] / row["seconds"]),
            size_label(row["database_bytes"]),
            size_label(row["log_bytes"]) if row["log_bytes"] else NOTHING,
            figure(row["above_idle_mib"]),
        )
        for row in select(found, {"load": backup.SAVES})
    ]
    return "\n\n".join(
        [
            "Saved one after another.",
            table(
                ["store", "images", "time", "saves/s", "database", "its log at most", "memory above idle, MiB"], stores
            ),
            f"Backed up, again after {backup.MORE_IMAGES} more images, and restored, while the store is open.",
            table(
                ["step", "way", "time against npm by hand", "time", "CPU", "written", "most memory, MiB"],
                _backup_rows(found),
            ),
        ]
    )


def _backup_rows(found: Findings) -> Iterator[tuple[str, ...]]:
    for load, name in itertools.product((backup.BACKUP, backup.AGAIN, backup.RESTORE), distinct(found, "contestant")):
        own: dict[str, str | int] = {"load": load, "contestant": name}
        for row in select(found, own):
            yield (
                load,
                name,
                times(ratio(found, own, {**own, "contestant": backup.NPM}, "seconds")),
                duration(row["seconds"]),
                duration(row["cpu_s"]),
                size_label(row["written_bytes"]),
                figure(row["peak_mib"]),
            )


def memory_table(found: Findings) -> str:
    """Return the memory above idle of each server."""
    return table(
        ["server", "slow readers", "image", "idle, MiB", "above idle, MiB"],
        [
            (
                str(row["contestant"]),
                str(row["readers"]),
                size_label(int(row["size"])),
                str(row["idle_mib"]),
                str(row["above_idle_mib"]),
            )
            for row in found.rows
        ],
    )


def _workers_line(found: Findings) -> str:
    counts = sorted(distinct(found, "workers"))
    if not counts:
        return ""
    change = ratio(found, {"workers": counts[-1]}, {"workers": counts[0]}, "requests_per_s")
    figures = ", ".join(
        f"{count}: {figure(median(found, {'workers': count}, 'requests_per_s'))} requests/s" for count in counts
    )
    return f"uvicorn by number of workers, load on the same cores: {figures}; ratio {times(change)}."


def _server_figures(found: Findings, own: Selection) -> tuple[str, ...]:
    """Return the cells of _SERVER_FIGURES."""
    per_s = median(found, own, "requests_per_s")
    every = [row for row in found.rows if all(row[name] == value for name, value in own.items())]
    return (
        figure(per_s),
        figure(median(found, own, "cpu_us")),
        figure(None if per_s is None else per_s * int(own["size"]) / 1e6),
        figure(median(found, own, "p50_ms")),
        figure(median(found, own, "p99_ms")),
        str(sum(int(row["wrong"]) for row in every)),
        str(sum(int(row["errors"]) for row in every)),
    )


def _against(found: Findings, name: str, rival: str, size: int, count: int) -> str:
    server = name.rpartition("/")[2]
    over, under = _load(name, size, count), _load(rival.format(server=server), size, count)
    return times(ratio(found, over, under, "requests_per_s"))


def _load_label(size: int, connections: int) -> str:
    return f"{size_label(size)}, {connections}"


def _load(contestant: str, size: int, connections: int) -> Selection:
    return {"contestant": contestant, "size": size, "connections": connections}


def _at(operation: str, images: int) -> Selection:
    return {"what": operation, "images": images}


def _reference_of(case: str) -> str | None:
    if case.startswith("seal "):
        return f"AES-256-GCM, {case.rpartition(', ')[2]}"
    return next((reference for start, reference in _REFERENCES.items() if case.startswith(start)), None)
