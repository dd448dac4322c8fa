"""The client in a real page: pictures are shown, kept, renewed and refused."""

from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ImageRecord
from pixstore_asgi.core.padding import padding
from tests.browser.engines.chromium import ChromiumPage
from tests.browser.engines.page import Browser, Engine, lacks
from tests.browser.support import Site, Tab, noise, open_tab, running_site, shown, wait_until
from tests.support.samples import ALL_KINDS, picture

pytestmark = pytest.mark.browser

both_caches = pytest.mark.parametrize("cache", ["encrypted", "decrypted"])


@pytest.mark.all_engines
@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_picture_is_shown(site: Site, tab: Tab, kind: str) -> None:
    """The page gets exactly the saved bytes, with their type, and the browser decodes them."""
    image = noise(kind, seed=1)
    saved = site.save(image)
    assert tab.show_fresh(saved.id) == shown(kind, image)
    assert site.requests(saved.id) == 1


@pytest.mark.parametrize("name", ALL_KINDS)
def test_padding_changes_no_pixel(site: Site, tab: Tab, name: str) -> None:
    """An image with its padding, or with that of one of 16 MiB, is decoded to the pixels that it has without."""
    image, kind = ALL_KINDS[name], name.split()[-1]
    expected = tab.pixels(site.save(image))
    assert (expected.type, expected.width) == (f"image/{kind}", 48)
    assert expected != tab.pixels(site.save(picture(kind, seed=5)))
    for size in (1 + len(image), 2**24 + 1):
        assert tab.pixels(site.save(image + padding(kind, size))) == expected


LOAD_ROUNDS = """async (ids) => {
  const { getImage } = await import("/images/-/client/index.js");
  const records = Object.values(await (await fetch(`/records?id=${ids.join("&id=")}`)).json());
  for (const together of [1, 1, 1, 1, 1, 20, 20, 20]) {
    await Promise.all(records.splice(0, together).map((record) => getImage(record)));
  }
}"""


def test_requests_are_finished_in_the_network_panel(site: Site, tab: Tab) -> None:
    """A picture or a batch that was loaded is no cancelled request in the developer tools."""
    if not isinstance(tab.page, ChromiumPage):
        lacks("this engine", "its driver tells no ends of requests")
    tab.open(cache="memory")
    with tab.page.counting_ends() as ends:
        tab.page.evaluate(LOAD_ROUNDS, site.thousand[:65])
        wait_until(lambda: tab.page.evaluate("1") and sum(ends.values()) == 9, "that all requests have ended")
        assert ends == {"finished": 9}


def test_picture_in_a_worker(site: Site, tab: Tab) -> None:
    """A module worker gets an image with its own client, and the page finds it in the cache."""
    image = noise("png", seed=13)
    saved = site.save(image)
    assert tab.page.evaluate("record => getInWorker(record)", saved) == ["image/png", len(image)]
    tab.wait_until_cached(saved)
    assert tab.show_fresh(saved.id) == shown("png", image)
    assert site.requests(saved.id) == 1


def test_picture_in_a_service_worker(site: Site, tab: Tab, engine: Engine) -> None:
    """A module service worker gets an image, and the page finds it in the cache."""
    image = noise("png", seed=16)
    saved = site.save(image)
    answer = tab.page.evaluate("record => getInServiceWorker(record)", saved)
    if answer is None:
        lacks(engine.name, "it takes no module as a service worker")
    assert answer == ["image/png", len(image)]
    tab.wait_until_cached(saved)
    assert tab.show_fresh(saved.id) == shown("png", image)
    assert site.requests(saved.id) == 1


@both_caches
def test_picture_survives_a_reload_without_a_request(site: Site, tab: Tab, cache: str) -> None:
    """A cached picture is shown with a fresh record, before and after a reload, and its payload is fetched once."""
    image = noise("png", seed=2)
    saved = site.save(image)
    tab.open(cache=cache)
    tab.show_until_cached(saved.id)
    assert tab.show_fresh(saved.id) == shown("png", image)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("png", image)
    assert site.requests(saved.id) == 1


@both_caches
def test_large_pictures_come_from_the_cache(site: Site, tab: Tab, cache: str) -> None:
    """Pictures of a megabyte are read back after a reload, by the page until its worker is there, and then by that."""
    images = [noise("png", seed=seed, size=600) for seed in (14, 15)]
    saved = [site.save(image) for image in images]
    tab.open(cache=cache, memoryBytes="0")
    for record in saved:
        tab.show_until_cached(record.id)
    tab.page.reload()
    for _ in range(3):
        assert [tab.show_fresh(record.id) for record in saved] == [shown("png", image, 600) for image in images]
    assert [site.requests(record.id) for record in saved] == [1, 1]


@both_caches
def test_update_is_shown_to_old_and_new_records(site: Site, tab: Tab, cache: str) -> None:
    """An old record shows the new picture, which came with its own key; the new record then needs no request."""
    old, new = noise("png", seed=3), noise("jpeg", seed=4)
    saved = site.save(old)
    tab.open(cache=cache)
    assert tab.show_until_cached(saved.id) == shown("png", old)
    renewed = site.update(saved.id, new)
    tab.delete_cached(saved.id)
    assert tab.show(saved) == shown("jpeg", new)
    assert site.states(saved.id) == ["Success", "Updated"]
    tab.wait_until_cached(renewed)
    assert tab.show(renewed) == shown("jpeg", new)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("jpeg", new)
    assert site.requests(saved.id) == 2


@both_caches
def test_new_record_replaces_what_is_cached(site: Site, tab: Tab, cache: str) -> None:
    """With the old version cached, the new record fetches the new one, which takes its place for the next visit."""
    saved = site.save(noise("png", seed=5))
    tab.open(cache=cache)
    tab.show_until_cached(saved.id)
    site.update(saved.id, noise("webp", seed=6))
    for _ in range(2):
        assert tab.show_until_cached(saved.id) == shown("webp", noise("webp", seed=6))
        tab.page.reload()
    assert site.requests(saved.id) == 2


def test_deleted_from_the_cache_it_is_fetched_again(site: Site, tab: Tab) -> None:
    """deleteCachedImage tells whether there was one; the image is gone from the cache, and a reload fetches it."""
    saved = site.save(noise("png", seed=7))
    tab.show_until_cached(saved.id)
    assert tab.delete_cached(saved.id)
    assert not tab.delete_cached(saved.id)
    assert not tab.is_cached(saved.id)
    tab.page.reload()
    assert tab.show_fresh(saved.id) == shown("png", noise("png", seed=7))
    assert site.requests(saved.id) == 2


def test_deleted_on_the_server_it_is_shown_from_the_cache_alone(site: Site, tab: Tab) -> None:
    """A user with record and cached copy still sees a deleted picture. Without the copy it is NotFound."""
    saved = site.save(noise("png", seed=8))
    tab.show_until_cached(saved.id)
    site.delete(saved.id)
    assert tab.show(saved) == shown("png", noise("png", seed=8))
    assert site.requests(saved.id) == 1
    tab.delete_cached(saved.id)
    tab.page.reload()
    assert tab.failure(saved) == {"name": "NotFoundError", "reason": "NotFound", "width": 0}
    assert not tab.is_cached(saved.id)


def test_forged_proof_is_refused(site: Site, tab: Tab) -> None:
    """A record with another image's proof gives InvalidProof, shows nothing and caches nothing; a fresh one works."""
    saved, other = site.save(noise("png", seed=9)), site.save(noise("png", seed=10))
    for proof in ("garbage", other.stateless_proof):
        forged = ImageRecord({**saved, "statelessProof": proof})
        assert tab.failure(forged) == {"name": "RefusedError", "reason": "InvalidProof", "width": 0}
    assert not tab.is_cached(saved.id)
    assert tab.show_fresh(saved.id) == shown("png", noise("png", seed=9))


def test_expired_proof_is_refused(browser: Browser, tmp_path: Path) -> None:
    """A record with an expired proof gives InvalidProof, shows nothing and caches nothing."""
    with running_site(tmp_path, PIXSTORE_TEST_WINDOW_MS="1") as hasty, open_tab(browser, hasty) as tab:
        saved = hasty.save(noise("png", seed=11))
        assert tab.failure(saved) == {"name": "RefusedError", "reason": "InvalidProof", "width": 0}
        assert not tab.is_cached(saved.id)


@pytest.mark.parametrize(
    ("endpoint", "failure"),
    [
        # Firefox hands on a body that was cut short without a word: the client has to look at its length.
        ("/cut", {"name": "FetchError", "width": 0}),
        ("/flipped", {"name": "DecryptError", "reason": "tag", "width": 0}),
    ],
)
@pytest.mark.parametrize("size", [48, 400], ids=["one piece", "several pieces"])
def test_damaged_response_neither_shows_nor_poisons(
    site: Site, tab: Tab, endpoint: str, failure: dict[str, Any], size: int
) -> None:
    """A payload cut short or with one bit flipped is neither shown nor cached, and the next getImage works."""
    image = noise("png", seed=12, size=size)
    saved = site.save(image)
    tab.open(endpoint=endpoint)
    assert tab.failure(saved) == failure
    assert not tab.is_cached(saved.id)
    tab.open()
    assert tab.show_fresh(saved.id) == shown("png", image, size)
    assert site.requests(saved.id) == 1
