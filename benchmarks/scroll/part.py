"""The part `scroll`: every way to show the page, round by round, each in a browser that has nothing of it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from ..environment import missing_programs
from ..plan import Findings, Plan
from ..progress import Progress
from ..runs import Row
from .site import running_site
from .visit import visit
from .ways import WAYS, Way


def measure(plan: Plan) -> Findings:
    """Scroll through the page in every way in each round."""
    found = Findings(missing=missing_programs("chromium", "node", "npm front end", "npm react"))
    if found.missing:
        return found
    progress = Progress("scroll", plan.few_rounds * sum(len(way.visits) for way in WAYS))
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name:
        folder = Path(name)
        with running_site(folder, plan) as url, sync_playwright() as playwright:
            for number in range(plan.few_rounds):
                for way in WAYS[:: -1 if number % 2 else 1]:
                    for row in _visits(playwright, folder / "profile", url, way, plan):
                        found.rows.append({"round": number, **row})
                        progress.step(_label(row))
    return found


def _visits(playwright: Playwright, profile: Path, url: str, way: Way, plan: Plan) -> Iterator[Row]:
    """Visit the page as often as the way says, by a browser that is started anew on the same profile."""
    for name in way.visits:
        found = visit(playwright, profile, url, way, plan.scroll_pixels_per_frame)
        yield {"contestant": name, "images": plan.scroll_images, **found}
    shutil.rmtree(profile)


def _label(row: Row) -> str:
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else str(value) for name, value in row.items())
