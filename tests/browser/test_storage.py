"""The client with and without the browser's storage."""

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from tests.browser.engines.page import Browser, Engine
from tests.browser.support import Shown, Site, Tab, noise, open_tab, shown

pytestmark = pytest.mark.browser


@pytest.mark.all_engines
def test_second_tab_shows_from_the_cache(site: Site, tab: Tab, browser: Browser) -> None:
    """Tabs of one profile share the cache: one tab shows a picture that the other fetched, and a deletion counts for
    both.
    """
    image = noise("png", seed=1)
    saved = site.save(image)
    tab.show_until_cached(saved.id)
    with open_tab(browser, site) as second:
        assert second.show_fresh(saved.id) == shown("png", image)
        assert site.requests(saved.id) == 1
        assert second.delete_cached(saved.id)
    assert not tab.is_cached(saved.id)


@pytest.mark.all_engines
def test_a_page_that_was_left_does_not_block_the_next_one(site: Site, browser: Browser) -> None:
    """A page that is left after it showed a cached picture may stay in memory. The next page still stores pictures."""
    first, second = site.save(noise("png", seed=2)).id, site.save(noise("png", seed=3)).id
    with open_tab(browser, site) as tab:
        tab.show_until_cached(first)
        tab.open(memoryBytes="0")
        tab.show_fresh(first)
        tab.page.goto(f"{site.url}/plain.html")
        tab.open()
        tab.show_until_cached(second)
        assert site.requests(first) == 1
        assert tab.cache_errors == set()


IS_ONE_WAITING = """async () => {
  while ((await navigator.locks.query()).pending.length !== 1) await new Promise((go) => setTimeout(go, 5));
  return true;
}"""


def test_tabs_that_ask_at_once_share_one_request(site: Site, tab: Tab, browser: Browser) -> None:
    """While one tab downloads an image, another waits for it, and then takes it from the cache."""
    image = noise("png", seed=20)
    record = site.save(image)
    with open_tab(browser, site) as second:
        tabs = [tab, second]
        for asking in tabs:
            asking.open(endpoint="/held")
            asking.page.evaluate("record => { globalThis.showing = show(record); }", record)
        assert tab.page.evaluate(IS_ONE_WAITING) is True
        site.release()
        assert [Shown(**asking.page.evaluate("() => showing")) for asking in tabs] == [shown("png", image)] * 2
    assert site.requests(record.id, route="/held") == 1


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
    tab.open(memoryBytes="0")
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


@pytest.mark.all_engines
def test_without_indexeddb_pictures_are_shown(site: Site, browser: Browser) -> None:
    """A page without IndexedDB keeps pictures in memory, is told of the cache's failure, and breaks in nothing."""
    image = noise("png", seed=6)
    saved = site.save(image)
    with open_tab(browser, site, first_script="delete globalThis.indexedDB") as tab:
        assert tab.page.evaluate("'indexedDB' in globalThis") is False
        for _ in range(2):
            assert tab.show_fresh(saved.id) == shown("png", image)
        assert site.requests(saved.id) == 1
        assert tab.is_cached(saved.id)
        assert tab.delete_cached(saved.id)
        assert not tab.is_cached(saved.id)
        assert tab.cache_errors == {"unavailable"}


def test_where_site_data_is_blocked_pictures_are_shown(site: Site, engine: Engine, tmp_path: Path) -> None:
    """In a browser set to let no site store anything, pictures are kept in memory and shown."""
    image = noise("png", seed=7)
    saved = site.save(image)
    with engine.launch(tmp_path, stores_nothing=True) as strict, open_tab(strict, site) as tab:
        for _ in range(2):
            assert tab.show_fresh(saved.id) == shown("png", image)
        assert tab.is_cached(saved.id)
        assert tab.cache_errors == {"unavailable"}
    assert site.requests(saved.id) == 1


OPEN_CACHE = """
const { createCache } = await import("/src/cache/cache.js");
const cache = createCache({
  databaseName: "of-the-test", namespace: "me", cache: "encrypted", cacheLimit: 9, cacheBytes: 1e7, cleanupBatch: 0,
});
"""


def in_cache(tab: Tab, work: str, value: object = None) -> Any:
    """Run the body of an async function of `cache` and `value` in the tab."""
    return tab.page.evaluate(f"async value => {{ {OPEN_CACHE} {work} }}", value)


def test_large_images_are_kept_as_blobs(tab: Tab, engine: Engine) -> None:
    """An image of 500 KB is a Blob in the storage, but in WebKit, and every byte is there after a reload."""
    in_cache(tab, "await cache.write('large', 1, new Uint8Array(5e5).fill(7), await cache.latestRemoval())")
    tab.page.reload()
    read = (
        "const kept = await cache.read('large', 1); const bytes = new Uint8Array(await new Blob([kept]).arrayBuffer());"
    )
    told = "return [kept.constructor.name, bytes.length, bytes.every((byte) => byte === 7)]"
    kind = "Uint8Array" if engine.name == "webkit" else "Blob"
    assert in_cache(tab, read + told) == [kind, 500_000, True]


def test_delete_in_one_tab_wins_over_a_write_of_another(site: Site, tab: Tab, browser: Browser) -> None:
    """A picture that one tab deletes is not brought back by an earlier download of another tab, but by later ones."""
    write = "await cache.write('gone', 1, new Uint8Array(9), value); return cache.has('gone')"
    began = in_cache(tab, "return cache.latestRemoval()")
    with open_tab(browser, site) as second:
        assert in_cache(second, "return cache.remove('gone')") is False
    assert in_cache(tab, write, began) is False
    assert in_cache(tab, write, in_cache(tab, "return cache.latestRemoval()")) is True


def test_layout_changes_while_another_tab_has_the_old_one_open(site: Site, tab: Tab, browser: Browser) -> None:
    """A newer layout is not kept waiting by a tab with the older one, which goes on without storage."""
    in_cache(tab, "await cache.stats()")
    with open_tab(browser, site) as second:
        version = """
          const request = indexedDB.open("of-the-test", 5);
          await new Promise((resolve) => { request.onsuccess = resolve; request.onblocked = resolve; });
          return request.readyState === "done" && request.result.version;
        """
        assert in_cache(second, version) == 5
        assert in_cache(tab, "return cache.stats().catch((error) => error.reason)") == "failed"


TABS, IMAGES = 3, 30
CLOCKS = {
    "true": "",
    "ahead": "const now = Date.now; Date.now = () => now() + 60_000;",
    "stepping": "const now = Date.now; Date.now = () => now() + 100 * Math.floor(3 * Math.random() - 1);",
}
PREPARE = """async (ids) => {
  const { getImage, stats } = await import("/images/-/client/index.js");
  const found = await (await fetch(`/records?id=${ids.join("&id=")}`)).json();
  const records = Object.values(found);
  await stats();
  globalThis.loads = new Promise((resolve) => {
    const start = new BroadcastChannel("start of a round");
    start.onmessage = () => {
      start.close();
      resolve(Promise.allSettled(records.map((record) => getImage(record))));
    };
  });
  return records.length;
}"""
SIGN_OUT = """async (afterMs) => {
  const { clear } = await import("/images/-/client/index.js");
  const start = new BroadcastChannel("start of a round");
  start.postMessage("go");
  start.close();
  await new Promise((go) => setTimeout(go, afterMs));
  await clear();
}"""
COUNT_LEFT = """async () => {
  const { stats } = await import("/images/-/client/index.js");
  const locks = async () => Object.values(await navigator.locks.query()).flat().length;
  while (await locks()) await new Promise((go) => setTimeout(go, 5));
  return (await stats()).images;
}"""


def sign_out_leaves(site: Site, tabs: list[Tab], signing_out: Tab, after_ms: int) -> int:
    """Clear in one tab while others load, and count the images that are in storage at the end."""
    ids = iter(random.sample(site.thousand, IMAGES * len(tabs)))
    for tab in tabs:
        assert tab.page.evaluate(PREPARE, [next(ids) for _ in range(IMAGES)]) == IMAGES
    signing_out.page.evaluate(SIGN_OUT, after_ms)
    for tab in tabs:
        tab.page.evaluate("async () => { await loads; }")
    return int(signing_out.page.evaluate(COUNT_LEFT))


@pytest.mark.parametrize(
    ("clock", "rounds"),
    [
        pytest.param("stepping", 8, marks=pytest.mark.slow),
        *(pytest.param(clock, 100, marks=pytest.mark.soak) for clock in CLOCKS),
    ],
)
def test_sign_out_leaves_no_picture(site: Site, browser: Browser, clock: str, rounds: int) -> None:
    """After `clear` no picture that another tab was loading is stored, for any clocks of the tabs."""
    with contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(open_tab(browser, site, first_script=CLOCKS[clock])) for _ in range(TABS)]
        last = stack.enter_context(open_tab(browser, site))
        left = [sign_out_leaves(site, tabs, last, 2 * (number % 15)) for number in range(rounds)]
        assert sum(count > 0 for count in left) == 0, left


START_TO_STORE = """async (ids) => {
  const { clear, getImage } = await import("/images/-/client/index.js");
  await clear();
  const records = await Promise.all(ids.map((id) => fetchRecord(id)));
  await Promise.any(records.map((record) => getImage(record)));
}"""


@pytest.mark.all_engines
def test_a_page_that_is_left_while_it_stores_does_not_block_the_next_one(site: Site, browser: Browser) -> None:
    """A page may be left before its pictures are stored, and stay in memory. The next page still stores pictures."""
    ids = [site.save(noise("png", seed=40 + number, size=256)).id for number in range(6)]
    with open_tab(browser, site) as tab:
        for number in range(3):
            tab.page.evaluate(START_TO_STORE, ids)
            tab.page.goto(f"{site.url}/plain.html")
            tab.open()
            tab.show_until_cached(site.save(noise("png", seed=60 + number)).id)
            assert tab.cache_errors == set()
