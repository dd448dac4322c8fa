"""Debian's Chromium, driven by Playwright."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import playwright.sync_api
from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS, NO_OTHER_HOST
from tests.browser.engines.page import INSECURE_HOST
from tests.support.tools import headless_chromium, require

KNOWING_THE_INSECURE_HOST = [
    *CHROMIUM_ARGUMENTS[:-1],
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1, {NO_OTHER_HOST}",
]


class ChromiumPage:
    def __init__(self, page: playwright.sync_api.Page) -> None:
        self._page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def goto(self, url: str) -> None:
        self._page.goto(url)

    def evaluate(self, script: str, argument: object = None) -> Any:
        return self._page.evaluate(script, argument)

    def reload(self) -> None:
        self._page.reload()

    def close(self) -> None:
        self._page.close()

    @contextlib.contextmanager
    def counting_layouts(self) -> Iterator[Callable[[], int]]:
        """Count how often the page is laid out from here on."""
        session = self._page.context.new_cdp_session(self._page)
        session.send("Performance.enable")

        def count() -> int:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return int(next(metric["value"] for metric in metrics if metric["name"] == "LayoutCount"))

        before = count()
        yield lambda: count() - before
        session.detach()

    @contextlib.contextmanager
    def counting_ends(self) -> Iterator[Counter[str]]:
        """Count from here on how requests end as the network panel shows them, "finished" or "canceled"."""
        session = self._page.context.new_cdp_session(self._page)
        ends: Counter[str] = Counter()
        session.on("Network.loadingFinished", lambda event: ends.update(["finished"]))
        session.on("Network.loadingFailed", lambda event: ends.update(["canceled" if event["canceled"] else "failed"]))
        session.send("Network.enable")
        yield ends
        session.detach()

    @contextlib.contextmanager
    def scaled(self, scale: float) -> Iterator[None]:
        """Give the screen this many device pixels for each CSS pixel."""
        session = self._page.context.new_cdp_session(self._page)
        size = {"width": 1280, "height": 720, "deviceScaleFactor": scale, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", size)
        yield
        session.detach()

    def held(self) -> tuple[int, int]:
        """Return how many bytes of script objects, and how many nodes, no collection of garbage takes."""
        session = self._page.context.new_cdp_session(self._page)
        session.send("HeapProfiler.collectGarbage")
        heap, counters = session.send("Runtime.getHeapUsage"), session.send("Memory.getDOMCounters")
        session.detach()
        return int(heap["usedSize"]), int(counters["nodes"])


class ChromiumBrowser:
    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    def new_page(self, *, first_script: str = "") -> ChromiumPage:
        page = self._context.new_page()
        if first_script:
            page.add_init_script(first_script)
        return ChromiumPage(page)


class Chromium:
    name = "chromium"

    def __init__(self, path: str, driver: playwright.sync_api.Playwright) -> None:
        self._path = path
        self._driver = driver

    @contextlib.contextmanager
    def launch(
        self,
        profile: Path | None = None,
        *,
        stores_nothing: bool = False,
        knows_insecure_host: bool = False,
        is_private: bool = False,
    ) -> Iterator[ChromiumBrowser]:
        if stores_nothing:
            assert profile is not None
            block_site_data(profile)
        arguments = KNOWING_THE_INSECURE_HOST if knows_insecure_host else CHROMIUM_ARGUMENTS
        # The headless program does not read the preferences of a profile.
        path = require("chromium", "chromium (Debian)") if stores_nothing else self._path
        how: Any = {"executable_path": path, "args": arguments}
        chromium = self._driver.chromium
        if is_private:
            with chromium.launch(**how) as browser, browser.new_context() as context:
                yield ChromiumBrowser(context)
        else:
            with chromium.launch_persistent_context(profile or "", **how) as context:
                yield ChromiumBrowser(context)


def block_site_data(profile: Path) -> None:
    (profile / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(blocked))


@contextlib.contextmanager
def chromium() -> Iterator[Chromium]:
    """Chromium while Playwright runs, which holds an event loop meanwhile."""
    path = headless_chromium()
    with sync_playwright() as driver:
        yield Chromium(path, driver)
