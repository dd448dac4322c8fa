"""One visit to a page, by a browser that is started for it."""

from pathlib import Path

from playwright.sync_api import Playwright

from ..browser.chromium import open_chromium
from ..plan import Plan
from ..runs import Row
from .pages import WINDOW
from .site import Site
from .ways import Way

_PROBE = Path(__file__).parent / "page" / "probe.js"
_SLOWER = 4  # times, by DevTools
_REST_MS = 1_000  # the client stores pictures after it has shown them


def visit(playwright: Playwright, profile: Path, site: Site, way: Way, plan: Plan) -> Row:
    """Open the page, and read it to its end. Raises RuntimeError if the page had an uncaught error."""
    with open_chromium(playwright, profile, viewport={"width": WINDOW[0], "height": WINDOW[1]}) as tab:
        tab.page.add_init_script(path=_PROBE)
        devtools = tab.page.context.new_cdp_session(tab.page)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWER if plan.slow_line_is_slow else 1})
        site.traffic()
        tab.page.goto(f"{site.url}/page/{way.page}", wait_until="commit")
        found: Row = tab.run("count => readThrough(count)", plan.slow_line_images)
        tab.page.wait_for_timeout(_REST_MS)
        return {"images": plan.slow_line_images, **found, **site.traffic()}
