"""Real browsers, each on a profile of its own, and the site that they visit.

Chromium lives as long as a test module, because Playwright holds an event loop meanwhile, and tests of other modules
run their own. Firefox and WebKit live as long as the run. Each module's site has its own port, so its pages share no
storage with those of other modules.
"""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.browser.engines import ENGINES
from tests.browser.engines.page import Browser, Engine
from tests.browser.support import Site, Tab, open_tab, running_site


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests to Chromium, but for short ones that are marked `all_engines`, unless --soak is given."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            engine = item.callspec.params.get("engine")
            is_for_all = item.get_closest_marker("all_engines") and not item.get_closest_marker("slow")
            if engine not in (None, "chromium") and not is_for_all:
                item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def lasting_browser() -> Iterator[Callable[[Engine], Browser]]:
    """Return the browser of an engine, which is launched at the first call and lives as long as the run."""
    browsers: dict[str, Browser] = {}
    with contextlib.ExitStack() as stack:

        def browser_of(engine: Engine) -> Browser:
            if engine.name not in browsers:
                browsers[engine.name] = stack.enter_context(engine.launch())
            return browsers[engine.name]

        yield browser_of


@pytest.fixture(scope="module")
def browser(engine: Engine, lasting_browser: Callable[[Engine], Browser]) -> Iterator[Browser]:
    if engine.name != "chromium":
        yield lasting_browser(engine)
        return
    with engine.launch() as opened:
        yield opened


@pytest.fixture
def tab(browser: Browser, site: Site) -> Iterator[Tab]:
    with open_tab(browser, site) as opened:
        yield opened
