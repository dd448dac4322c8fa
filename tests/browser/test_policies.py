"""Pages that may do less than others: without WebCrypto, and under a strict Content-Security-Policy."""

from urllib.parse import urlsplit

import pytest

from tests.browser.engines.page import INSECURE_HOST, Engine
from tests.browser.support import Site, Tab, noise, open_page, shown

pytestmark = pytest.mark.browser


def test_without_webcrypto_there_is_a_named_error(site: Site, engine: Engine) -> None:
    """On plain HTTP from a host that is not local, getImage rejects with a PixstoreError and caches nothing."""
    saved = site.save(noise("png", seed=1))
    with engine.launch(knows_insecure_host=True) as browser, open_page(browser) as page:
        page.goto(f"http://{INSECURE_HOST}:{urlsplit(site.url).port}/")
        assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
        tab = Tab(page, site)
        assert tab.failure(saved) == {"name": "PixstoreError", "width": 0}
        assert not tab.is_cached(saved.id)


@pytest.mark.parametrize("size", [48, 600], ids=["small", "large"])
@pytest.mark.parametrize("cache", ["encrypted", "decrypted"])
def test_under_trusted_types_pictures_are_shown(site: Site, tab: Tab, size: int, cache: str) -> None:
    """Where a page requires Trusted Types and allows no policy, pictures come from the network and from the cache."""
    image = noise("png", seed=2, size=size)
    saved = site.save(image)
    tab.page.goto(f"{site.url}/strict.html?cache={cache}")
    assert tab.page.evaluate(IS_STRICT) == "TypeError"
    assert tab.show_until_cached(saved.id) == shown("png", image, size)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("png", image, size)
    assert site.requests(saved.id) == 1


def test_under_trusted_types_a_pair_is_stored(site: Site, tab: Tab) -> None:
    """A strict page loads the code of stored pairs: a record of before a reload opens without a new one."""
    image = noise("png", seed=3)
    saved = site.save(image)
    tab.page.goto(f"{site.url}/strict.html?keyPair=stored&recordsUrl=/records&memoryBytes=0")
    record = tab.get_record(saved.id)
    tab.page.reload()
    assert tab.show(record) == shown("png", image)
    assert site.log.count(f"/records?id={saved.id}") == 1


IS_STRICT = """() => {
    try {
        new DOMParser().parseFromString("<p>", "text/html");
    } catch ({ name }) {
        return name;
    }
    return "nothing is refused";
}"""
