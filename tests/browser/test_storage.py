"""What the client does with the browser's storage, and without it."""

from pathlib import Path

import pytest

from tests.browser.engines.page import Browser, Engine
from tests.browser.support import Site, Tab, noise, open_tab, shown

pytestmark = pytest.mark.browser


def test_second_tab_shows_from_the_cache(site: Site, tab: Tab, browser: Browser) -> None:
    """Tabs of one profile share the cache: what one has fetched the other shows, and what one deletes is gone."""
    image = noise("png", seed=1)
    saved = site.save(image)
    tab.show_until_cached(saved.id)
    with open_tab(browser, site) as second:
        assert second.show_fresh(saved.id) == shown("png", image)
        assert site.requests(saved.id) == 1
        assert second.delete_cached(saved.id)
    assert not tab.is_cached(saved.id)


def test_other_databases_are_left_alone(site: Site, tab: Tab) -> None:
    """The cache is a database of its own, beside the one of the npm package, which stays as it was."""
    tab.show_until_cached(site.save(noise("png", seed=2)).id)
    assert tab.page.evaluate("databaseNames()") == ["pixstore-asgi"]
    tab.page.evaluate("keep('pixstore', 'its own')")
    for config in ({}, {"frontendDbName": "pixstore"}, {"cache": "off"}):
        tab.open(**config)
        tab.show_fresh(site.save(noise("png", seed=3)).id)
    assert tab.page.evaluate("databaseNames()") == ["pixstore", "pixstore-asgi"]
    assert tab.page.evaluate("kept('pixstore')") == "its own"


def test_database_deleted_by_another_tab_is_made_again(site: Site, tab: Tab, browser: Browser) -> None:
    """An open connection makes way for another tab's deleteDatabase, and the next picture is cached again."""
    saved = site.save(noise("png", seed=4))
    tab.show_until_cached(saved.id)
    with open_tab(browser, site) as second:
        assert second.page.evaluate("deleteDatabase('pixstore-asgi')") is True
    assert not tab.is_cached(saved.id)
    tab.show_until_cached(saved.id)
    assert tab.show_fresh(saved.id) == shown("png", noise("png", seed=4))
    assert site.requests(saved.id) == 2


def test_damaged_copy_is_dropped_and_fetched_again(site: Site, tab: Tab) -> None:
    """A cached copy that fails authentication is never shown: the image is fetched and the copy replaced."""
    image = noise("png", seed=5)
    saved = site.save(image)
    tab.show_until_cached(saved.id)
    tab.page.evaluate("id => flipCachedBit(id)", saved.id)
    assert tab.show_until_cached(saved.id) == shown("png", image)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("png", image)
    assert site.requests(saved.id) == 2


def test_without_indexeddb_pictures_are_shown(site: Site, browser: Browser) -> None:
    """A page without IndexedDB fetches each time, is told of the cache's failure, and breaks in nothing."""
    image = noise("png", seed=6)
    saved = site.save(image)
    with open_tab(browser, site, first_script="delete globalThis.indexedDB") as tab:
        assert tab.page.evaluate("'indexedDB' in globalThis") is False
        for _ in range(2):
            assert tab.show_fresh(saved.id) == shown("png", image)
        assert not tab.is_cached(saved.id)
        assert not tab.delete_cached(saved.id)
        assert tab.cache_errors == {"unavailable"}
    assert site.requests(saved.id) == 2


def test_where_site_data_is_blocked_pictures_are_shown(site: Site, engine: Engine, tmp_path: Path) -> None:
    """In a browser set to let no site store anything, pictures are fetched each time and shown."""
    image = noise("png", seed=7)
    saved = site.save(image)
    with engine.launch(tmp_path, stores_nothing=True) as strict, open_tab(strict, site) as tab:
        for _ in range(2):
            assert tab.show_fresh(saved.id) == shown("png", image)
        assert not tab.is_cached(saved.id)
        assert tab.cache_errors == {"unavailable"}
    assert site.requests(saved.id) == 2
