"""The part `browser`: the client in Chromium beside npm's front end and the floor, round by round."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Playwright, sync_playwright

from benchmarks.environment import missing_programs
from benchmarks.plan import Findings, Plan
from benchmarks.progress import Progress

from . import eviction
from .cases import Case, Columns, Visit, all_cases
from .chromium import open_chromium
from .site import Site, running_site

T = TypeVar("T")


def case_names(plan: Plan) -> list[str]:
    """Return the names that `--case` accepts."""
    return [*(case.name for case in all_cases(plan)), eviction.NAME]


def measure(plan: Plan) -> Findings:
    """Measure every case in every round, each round in a fresh profile."""
    found = Findings(missing=missing_programs("chromium", "node", "npm front end"))
    if found.missing:
        return found
    cases = [case for case in all_cases(plan) if plan.has_case(case.name)]
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, sync_playwright() as playwright:
        folder = Path(name)
        with running_site(folder) as site:
            _measure_cases(found, cases, playwright, site, folder, plan)
            if plan.has_case(eviction.NAME):
                _measure_eviction(found, playwright, site, folder, plan)
    return found


def _measure_cases(
    found: Findings, cases: Sequence[Case], playwright: Playwright, site: Site, folder: Path, plan: Plan
) -> None:
    if not cases:
        return
    progress = Progress("browser", sum(min(plan.rounds, case.rounds or plan.rounds) for case in cases))
    for number in range(plan.rounds):
        with open_chromium(playwright, folder / f"profile-{number}") as tab:
            visit = Visit(tab, site, plan)
            for case in cases:
                if number >= (case.rounds or plan.rounds):
                    continue
                for contestant in _turned(case.contestants, number):
                    row = _row(case.name, case.label, contestant, number, case.run(visit, contestant))
                    found.rows.append(row)
                progress.step(f"round {number + 1}: {case.label}")


def _measure_eviction(found: Findings, playwright: Playwright, site: Site, folder: Path, plan: Plan) -> None:
    label = eviction.label(plan)
    progress = Progress("browser", plan.rounds)
    with eviction.full_caches(playwright, site, folder, plan) as caches:
        for number in range(plan.rounds):
            for cache in _turned(caches, number):
                found.rows.append(_row(eviction.NAME, label, cache.contestant, number, cache.measure()))
            progress.step(f"round {number + 1}: {label}")


def _turned(contestants: Sequence[T], number: int) -> Iterator[T]:
    """Begin with another contestant in every round, and go backwards in every other one."""
    start = number % len(contestants)
    turned = [*contestants[start:], *contestants[:start]]
    return iter(turned[::-1] if number % 2 else turned)


def _row(case: str, label: str, contestant: str, number: int, columns: Columns) -> dict[str, float | int | str]:
    return {"case": case, "label": label, "contestant": contestant, "round": number, **columns}
