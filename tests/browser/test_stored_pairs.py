"""keyPair: "stored" in real browsers: a sealed record outlives its page, until clear()."""

from pathlib import Path

import pytest

from tests.browser.engines.page import Browser, Engine
from tests.browser.support import Site, noise, open_tab, shown

pytestmark = pytest.mark.browser

NAME = "__Host-pixstore-recipient"
COOKIE = f"document.cookie.split('; ').find((text) => text.startsWith('{NAME}='))?.slice({len(NAME) + 1}) ?? ''"

GET_RENDERED = "async (id) => (await fetch(`/pictures/${encodeURIComponent(id)}?rendered`)).json()"

PLANT = "text => void (document.cookie = `pixstore-recipient=${text}; path=/`)"

CONFIG = {"keyPair": "stored", "recordsUrl": "/records", "memoryBytes": "0"}


def asked(site: Site, image_id: str) -> int:
    """Count the requests of an image's record so far."""
    return site.log.count(f"/records?id={image_id}")


@pytest.mark.all_engines
def test_a_record_outlives_its_page_until_clear(site: Site, engine: Engine, browser: Browser) -> None:
    """A record opens after a reload and in a second tab. After clear() in one of them it opens in neither."""
    has_cookie = engine.name != "webkit"  # which takes no secure cookie over plain HTTP, not even from 127.0.0.1
    image = noise("webp", 700)
    image_id, picture = site.save(image).id, shown("webp", image)
    with open_tab(browser, site, **CONFIG) as tab, open_tab(browser, site, **CONFIG) as other:
        record = tab.get_record(image_id)
        assert sorted(record["meta"]) == ["iv", "sealed", "tag"]
        recipient = tab.recipient
        assert tab.page.evaluate(COOKIE) == (recipient if has_cookie else "")
        tab.page.reload()
        assert [tab.show(record), other.show(record)] == [picture, picture]
        if has_cookie:
            rendered = tab.page.evaluate(GET_RENDERED, image_id)
            assert sorted(rendered["meta"]) == ["iv", "sealed", "tag"]
            assert other.show(rendered) == picture
        assert asked(site, image_id) == 1
        other.clear()
        assert tab.page.evaluate(COOKIE) == ""
        assert sorted(tab.page.evaluate(GET_RENDERED, image_id)["meta"]) == ["iv", "key", "tag"]
        assert [tab.show(record), other.show(record)] == [picture, picture]
        assert asked(site, image_id) == 3
        assert tab.recipient == other.recipient != recipient
        tab.open(keyPair="stored", cache="off")
        assert tab.failure(record)["reason"] == "sealed"


@pytest.mark.all_engines
def test_a_planted_cookie_seals_no_record_to_another_page(site: Site, browser: Browser) -> None:
    """A rendered record is sealed to the page or to none, whatever cookie another site of the domain sets."""
    image = noise("webp", 703)
    image_id = site.save(image).id
    with open_tab(browser, site) as tab:
        tab.clear()
        tab.page.evaluate(PLANT, tab.recipient)
        assert tab.page.evaluate(COOKIE) == ""
        assert "sealed" not in tab.page.evaluate(GET_RENDERED, image_id)["meta"]
        tab.open(**CONFIG)
        assert tab.recipient
        assert tab.show(tab.page.evaluate(GET_RENDERED, image_id)) == shown("webp", image)
        assert asked(site, image_id) == 0
        tab.clear()


def test_without_storage_the_pair_is_in_memory(site: Site, engine: Engine, tmp_path: Path) -> None:
    """A browser that stores nothing shows sealed pictures, and gets a fresh record after a reload."""
    image = noise("webp", 701)
    image_id = site.save(image).id
    with engine.launch(tmp_path, stores_nothing=True) as strict, open_tab(strict, site, **CONFIG) as tab:
        record = tab.get_record(image_id)
        assert tab.show(record) == shown("webp", image)
        assert asked(site, image_id) == 1
        tab.page.reload()
        assert tab.show(record) == shown("webp", image)
        assert asked(site, image_id) == 2
        assert tab.cache_errors == {"unavailable"}


@pytest.mark.soak
def test_a_private_window_shows_sealed_pictures(site: Site, engine: Engine) -> None:
    """In a private window a record opens, whether or not the browser stores the pair."""
    image = noise("webp", 702)
    image_id = site.save(image).id
    with engine.launch(is_private=True) as private, open_tab(private, site, **CONFIG) as tab:
        record = tab.get_record(image_id)
        for _ in range(2):
            assert tab.show(record) == shown("webp", image)
            tab.page.reload()
