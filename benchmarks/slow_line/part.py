"""The part `slow-line`: every way to show the page, round by round, each in a browser that has nothing of it."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from ..environment import missing_programs
from ..plan import Findings, Plan
from ..progress import Progress
from .site import running_site
from .visit import visit
from .ways import AGAIN, COLD, WAYS


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts: the ways' pages."""
    return [way.page for way in WAYS]


def measure(plan: Plan) -> Findings:
    """Visit the page twice in every way in each round."""
    found = Findings(missing=missing_programs("chromium", "node", "npm front end", "npm react"))
    if found.missing:
        return found
    ways = [way for way in WAYS if plan.has_case(way.page)]
    progress = Progress("slow-line", plan.slow_line_rounds * 2 * len(ways))
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name:
        folder = Path(name)
        with running_site(folder, plan) as site, sync_playwright() as playwright:
            for number in range(plan.slow_line_rounds):
                for way in ways[:: -1 if number % 2 else 1]:
                    for moment in (COLD, AGAIN):
                        row = visit(playwright, folder / "profile", site, way, plan)
                        found.rows.append({"contestant": way.name, "visit": moment, "round": number, **row})
                        progress.step(", ".join(f"{key} {value}" for key, value in found.rows[-1].items()))
                    shutil.rmtree(folder / "profile")
    return found
