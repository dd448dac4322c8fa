"""The tables of the part `pictures`, each with a sentence about the measurement."""

from collections.abc import Callable, Iterable

from ..charts import Bar, Panel
from ..markdown import duration, figure, table, times
from ..plan import Findings, size_label
from ..ratios import distinct, median, only, ratio, select
from . import copies, page, treatments
from .saves import SAVES
from .ways import ALONE, BY_HAND, COPIES

_COPIES = ", ".join(f"{width} pixels wide as {kind}" for _, width, kind in COPIES)
_SAVES_HEAD = (
    "saves",
    "way",
    "CPU against by hand",
    "CPU against no copies",
    "photos/s per core",
    "CPU",
    "peak MiB",
    "longest stall",
)
_PAGE_HEAD = (
    "line",
    "pictures",
    "bytes against originals",
    "time against originals",
    "bytes",
    "bytes of records",
    "requests",
    "first placeholder",
    "first picture",
    "all pictures",
    "wrong",
)


def pictures_tables(found: Findings) -> str:
    """Return a table for each load."""
    makers: dict[str, Callable[[Findings], str]] = {
        SAVES: _saves,
        copies.MAKING: _making,
        page.PAGE: _page,
        treatments.STRIPPING: _stripping,
        treatments.LENGTHS: _lengths,
        treatments.PADDING: _padding,
    }
    parts = ((make, only(found, "load", load)) for load, make in makers.items())
    return "\n\n".join(make(measured) for make, measured in parts if measured.rows)


def saves_panels(every: Findings) -> list[Panel]:
    """Return the chart's panel: the CPU of one photo, by every way."""
    found = only(every, "load", SAVES)
    panels = []
    for at_once in distinct(found, "concurrent"):
        bars = []
        for name in distinct(found, "contestant"):
            used = median(found, {"contestant": name, "concurrent": at_once}, "cpu_s") or 0.0
            bars.append(Bar(name, used, f"{used * 1e3:,.0f} ms", is_ours=name != BY_HAND))
        panels.append(Panel(f"{at_once} at once", bars))
    return panels


def _saves(found: Findings) -> str:
    (size,) = distinct(found, "size")
    rows = []
    for at_once in distinct(found, "concurrent"):
        for name in distinct(found, "contestant"):
            own = {"contestant": name, "concurrent": at_once}
            against = (ratio(found, own, {**own, "contestant": rival}, "cpu_s") for rival in (BY_HAND, ALONE))
            rate, peak = (median(found, own, column) for column in ("saves_per_core_s", "peak_mib"))
            used, stall = (duration(median(found, own, column)) for column in ("cpu_s", "stall_s"))
            rows.append((f"{at_once} at once", name, *map(times, against), figure(rate), used, figure(peak), stall))
    return (
        f"A photo of {size_label(size)} saved with smaller copies ({_COPIES}), by each way in a process and a database "
        f"of its own; CPU, memory and cores are those of all its processes.\n\n{table(_SAVES_HEAD, rows)}"
    )


def _making(found: Findings) -> str:
    rows = []
    for task, kind in dict.fromkeys((row["task"], row["format"]) for row in found.rows):
        for name in distinct(found, "contestant"):
            own = {"task": task, "format": kind, "contestant": name}
            used, size = median(found, own, "cpu_s"), median(found, own, "megapixels")
            against = (
                times(ratio(found, own, {**own, "contestant": rival}, "cpu_s")) for rival in (BY_HAND, copies.SHARP)
            )
            each = duration(used / size if used and size else None)
            rows.append((f"{task}, {size or 0:.3g} MP as {kind}", name, *against, each, duration(used)))
    ((_, one_width, _),) = copies.IMGPROXY
    head = ["task", "way", "CPU against by hand", "CPU against sharp", "CPU a megapixel", "CPU a photo"]
    return (
        f"The same copies made without saving them, and one copy {one_width} pixels wide. For such a copy of photos "
        f"2,040 pixels wide [imgproxy publishes](https://github.com/imgproxy/image-servers-benchmark) 79.6 answers a "
        "second on two vCPUs of a c7i.large in 2023: at most 25 ms of CPU, about 9 ms a megapixel.\n\n"
        + table(head, rows)
    )


def _page(found: Findings) -> str:
    (images,) = distinct(found, "images")
    rows = []
    for line in distinct(found, "line"):
        for name in distinct(only(found, "line", line), "contestant"):
            own = {"line": line, "contestant": name}
            rival = {**own, "contestant": name.replace(page.THUMBS, page.ORIGINALS)}
            against = (times(ratio(found, own, rival, column)) for column in ("image_bytes", "seconds"))
            sizes = (_size(median(found, own, column)) for column in ("image_bytes", "record_bytes"))
            requests = figure(median(found, own, "requests"))
            moments = (duration(median(found, own, column)) for column in page.MOMENTS)
            wrong = sum(int(row["wrong"]) for row in only(found, "line", line).rows if row["contestant"] == name)
            rows.append((line, name, *against, *sizes, requests, *moments, str(wrong)))
    return (
        f"A page of {images} photos in Chromium, all of them in view, from when it asks for their records until they "
        f"are painted; the slow line has {page.SLOW_MBIT} Mbit/s and {page.SLOW_MS} ms.\n\n{table(_PAGE_HEAD, rows)}"
    )


def _size(size: float | None) -> str:
    return figure(None) if size is None else size_label(round(size))


def _stripping(found: Findings) -> str:
    rows = []
    for kind in distinct(found, "format"):
        own, rival = ({"format": kind, "contestant": name} for name in (treatments.STRIP, treatments.SEAL))
        taken = (duration(median(found, case, "cpu_s")) for case in (own, rival))
        size = size_label(select(found, own)[0]["size"])
        rows.append((f"{kind}, {size}", times(ratio(found, own, rival, "cpu_s")), *taken))
    head = ["photo", "against sealing", "stripping, CPU a MB", "sealing, CPU a MB"]
    return (
        f"Metadata stripped from a photo in each format, beside the sealing of the same bytes.\n\n{table(head, rows)}"
    )


def _lengths(found: Findings) -> str:
    rows = [
        (
            f"{row['images']:,} {row['contestant']}",
            *(f"{float(row[column]):.1%}" for column in ("mean", "largest")),
            *(f"{row[column]:,}" for column in ("lengths", "lengths_padded")),
        )
        for row in found.rows
    ]
    spreads = _joined(
        f"{kind} {size_label(middle)} and {deviation}" for kind, (middle, deviation) in treatments.SPREADS.items()
    )
    return (
        "How much longer padding makes images, and how many different lengths there are before and after. Lengths are "
        f"drawn log-normally, with medians and deviations of {spreads}.\n\n"
        + table(["images", "longer, mean", "at most", "lengths", "padded"], rows)
    )


def _padding(found: Findings) -> str:
    rows = []
    for kind in distinct(found, "kind"):
        own, rival = ({"kind": kind, "contestant": name} for name in (treatments.SEAL_PADDED, treatments.SEAL))
        taken = (duration(median(found, case, "cpu_s")) for case in (own, rival))
        rows.append((kind, times(ratio(found, own, rival, "cpu_s")), *taken))
    head = ["images", "against no padding", "padded, CPU each", "not padded, CPU each"]
    return f"Some of these images sealed, padded and not.\n\n{table(head, rows)}"


def _joined(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
