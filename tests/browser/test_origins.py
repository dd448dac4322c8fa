"""A page on one origin, its images on another."""

from collections.abc import Iterator

import pytest

from tests.browser.engines.page import Browser
from tests.browser.support import Site, Tab, noise, open_tab, running_site, shown

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sharing(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A second origin that lists the first. The first lists none."""
    with running_site(tmp_path_factory.mktemp("sharing"), PIXSTORE_TEST_ORIGINS=site.url) as running:
        yield running


def test_listed_origin_shows_the_picture(site: Site, sharing: Site, tab: Tab) -> None:
    """A page on a listed origin shows and caches images of the other one, in a batch, which needs no preflight."""
    image = noise("png", seed=1)
    saved = sharing.save(image)
    tab.open(endpoint=f"{sharing.url}/images")
    before = sharing.log
    assert tab.show(saved) == shown("png", image)
    tab.wait_until_cached(saved)
    assert tab.show(saved) == shown("png", image)
    asked = sharing.log[len(before) :]
    assert [asked.count(request) for request in ("OPTIONS ", "GET /images/test", "POST /images/-/batch ")] == [0, 0, 1]


def test_headers_of_the_page_keep_batches(site: Site, sharing: Site, tab: Tab) -> None:
    """With headers of the page's own, a listed origin still asks by a batch, after one preflight."""
    image = noise("png", seed=3)
    saved = sharing.save(image)
    tab.open(endpoint=f"{sharing.url}/images", authorization="Bearer mine", credentials="include")
    before = sharing.log
    assert tab.show(saved) == shown("png", image)
    asked = sharing.log[len(before) :]
    batch = "/images/-/batch "
    assert [asked.count(request) for request in (f"OPTIONS {batch}", f"POST {batch}", "GET /images/test")] == [1, 1, 0]


def test_unlisted_origin_gets_nothing(site: Site, sharing: Site, browser: Browser) -> None:
    """A page on any other origin gets a FetchError: the preflight fails, and the image is never asked for."""
    saved = site.save(noise("png", seed=2))
    with open_tab(browser, sharing, endpoint=f"{site.url}/images", retries="0") as tab:
        assert tab.failure(saved) == {"name": "FetchError", "width": 0}
        assert not tab.is_cached(saved.id)
    assert (site.requests(saved.id, "OPTIONS"), site.requests(saved.id)) == (1, 0)
