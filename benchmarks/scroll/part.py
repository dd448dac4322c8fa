"""The part `scroll`: every way to show the page, round by round, each in a browser that has nothing of it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from ..environment import missing_programs
from ..plan import Findings, Plan
from ..progress import Progress
from ..runs import Row
from .site import running_site
from .visit import visit
from .ways import IN_WEBKIT, ONCE, WAYS, Way
from .webkit import PROGRAMS, webkit_rows


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts: the browsers."""
    return list(_CASES)


def measure(plan: Plan) -> Findings:
    """Scroll through the page in every way in each round, then in WebKitGTK."""
    found = Findings(missing=missing_programs("node", "npm front end", "npm react"))
    if found.missing:
        return found
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, running_site(Path(name), plan) as url:
        for case, (programs, rows) in _CASES.items():
            if not plan.has_case(case):
                continue
            missing = missing_programs(*programs)
            found.missing += missing
            found.rows += [] if missing else rows(url, plan)
    return found


def _chromium_rows(url: str, plan: Plan) -> Iterator[Row]:
    rounds = [[_shown(way, number) for way in WAYS[:: -1 if number % 2 else 1]] for number in range(plan.few_rounds)]
    progress = Progress("scroll", sum(len(way.visits) for ways in rounds for way in ways))
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, sync_playwright() as playwright:
        for number, ways in enumerate(rounds):
            for way in ways:
                for row in _visits(playwright, Path(name) / "profile", url, way, plan):
                    yield {"round": number, **row}
                    progress.step(_label(row))


def _shown(way: Way, number: int) -> Way:
    """Return the way without the visits that this round leaves out."""
    return replace(way, visits=tuple(name for name in way.visits if not number or name not in ONCE))


def _visits(playwright: Playwright, profile: Path, url: str, way: Way, plan: Plan) -> Iterator[Row]:
    """Visit the page as often as the way says, by a browser that is started anew on the same profile."""
    for name in way.visits:
        found = visit(playwright, profile, url, way, plan.scroll_pixels_per_frame)
        yield {"contestant": name, "images": plan.scroll_images, **found}
    shutil.rmtree(profile, ignore_errors=not way.visits)


def _webkit_rows(url: str, plan: Plan) -> Iterator[Row]:
    progress = Progress("scroll", len(IN_WEBKIT))
    for row in webkit_rows(url, plan):
        yield row
        progress.step(_label(row))


def _label(row: Row) -> str:
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else str(value) for name, value in row.items())


# The browsers, the programs that each needs, and its measurements.
_CASES: dict[str, tuple[tuple[str, ...], Callable[[str, Plan], Iterator[Row]]]] = {
    "chromium": (("chromium",), _chromium_rows),
    "webkit": (PROGRAMS, _webkit_rows),
}
