"""The tables of the part `scroll`, and its chart."""

from ..charts import Bar, Panel
from ..markdown import NOTHING, duration, figure, table, times
from ..memory import MIB
from ..plan import Findings, size_label
from ..ratios import Selection, distinct, median, ratio, select
from .ways import EMPTY, IN_CLEAR, IN_CLEAR_IN_WEBKIT, IN_WEBKIT, NPM, OURS, WEBKIT_LIMIT

_SMOOTHNESS_HEAD = (
    "page",
    "main thread's CPU against npm",
    "main thread, CPU",
    "renderer, CPU",
    "frames/s",
    "late frames",
    "above 50 ms",
    "longest wait for a frame",
    "long tasks",
    "longest task",
    "longest before, opening the page",
)
_COST_HEAD = (
    "page",
    "browser's CPU for 100 pictures",
    "against img",
    "renderer's CPU for 100 pictures",
    "against img",
    "renderers' memory at the end, above that at the start, against img",
    "AES-256-GCM in the page, per MB",
)
_PICTURES_HEAD = (
    "page",
    "pictures there",
    "without picture, mean",
    "went by unseen",
    "requests",
    "bytes",
    "renderers at start, MiB",
    "above it at the peak",
    "above it at the end",
    "without decoded pictures",
    "JavaScript's heap at the end",
)
_WEBKIT_HEAD = (
    "page",
    "peak against img",
    "blank page, MiB",
    "above it at the peak",
    "above it at the end",
    "canvases made",
    "alive after the scroll",
    "peaks of longer pages, MiB",
    f"longest page within {size_label(WEBKIT_LIMIT)}",
)


def scroll_tables(found: Findings) -> str:
    """Return tables on smoothness, on the cost of a picture, on traffic and memory, and on WebKitGTK."""
    chromium, webkit = _in_browsers(found)
    return "\n\n".join(
        [*(_chromium_tables(chromium) if chromium.rows else ()), *(_webkit_table(webkit) if webkit.rows else ())]
    )


def _chromium_tables(found: Findings) -> list[str]:
    (images,) = distinct(found, "images")
    names = distinct(found, "contestant")
    return [
        f"A page of {images:,} thumbnails in Chromium, scrolled through from top to end.",
        table(_SMOOTHNESS_HEAD, [(name, *_smoothness(found, name)) for name in names]),
        table(_COST_HEAD, [(name, *_cost(found, name)) for name in names if name != EMPTY]),
        table(_PICTURES_HEAD, [(name, *_pictures(found, name)) for name in names if name != EMPTY]),
    ]


def _webkit_table(found: Findings) -> list[str]:
    images, *longer = distinct(found, "images")
    names = distinct(found, "contestant")
    return [
        f"The same page of {images:,} thumbnails in WebKitGTK, and longer ones: the memory of its web process.",
        table(_WEBKIT_HEAD, [(name, *_webkit(found, name, images, longer)) for name in names]),
    ]


def _webkit(found: Findings, name: str, images: int, longer: list[int]) -> tuple[str, ...]:
    own: Selection = {"contestant": name, "images": images}
    columns = ("blank_mib", "web_peak_mib", "web_end_mib", "canvases", "canvases_alive")
    peaks = {count: median(found, {**own, "images": count}, "web_peak_mib") for count in longer}
    return (
        times(ratio(found, own, {**own, "contestant": IN_CLEAR_IN_WEBKIT}, "web_peak_mib")),
        *(figure(median(found, own, column)) for column in columns),
        "; ".join(f"{count:,}: {figure(peak)}" for count, peak in peaks.items() if peak is not None) or NOTHING,
        figure(longest_page(found, name)),
    )


def longest_page(found: Findings, name: str) -> int | None:
    """Return how many pictures the longest page has that WebKit survives, or None if it survives none."""
    rows = select(found, {"contestant": name})
    return max((row["images"] for row in rows if row["web_peak_mib"] * MIB <= WEBKIT_LIMIT), default=None)


def _in_browsers(found: Findings) -> tuple[Findings, Findings]:
    """Return the rows of Chromium and those of WebKitGTK."""
    webkit = [row for row in found.rows if row["contestant"] in IN_WEBKIT]
    return Findings([row for row in found.rows if row not in webkit]), Findings(webkit)


def scroll_panels(found: Findings) -> list[Panel]:
    """Return the chart's panels: the main thread's time, late frames, and the renderer's memory."""
    units = {
        "main_thread_s": ("CPU of the main thread", 1.0, " s"),
        "late": ("Late frames", 100.0, " %"),
        "peak_above_mib": ("The renderer's memory at its peak, above that at the start", 1.0, " MiB"),
    }
    names = distinct(_in_browsers(found)[0], "contestant")
    return [
        Panel(title, [_bar(found, name, column, scale, unit) for name in names])
        for column, (title, scale, unit) in units.items()
    ]


def _bar(found: Findings, name: str, column: str, scale: float, unit: str) -> Bar:
    value = (median(found, {"contestant": name}, column) or 0.0) * scale
    return Bar(name, value, figure(value) + unit, is_ours=name in OURS)


def _smoothness(found: Findings, name: str) -> tuple[str, ...]:
    own = {"contestant": name}
    return (
        times(ratio(found, own, {"contestant": NPM}, "main_thread_s")),
        *(duration(median(found, own, column)) for column in ("main_thread_s", "renderer_s")),
        figure(median(found, own, "frames_per_s")),
        *(_share(median(found, own, column)) for column in ("late", "held_up")),
        _ms(median(found, own, "longest_wait_ms")),
        figure(median(found, own, "long_tasks")),
        *(_ms(median(found, own, column)) for column in ("longest_task_ms", "opening_task_ms")),
    )


def _cost(found: Findings, name: str) -> tuple[str, ...]:
    own, in_clear = {"contestant": name}, {"contestant": IN_CLEAR}
    (images,) = distinct(found, "images")
    cells: list[str] = []
    for column in ("browser_s", "renderer_s"):
        seconds = median(found, own, column)
        cells += [
            NOTHING if seconds is None else duration(seconds / int(images) * 100),
            times(ratio(found, own, in_clear, column)),
        ]
    return *cells, times(ratio(found, own, in_clear, "end_above_mib")), _ms(median(found, own, "aes_ms_per_mb"), 1)


def _pictures(found: Findings, name: str) -> tuple[str, ...]:
    own = {"contestant": name}
    size = median(found, own, "bytes")
    return (
        _share(median(found, own, "shown")),
        _ms(median(found, own, "wait_ms")),
        *(figure(median(found, own, column)) for column in ("unseen", "requests")),
        NOTHING if size is None else size_label(round(size)),
        *(
            figure(median(found, own, f"{moment}_mib"))
            for moment in ("start", "peak_above", "end_above", "kept_above", "heap_above")
        ),
    )


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def _ms(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:.{digits}f} ms"
