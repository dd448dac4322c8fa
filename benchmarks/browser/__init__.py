"""The part `browser`: the client in Chromium beside npm's front end and the floor."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.plan import KB, MB, Findings, Plan

from .chromium import open_chromium
from .site import running_site


def measure(plan: Plan) -> Findings:
    found = Findings()
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name, sync_playwright() as playwright:
        folder = Path(name)
        with running_site(folder) as site:
            for number in range(plan.rounds):
                with open_chromium(playwright, folder / f"profile-{number}") as tab:
                    for size, count in ((50 * KB, 10), (500 * KB, 6), (5 * MB, 4)):
                        for contestant in ("npm", "ours", "floor"):
                            tab.open(site.url, contestant)
                            row = tab.measure("cold", size=size, first=0, count=count)
                            found.rows.append({"case": f"cold {size}", "contestant": contestant, "round": number, **row})
                            print(found.rows[-1])
    return found
