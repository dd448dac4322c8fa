"""The element `<pix-image>` in real pages."""

from collections.abc import Iterator

import pytest

from tests.browser.acceptance import SCENARIOS, Scenario, Stage, acceptance_site, name_of
from tests.browser.engines.page import Browser
from tests.browser.support import Site

pytestmark = pytest.mark.browser

PAGE = "element.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with acceptance_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_acceptance(browser: Browser, site: Site, scenario: Scenario) -> None:
    """The element passes each scenario of the acceptance list."""
    scenario(Stage(browser, site, PAGE))
