"""Runs the probes of tests/js/interop/page.js in Chromium, each on a page and a profile of its own."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from pixstore_asgi import ImageRecord
from tests.interop.sides import Side


class Tabs:
    """A running Chromium."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def probe(self, name: str, side: Side, images: Sequence[bytes] = (), *, script: str = "", **wanted: Any) -> Any:
        """Run a probe on a side's client, with records of these images in its application.

        script: runs in the page before anything else. wanted: more of the probe's argument.
        """
        peer = side.shared
        records = [peer.save(image) for image in images]
        return self.run(
            name, peer.app, client=side.name, endpoint=peer.endpoint, records=records, script=script, **wanted
        )

    def run(self, name: str, origin: str, *, records: Sequence[ImageRecord], script: str = "", **wanted: Any) -> Any:
        """Run a probe on a fresh page of this origin."""
        with self._page(origin, script) as page:
            return page.evaluate(
                "([name, wanted]) => probe(name, wanted)", [name, {**wanted, "records": list(records)}]
            )

    @contextlib.contextmanager
    def _page(self, origin: str, script: str) -> Iterator[Page]:
        with self._browser.new_context() as context:
            page = context.new_page()
            devtools = context.new_cdp_session(page)
            clearing = {"origin": origin, "storageTypes": "all"}
            page.expose_function("clearSiteData", lambda: devtools.send("Storage.clearDataForOrigin", clearing))
            page.expose_function(
                "limitStorage",
                lambda size: devtools.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": size}),
            )
            page.add_init_script(script)
            page.goto(origin)
            page.wait_for_function("typeof probe === 'function'")
            yield page


@contextlib.contextmanager
def open_tabs(chromium_path: str) -> Iterator[Tabs]:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS) as browser,
    ):
        yield Tabs(browser)
