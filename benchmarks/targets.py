"""The project's targets."""

import itertools
from collections.abc import Callable, Iterator
from typing import Literal

from . import sealed_records
from .growth_targets import backup_targets, growth_targets, memory_targets
from .photos.targets import photo_targets
from .pictures import PICTURES
from .plan import FULL, KB, MB, Findings, size_label
from .ratios import Parts, Ratio, Selection, Target, difference, median, ratio, select
from .runs import GALLERY, HOT, PAGE, WRITES
from .saves import FLOOR, FLOOR_IN_FILES, IN_FILES
from .scroll import ways as scroll
from .slow_line import ways as slow_line
from .stores import gets as stores
from .stores.calls import LAST_BYTE, LAST_BYTE_UNCACHED, READ
from .stores.part import MEMORY
from .stores.places import POSTGRES, SQLITE, SQLITE_FILES
from .writes import AT_REST, WRITES_PER_S, WRITTEN

_CONNECTIONS = 16


def targets(parts: Parts) -> list[Target]:
    """Return every target with its measurement."""
    groups: tuple[Callable[[Parts], Iterator[Target]], ...] = (
        _gets,
        _gallery,
        _page,
        _writes,
        _saves,
        _pieces,
        growth_targets,
        backup_targets,
        memory_targets,
        _stores,
        photo_targets,
        _browser,
        _scroll,
        _slow_line,
        _sealed_records,
    )
    return [target for group in groups for target in group(parts)]


def _gets(parts: Parts) -> Iterator[Target]:
    ours = {
        "pixstore/uvicorn": "mounted",
        "middleware/uvicorn": "as outermost middleware",
        "alone/uvicorn": "without a framework",  # as the floor: like is compared with like
    }
    words = {
        "npm/node": "npm's endpoint",
        "floor/uvicorn": "a bare ASGI app",
        "nginx/nginx": "nginx with secure_link",
    }
    bounds = {
        ("pixstore/uvicorn", "floor/uvicorn"): {30 * KB: 0.5},
        ("middleware/uvicorn", "floor/uvicorn"): {30 * KB: 0.6},
        ("alone/uvicorn", "floor/uvicorn"): {30 * KB: 0.65, 370 * KB: 0.85, 3_800 * KB: 0.93},
        ("pixstore/uvicorn", "npm/node"): {30 * KB: 2.7, 370 * KB: 2.7, 3_800 * KB: 2.3},
        ("pixstore/uvicorn", "nginx/nginx"): {370 * KB: 0.6, 3_800 * KB: 0.6, 20 * MB: 0.6},
    }
    for (own, rival), sizes in bounds.items():
        for size, bound in sizes.items():
            load = f"GET of {size_label(size)}, {_CONNECTIONS} connections, uvicorn, {ours[own]}"
            shared: dict[str, str | int] = {"load": HOT, "size": size, "connections": _CONNECTIONS}
            over, under = {**shared, "contestant": own}, {**shared, "contestant": rival}
            measured = ratio(parts.get("servers"), over, under, "requests_per_s")
            yield Target(f"{load}: requests/s against {words[rival]}", "at least", bound, "x", measured)


def _gallery(parts: Parts) -> Iterator[Target]:
    bounds = {
        ("pixstore", 30 * KB): 1.6,
        ("pixstore", 370 * KB): 1.6,
        ("pixstore", 3_800 * KB): 1.8,
        (IN_FILES, 3_800 * KB): 2.5,
    }
    for (own, size), bound in bounds.items():
        shared: dict[str, str | int] = {"load": GALLERY, "size": size}
        over, under = {**shared, "contestant": f"{own}/uvicorn"}, {**shared, "contestant": "npm/node"}
        name = (
            f"GETs in turn of {FULL.gallery_count(size):,} images of {size_label(size)}{_place(own)}, uvicorn, mounted"
        )
        measured = ratio(parts.get("servers"), over, under, "requests_per_s")
        yield Target(f"{name}: requests/s against npm's endpoint", "at least", bound, "x", measured)


def _page(parts: Parts) -> Iterator[Target]:
    over, under = ({"load": PAGE, "contestant": name} for name in ("batches/uvicorn", "singles/uvicorn"))
    name = "a page of 100 thumbnails of 8 KB in 4 batches, uvicorn, mounted: the server's CPU against 100 GETs"
    yield Target(name, "at most", 0.4, "x", ratio(parts.get("servers"), over, under, "page_us"))


def _writes(parts: Parts) -> Iterator[Target]:
    over, under = ({"load": WRITES, "contestant": name} for name in (WRITTEN, AT_REST))
    name = f"GET of 30 KB, uvicorn, mounted, beside {WRITES_PER_S} writes of other images a second: requests/s"
    measured = ratio(parts.get("servers"), over, under, "requests_per_s")
    yield Target(f"{name} against those at rest", "at least", 0.9, "x", measured)


def _saves(parts: Parts) -> Iterator[Target]:
    found = parts.get("saves")
    bounds = {
        ("pixstore", 30 * KB, 1): 6.0,
        ("pixstore", 30 * KB, 16): 4.0,
        ("pixstore", 3_800 * KB, 1): 1.0,
        ("pixstore", 3_800 * KB, 16): 1.0,
        (IN_FILES, 3_800 * KB, 1): 1.0,
        (IN_FILES, 3_800 * KB, 16): 1.0,
    }
    for (own, size, concurrent), bound in bounds.items():
        floor = FLOOR_IN_FILES if own == IN_FILES else FLOOR
        under: Selection = {"size": size, "contestant": floor}
        for kind in PICTURES:
            over: Selection = {"size": size, "format": kind, "concurrent": concurrent, "contestant": own}
            name = f"saves of {size_label(size)} {kind}{_place(own)}, {concurrent} at once, default durability: CPU"
            measured = ratio(found, over, under, "cpu_us")
            yield Target(f"{name} against AES-GCM and one INSERT", "at most", bound, "x", measured)


def _place(contestant: str) -> str:
    return ", in files" if contestant == IN_FILES else ""


def _pieces(parts: Parts) -> Iterator[Target]:
    def times(over: str, under: str) -> Ratio | None:
        return ratio(parts.get("in-process"), _case(over), _case(under), "seconds")

    many = times("get_image_records, per record", "npm getImageRecord")
    yield Target("get_image_records of 100, per record: time against npm's getImageRecord", "at most", 1 / 3, "x", many)
    verify = times("proof verify", "hmac.digest")
    yield Target("proof verify: time against one bare hmac.digest", "below", 2.0, "x", verify)
    for how in ("at once", "streamed"):
        speed = times(f"AES-256-GCM, {5 * MB}", f"seal {how}, {5 * MB}")
        name = f"seal {size_label(5 * MB)} {how}: speed against AES-256-GCM alone, into one buffer"
        yield Target(name, "at least", 0.6, "x", speed)


def _stores(parts: Parts) -> Iterator[Target]:
    found = parts.get("stores")
    shared: Selection = {"load": stores.CACHED, "size": stores.SMALL, "connections": stores.MANY_CONNECTIONS}
    over, under = ({**shared, "contestant": name} for name in (POSTGRES, SQLITE))
    name = f"GET of {size_label(stores.SMALL)} in memory, {stores.MANY_CONNECTIONS} connections, PostgreSQL"
    cpu = ratio(found, over, under, "cpu_us")
    yield Target(f"{name}: the application's CPU against SQLite", "at most", 2.0, "x", cpu)
    read: Selection = {"load": READ, "size": 3_800 * KB}
    over, under = ({**read, "contestant": name} for name in (SQLITE_FILES, SQLITE))
    name = "a read of 3.8 MB not in memory, in files, without a server: CPU against that of SQLite"
    yield Target(name, "at most", 0.4, "x", ratio(found, over, under, "cpu_us"))
    for load, place in itertools.product((LAST_BYTE, LAST_BYTE_UNCACHED), (SQLITE, SQLITE_FILES)):
        seconds = median(found, {"load": load, "contestant": place, "size": 20 * MB}, "seconds")
        measured = None if seconds is None else Ratio(seconds * 1000, FULL.few_rounds)
        name = f"a range of one byte at the end of 20 MB, {place}{load.removeprefix(LAST_BYTE)}, without a server"
        yield Target(name, "at most", 1.0, " ms", measured)
    for place in (POSTGRES, f"{SQLITE} + S3", f"{POSTGRES} + S3"):
        row: Selection = {"load": MEMORY, "contestant": place, "readers": FULL.stores_readers, "size": 20 * MB}
        used = median(found, row, "above_idle_mib")
        name = f"{FULL.stores_readers} slow readers of 20 MB, uncached, {place}: memory above idle"
        yield Target(name, "at most", 32.0, " MiB", None if used is None else Ratio(used, 1))


def _browser(parts: Parts) -> Iterator[Target]:
    found = parts.get("browser")
    for size in FULL.browser_sizes:
        label = f"cold fetch, {size_label(size)}"
        over, under = ({"label": label, "contestant": name} for name in ("pixstore", "floor"))
        name = f"browser, {label}: time against fetch, decryption and Blob"
        yield Target(name, "at most", 1.05, "x", ratio(found, over, under, "ms"))
    bounds = {  # by the labels of the cases
        "first read after a reload, 50 KB": 0.88,
        "first read after a reload, 500 KB": 0.5,
        "first read after a reload, 5 MB": 0.45,
        "hot read, every byte, 50 KB": 0.3,
        "hot read, every byte, 500 KB": 0.2,
        "hot read, every byte, 5 MB": 0.1,
        "hot read of 50 KB beside images of 5 MB": 0.2,
        "100 images of 50 KB at once, cold": 0.3,
        "100 images of 50 KB at once, after a reload": 0.55,
        "100 images of 50 KB at once, cold, 50 ms away": 0.15,
        "10 calls at once for one image of 5 MB": 0.12,
        "main thread for 5 MB from the cache": 0.1,
    }
    for label, bound in bounds.items():
        over, under = ({"label": label, "contestant": name} for name in ("pixstore", "npm"))
        name = f"browser, {label}: time against npm's front end"
        yield Target(name, "at most", bound, "x", ratio(found, over, under, "ms"))
    yield from _browser_counts(found)


def _browser_counts(found: Findings | None) -> Iterator[Target]:
    def target(
        label: str, title: str, sense: Literal["at most", "below"], bound: float, unit: str, column: str, scale: int = 1
    ) -> Target:
        own: Selection = {"label": label, "contestant": "pixstore"}
        value = median(found, own, column)
        measured = None if value is None else Ratio(value / scale, len(select(found, own)))
        return Target(f"browser, {label}: {title}", sense, bound, unit, measured)

    evicted = "one more image at 1,000 cached images of 500 KB"
    yield target("10 calls at once for one image of 5 MB", "requests", "at most", 1, "", "requests")
    yield target("a hit of 5 MB", "written", "below", 1, " KB", "bytes_written", KB)
    yield target(evicted, "longest stall of the page", "below", 20, " ms", "stall_ms")
    yield target(evicted, "image bytes read", "at most", 0, " B", "bytes_read")


def _scroll(parts: Parts) -> Iterator[Target]:
    found = parts.get("scroll")
    bounds = {
        "opening_task_ms": ("longest task while the page is opened", 50.0, " ms"),
        "longest_task_ms": ("longest task while it is scrolled", 50.0, " ms"),
        "kept_above_mib": (
            "renderer's memory at the end, without decoded pictures, above that at the start",
            64.0,
            " MiB",
        ),
        "heap_above_mib": ("JavaScript's heap at the end, above that at the start", 4.0, " MiB"),
    }
    for page, (column, (quantity, bound, unit)) in itertools.product(scroll.OURS, bounds.items()):
        own: Selection = {"contestant": page}
        value = median(found, own, column)
        measured = None if value is None else Ratio(value, len(select(found, own)))
        name = f"scroll of {FULL.scroll_images:,} thumbnails, {page}: {quantity}"
        yield Target(name, "at most", bound, unit, measured)
    ratios = {
        "browser_s": ("CPU of the whole browser against img", 2.0),
        "renderer_s": ("CPU of the page's renderer against img", 2.0),
        "end_above_mib": ("renderers' memory at the end, above that at the start, against img", 1.25),
    }
    for page, (column, (quantity, factor)) in itertools.product(scroll.PER_PICTURE, ratios.items()):
        over, under = {"contestant": page}, {"contestant": scroll.IN_CLEAR}
        name = f"scroll of {FULL.scroll_images:,} thumbnails, {page}: {quantity}"
        yield Target(name, "at most", factor, "x", ratio(found, over, under, column))
    yield from _scroll_in_webkit(found)


def _scroll_in_webkit(found: Findings | None) -> Iterator[Target]:
    own: Selection = {"contestant": scroll.ELEMENT_IN_WEBKIT, "images": FULL.scroll_images}
    in_clear: Selection = {**own, "contestant": scroll.IN_CLEAR_IN_WEBKIT}
    name = f"{FULL.scroll_images:,} thumbnails scrolled in WebKitGTK, {scroll.ELEMENT}"
    peak = ratio(found, own, in_clear, "web_peak_mib")
    yield Target(f"{name}: the web process at its peak, above a blank page, against img", "at most", 1.25, "x", peak)
    canvases = median(found, own, "canvases_alive")
    measured = None if canvases is None else Ratio(canvases, len(select(found, own)))
    yield Target(f"{name}: canvases alive after the scroll", "at most", 0, "", measured)


def _slow_line(parts: Parts) -> Iterator[Target]:
    bounds = {
        (slow_line.ELEMENT, slow_line.IN_CLEAR, "first_ms"): 1.5,
        (slow_line.ELEMENT, slow_line.IN_CLEAR, "screen_ms"): 1.08,
        (slow_line.BY_HAND, slow_line.IN_CLEAR, "screen_ms"): 1.08,
        (slow_line.IN_HTML, slow_line.IN_CLEAR, "first_ms"): 1.3,
        (slow_line.IN_HTML, slow_line.IN_CLEAR, "screen_ms"): 1.05,
        (slow_line.REACT, slow_line.ELEMENT, "screen_ms"): 1.1,
    }
    for (own, other, column), bound in bounds.items():
        over, under = ({"contestant": name, "visit": slow_line.COLD} for name in (own, other))
        name = f"slow 4G, {FULL.slow_line_images} thumbnails, cold, {own}: time to {slow_line.MOMENTS[column]}"
        measured = ratio(parts.get("slow-line"), over, under, column)
        yield Target(f"{name} against {other}", "at most", bound, "x", measured)


def _sealed_records(parts: Parts) -> Iterator[Target]:
    found = parts.get("sealed-records")

    def both(label: str) -> tuple[Selection, Selection]:
        over, under = ({"label": label, "contestant": kind} for kind in (sealed_records.SEALED, sealed_records.PLAIN))
        return over, under

    for label in (kind(size) for kind in (sealed_records.cold, sealed_records.reload) for size in FULL.browser_sizes):
        name = f"sealed records, {label}: time against plain records"
        yield Target(name, "at most", 1.05, "x", ratio(found, *both(label), "ms"))
    for label, bound in ((sealed_records.PAGE, 20.0), (sealed_records.ANSWER, 0.4)):
        name = f"sealed records, {label}: more than with plain records"
        yield Target(name, "at most", bound, " ms", difference(found, *both(label), "ms"))


def _case(name: str) -> Selection:
    return {"case": name}
