"""The components for React, Vue and Svelte in real pages, which a bundler has made of the package."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.browser.acceptance import RED, Scenario, Stage, acceptance_site, plain
from tests.browser.engines import ENGINES
from tests.browser.engines.page import Browser, Engine
from tests.browser.scenarios import each_scenario
from tests.browser.support import Site, wait_until
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["chromium", pytest.param("firefox", marks=pytest.mark.soak)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with ENGINES[request.param]() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    built = tmp_path_factory.mktemp("built")
    subprocess.run(["node", ROOT / "tests" / "js" / "support" / "build-pages.js", built], check=True)
    with acceptance_site(tmp_path_factory.mktemp("site"), PIXSTORE_TEST_BUILT=str(built)) as running:
        yield running


@pytest.fixture(params=["react", "vue", "svelte"])
def stage(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Stage:
    return Stage(browser, site, f"built/{request.param}.html")


@each_scenario
def test_acceptance(stage: Stage, scenario: Scenario) -> None:
    """Each framework's component passes each scenario of the acceptance list."""
    scenario(stage)


def test_a_picture_without_a_placeholder_has_its_place_before_it_is_loaded(stage: Stage) -> None:
    """Its record has a size, and the page an alternative text: nothing moves when the picture is there."""
    saved = stage.site.save(plain(RED))
    record = {name: value for name, value in saved.items() if name != "placeholder"}
    with stage.visit(endpoint="/held") as visit:
        visit.render({"key": "a", "record": record, "alt": "Ada"})
        wait_until(lambda: stage.site.held(saved.id) == 1, "that the server was asked")
        before = visit.place("a")
        stage.site.release()
        visit.wait("a", "shown")
        assert visit.place("a") == before
