"""The table of the browser benchmarks in Markdown."""

from benchmarks.markdown import table
from benchmarks.plan import Findings
from benchmarks.ratios import Ratio, distinct, median, ratio

from .cases import FLOOR, NPM, OURS

_NOTHING = "-"
# Columns of a finding: their meaning and unit.
_QUANTITIES = {
    "ms": ("time", "ms"),
    "requests": ("requests", ""),
    "bytes_written": ("written", "B"),
    "bytes_read": ("image bytes read", "B"),
    "stall_ms": ("longest stall", "ms"),
    "idle_ms": ("longest stall at rest", "ms"),
    "renderer_mib": ("renderer's memory above idle", "MiB"),
    "all_mib": ("browser's memory above idle", "MiB"),
}


def browser_table(found: Findings) -> str:
    """Return every case with its measurements, ratios first."""
    rows = []
    for case in distinct(found, "case"):
        for column, (quantity, unit) in _QUANTITIES.items():
            measured = [row for row in found.rows if row["case"] == case and column in row]
            if measured:
                rows.append((f"{measured[0]['label']}: {quantity}", *_figures(found, case, column, unit)))
    return table(["", "against npm", "against the floor", "npm", "pixstore", "floor", "wrong"], rows)


def _figures(found: Findings, case: str, column: str, unit: str) -> tuple[str, ...]:
    own = {name: {"case": case, "contestant": name} for name in (NPM, OURS, FLOOR)}
    against = (ratio(found, own[OURS], own[rival], column) for rival in (NPM, FLOOR))
    absolute = (median(found, own[name], column) for name in (NPM, OURS, FLOOR))
    wrong = sum(int(row.get("wrong", 0)) for row in found.rows if row["case"] == case)
    return (*map(_times, against), *(_amount(value, unit) for value in absolute), str(wrong))


def _times(value: Ratio | None) -> str:
    return f"{value.value:.2f}x" if value else _NOTHING


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return _NOTHING
    return (f"{value:,.0f}" if value >= 100 else f"{value:.3g}") + (f" {unit}" if unit else "")
