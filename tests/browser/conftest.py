"""A real Chromium on a profile of its own, and the site that it visits.

Both live as long as a test module: Playwright holds an event loop meanwhile, which no other module's tests could bear.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from tests.browser.support import CHROMIUM_ARGUMENTS, Launch, Site, Tab, open_tab, running_site


@pytest.fixture(scope="module")
def launch(chromium_path: str) -> Iterator[Launch]:
    with sync_playwright() as playwright:
        yield lambda profile: playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path, args=CHROMIUM_ARGUMENTS
        )


@pytest.fixture(scope="module")
def site(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with launch(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def tab(browser: BrowserContext, site: Site) -> Iterator[Tab]:
    with open_tab(browser, site) as opened:
        yield opened
