"""The tables of the part `slow-line`, and its chart."""

from ..charts import Bar, Panel
from ..markdown import NOTHING, duration, figure, table, times
from ..plan import KB, Findings, size_label
from ..ratios import distinct, median, only, ratio
from .ways import AGAIN, COLD, IN_CLEAR, MOMENTS, NPM, SIGNED


def slow_line_tables(found: Findings) -> str:
    """Return a table for each visit: the moments, against the plain page, and the traffic."""
    (images,), (on_screen,) = distinct(found, "images"), distinct(found, "on_screen")
    blocks = [f"A page of {images} thumbnails, {on_screen} of them on the first screen. Ratios are against {IN_CLEAR}."]
    head = ["page", *(f"{title}, ratio" for title in MOMENTS.values()), *MOMENTS.values()]
    for visit in (COLD, AGAIN):
        own = only(found, "visit", visit)
        rows = [(name, *_figures(own, name)) for name in distinct(own, "contestant")]
        blocks += [f"The {visit} visit:", table([*head, "requests", "connections", "down", "up"], rows)]
    return "\n\n".join(blocks)


def slow_line_panels(found: Findings) -> list[Panel]:
    """Return the chart's panels: each moment of the cold visit, and the first screen of the returning one."""
    shown = [(COLD, "first_ms"), (COLD, "screen_ms"), (COLD, "all_ms"), (AGAIN, "screen_ms")]
    return [_panel(only(found, "visit", visit), f"{MOMENTS[column]}, {visit}", column) for visit, column in shown]


def _panel(found: Findings, title: str, column: str) -> Panel:
    bars = []
    for name in distinct(found, "contestant"):
        seconds = (median(found, {"contestant": name}, column) or 0.0) / 1000
        bars.append(Bar(name, seconds, duration(seconds), is_ours=name not in (IN_CLEAR, SIGNED, NPM)))
    return Panel(title, bars)


def _figures(found: Findings, name: str) -> tuple[str, ...]:
    own = {"contestant": name}
    return (
        *(times(ratio(found, own, {"contestant": IN_CLEAR}, column)) for column in MOMENTS),
        *(_ms(median(found, own, column)) for column in MOMENTS),
        *(figure(median(found, own, column)) for column in ("requests", "connections")),
        *(_size(median(found, own, column)) for column in ("down_bytes", "up_bytes")),
    )


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} ms"


def _size(value: float | None) -> str:
    return NOTHING if value is None else size_label(round(value / KB) * KB)
