"""The part `pictures`: photos saved, copied, stripped and padded in rounds, then shown in Chromium."""

from collections.abc import Iterator

from ..environment import missing_programs
from ..plan import Findings, Plan
from ..progress import Progress
from ..runs import Row
from .copies import making
from .page import pages
from .saves import saves
from .treatments import lengths, padded, stripping


def measure(plan: Plan) -> Findings:
    """Measure all possible cases: without a browser all except the page, and without Node all except sharp."""
    without_page = missing_programs("chromium", "npm thumbhash")
    found = Findings(missing=[*without_page, *missing_programs("node", "npm sharp")])
    progress = Progress("pictures", 0)
    for row in _rows(plan, with_page=not without_page):
        found.rows.append(row)
        progress.say(_label(row))
    return found


def _rows(plan: Plan, *, with_page: bool) -> Iterator[Row]:
    yield from lengths(plan)
    for number in range(plan.photos_rounds):
        yield from saves(plan, number)
        yield from making(plan, number)
        yield from stripping(plan, number)
        yield from padded(plan, number)
    if with_page:
        yield from pages(plan)


def _label(row: Row) -> str:
    told = [f"{name} {_short(value)}" for name, value in row.items() if name not in ("contestant", "load", "round")]
    return ", ".join([f"{row['contestant']}, {row['load']}", *told])


def _short(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
