"""Plain `<img>`: images shown by their addresses, through a service worker, and the page without a worker."""

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.browser.engines.chromium import ChromiumPage
from tests.browser.engines.page import Browser, Engine, Page, lacks
from tests.browser.support import Site, line_to, noise, open_page, running_site, wait_for

pytestmark = pytest.mark.browser

LOOK = """(url) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("shown");
    image.onerror = () => resolve("error");
    image.src = url;
})"""
LARGE_STORED_AS = """() => new Promise((resolve) => {
    const isLarge = ({ size, length = size }) => length > 500_000;
    const opening = indexedDB.open("pixstore-asgi");
    opening.onsuccess = () => {
        const reading = opening.result.transaction("bytes").objectStore("bytes").getAll();
        reading.onsuccess = () => {
            const images = reading.result.map(({ image }) => image).filter(isLarge);
            resolve(images.map((image) => image.constructor.name));
        };
    };
})"""
WIDTH_BY_RECORD = """async (id) => {
    const headers = await client.recipientHeaders();
    const records = await (await fetch(`/records?id=${id}`, { headers })).json();
    return (await createImageBitmap(await client.getImage(records[id]))).width;
}"""


STORED_PAIRS = """() => new Promise((resolve) => {
    const opening = indexedDB.open("pixstore-asgi");
    opening.onsuccess = () => {
        const reading = opening.result.transaction("bytes").objectStore("bytes").getAll();
        reading.onsuccess = () => {
            const pairs = reading.result.filter(({ privateKey }) => privateKey);
            opening.result.close();
            resolve(pairs.map(({ own }) => [...own]));
        };
    };
})"""
HEADER_OF_STORED = """async () => {
    const { createClient } = await import("/images/-/client/index.js");
    return (await createClient({ keyPair: "stored" }).recipientHeaders())["pixstore-recipient"];
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), app="image_worker_app") as running:
        yield running


@pytest.fixture(autouse=True)
def without_faults(site: Site) -> None:
    httpx.post(f"{site.url}/faults").raise_for_status()


@contextlib.contextmanager
def visit(browser: Browser, site: Site) -> Iterator[Page]:
    """Open the page, signed in."""
    with open_page(browser) as page:
        go(page, f"{site.url}/plain.html")
        page.evaluate("post('/session').then(() => null)")
        yield page


def go(page: Page, url: str) -> None:
    page.goto(url)
    wait_for(page, "typeof globalThis.register === 'function'")


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """The page of a new visitor, signed in."""
    with visit(browser, site) as opened:
        if not opened.evaluate("'serviceWorker' in navigator"):
            lacks("this engine", "it has no service workers")
        opened.evaluate("unregisterAll().then(() => null)")
        opened.evaluate("client.clear().then(() => null)")
        go(opened, f"{site.url}/plain.html")
        assert opened.evaluate("isControlled()") is False
        yield opened


def show(page: Page, address: str) -> Any:
    """Show an image by the end of its address. Return its width, or "error"."""
    return page.evaluate("address => show(address)", address)


def asked_for_records(site: Site) -> int:
    return site.log.count('"GET /records?')


def faults(site: Site, **params: str) -> None:
    httpx.post(f"{site.url}/faults", params=params).raise_for_status()


@pytest.mark.all_engines
def test_at_the_first_visit_images_have_addresses(page: Page, site: Site) -> None:
    """Once the worker is registered, an address shows its image, by a record each time and one download in all."""
    saved = site.save(noise("png", seed=1))
    assert page.evaluate("register()") is True
    before = asked_for_records(site)
    assert [show(page, saved.id), show(page, f"{saved.id}?v=1"), show(page, saved.id.replace(":", "%3A"))] == [48] * 3
    assert site.requests(saved.id) == 1
    assert asked_for_records(site) > before


def test_page_and_worker_share_a_stored_pair(page: Page, site: Site) -> None:
    """The worker stores the pair, and a client of the page finds it. After clear() of another client it is gone."""
    saved = site.save(noise("png", seed=3))
    assert page.evaluate("register({ keyPair: 'stored' })") is True
    assert show(page, saved.id) == 48
    (of_worker,) = page.evaluate(STORED_PAIRS)
    assert base64.urlsafe_b64decode(page.evaluate(HEADER_OF_STORED) + "=") == bytes(of_worker)
    page.evaluate("client.clear().then(() => null)")
    assert page.evaluate(STORED_PAIRS) == []
    assert show(page, f"{saved.id}?again") == 48
    (new,) = page.evaluate(STORED_PAIRS)
    assert new != of_worker


def test_images_of_a_moment_share_a_request_for_records(page: Page, site: Site) -> None:
    """Twenty images at once are one request for their records, and one for their bytes."""
    saved = [site.save(noise("png", seed=seed)) for seed in range(20)]
    assert page.evaluate("register()") is True
    before = site.log
    ids = [each.id for each in saved]
    assert page.evaluate("ids => Promise.all(ids.map((id) => show(id)))", ids) == [48] * 20
    asked = site.log[len(before) :]
    assert asked.count('"GET /records?') <= 3
    assert asked.count('"POST /images/-/batch ') <= 3


def test_lazy_images_are_asked_for_near_the_screen(page: Page, site: Site) -> None:
    """Of a long page only the images that the browser is about to show are downloaded, wherever it is scrolled to."""
    saved = [site.save(noise("png", seed=seed)) for seed in range(30, 60)]
    assert page.evaluate("register()") is True
    page.evaluate("ids => showLazily(ids)", [each.id for each in saved])
    wait_for(page, "document.images[0].naturalWidth === 48")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    wait_for(page, "document.images[29].naturalWidth === 48")
    assert page.evaluate("document.images[15].naturalWidth") == 0


def test_styles_and_cors_images_have_them_too(page: Page, site: Site) -> None:
    """A CSS background, and an image with pixels that a script may read."""
    first, second = (site.save(noise("png", seed=seed)) for seed in (2, 3))
    assert page.evaluate("register()") is True
    page.evaluate("id => background(id).then(() => null)", first.id)
    assert site.requests(first.id) == 1
    assert page.evaluate("id => show(id, { crossOrigin: 'anonymous' })", second.id) == 48


def test_an_image_in_the_html_of_the_first_visit_is_shown(page: Page, site: Site) -> None:
    """It is asked for before there is a worker, and again when there is."""
    saved = site.save(noise("png", seed=4))
    go(page, f"{site.url}/first/{saved.id}")
    assert page.evaluate("isControlled()") is False
    assert page.evaluate("register()") is True
    wait_for(page, "document.querySelector('#first').naturalWidth === 48")


def test_after_a_reload_images_are_shown_at_once(page: Page, site: Site) -> None:
    """The worker has the page from its first request on, and the ciphertext is in the browser's cache."""
    saved = site.save(noise("png", seed=5))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    go(page, f"{site.url}/first/{saved.id}")
    wait_for(page, "document.querySelector('#first').naturalWidth === 48")
    page.reload()
    wait_for(page, "document.querySelector('#first')?.naturalWidth === 48")
    assert site.requests(saved.id) == 1


def test_a_reload_past_the_worker_ends_in_pictures(engine: Engine, page: Page, site: Site) -> None:
    """After a reload with the shift key no worker has the page, until it asks."""
    saved = site.save(noise("png", seed=6))
    assert page.evaluate("register()") is True
    go(page, f"{site.url}/first/{saved.id}")
    if not isinstance(page, ChromiumPage):
        lacks(engine.name, "its driver has no such reload")
    session = page._page.context.new_cdp_session(page._page)
    with page._page.expect_navigation():
        session.send("Page.reload", {"ignoreCache": True})
    wait_for(page, "typeof globalThis.register === 'function' && !isControlled()")
    assert page.evaluate("register()") is True
    wait_for(page, "document.querySelector('#first').naturalWidth === 48")


def test_a_killed_worker_starts_again(engine: Engine, page: Page, site: Site) -> None:
    """After the browser has ended a worker, it continues with the next image, by a new record and the cache."""
    cached, other = (site.save(noise("png", seed=seed)) for seed in (7, 8))
    assert page.evaluate("register()") is True
    assert show(page, cached.id) == 48
    wait_for(page, f"client.cachedImageExists('{cached.id}')")
    if isinstance(page, ChromiumPage):
        session = page._page.context.new_cdp_session(page._page)
        session.send("ServiceWorker.enable")
        session.send("ServiceWorker.stopAllWorkers")
    else:
        page.evaluate("unregisterAll().then(() => null)")
        go(page, f"{site.url}/plain.html")
        assert page.evaluate("register()") is True
    assert [show(page, f"{cached.id}?again"), show(page, other.id)] == [48, 48]
    assert site.requests(cached.id) == 1


def test_a_newer_worker_takes_over(page: Page, site: Site) -> None:
    """A new worker file controls open pages as soon as it is there. Images requested meanwhile are shown."""
    first, second = (site.save(noise("png", seed=seed)) for seed in (9, 10))
    assert page.evaluate("register()") is True
    faults(site, worker="newer")
    shown = "ids => Promise.all([updateWorker(), show(ids[0])]).then(([, width]) => width)"
    assert page.evaluate(shown, [first.id]) == 48, site.log
    assert page.evaluate("register()") is True
    assert show(page, second.id) == 48


def test_another_configuration_takes_over(page: Page, site: Site) -> None:
    """Once register has resolved, another visitor's namespace is used, and neither sees the other's cache."""
    saved = site.save(noise("png", seed=11))
    for count, namespace in enumerate(["ada", "bob", "ada"], 1):
        assert page.evaluate("namespace => register({ namespace })", namespace) is True
        assert show(page, f"{saved.id}?{count}") == 48
    assert site.requests(saved.id) == 2


def test_clearing_in_another_tab_empties_the_worker(browser: Browser, page: Page, site: Site) -> None:
    """After `clear` in any tab the worker has the image neither in memory nor stored. Painted images stay."""
    saved = site.save(noise("png", seed=12))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    wait_for(page, f"client.cachedImageExists('{saved.id}')")
    with visit(browser, site) as other:
        other.evaluate("client.clear().then(() => null)")
    assert page.evaluate("document.images[0].naturalWidth") == 48
    assert page.evaluate("id => client.cachedImageExists(id)", saved.id) is False
    assert show(page, f"{saved.id}?again") == 48
    assert site.requests(saved.id) == 2


def test_without_a_session_nothing_is_shown(page: Page, site: Site) -> None:
    """Once the session has ended, an image is an error, though the worker has it in memory; signed in it is shown."""
    saved = site.save(noise("png", seed=13))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    page.evaluate("post('/session/expired').then(() => null)")
    assert show(page, f"{saved.id}?again") == "error"
    assert '"GET /records?id=test:' in site.log
    page.evaluate("post('/session').then(() => null)")
    assert show(page, f"{saved.id}?later") == 48


def test_without_a_network_nothing_is_shown_anew(browser: Browser, page: Page, site: Site) -> None:
    """A cached image is an error while no record can be fetched. A painted one stays, and later it is shown again."""
    saved = site.save(noise("png", seed=23))
    with line_to(site) as (there, line), visit(browser, there) as elsewhere:
        assert elsewhere.evaluate("register()") is True
        assert show(elsewhere, saved.id) == 48
        wait_for(elsewhere, f"client.cachedImageExists('{saved.id}')")
        line.cut()
        assert show(elsewhere, f"{saved.id}?again") == "error"
        assert elsewhere.evaluate("document.images[0].naturalWidth") == 48
        line.mend()
        assert show(elsewhere, f"{saved.id}?later") == 48
        assert site.requests(saved.id) == 1


def test_what_the_rule_refuses_is_not_shown(page: Page, site: Site) -> None:
    """An image of somebody else is as one that never was, and no byte of it is asked for."""
    response = httpx.post(f"{site.url}/pictures?directory=foreign", content=noise("png", seed=14))
    foreign = ImageRecord.parse(response.json())
    assert page.evaluate("register()") is True
    assert [show(page, foreign.id), show(page, "test:none")] == ["error", "error"]
    assert site.requests(foreign.id) == 0


@pytest.mark.all_engines
def test_updates_and_deletions_elsewhere_are_seen(page: Page, site: Site) -> None:
    """The next time an address is asked for it is the new version, or an error where there is none any more."""
    saved = site.save(noise("png", seed=15))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    site.update(saved.id, noise("png", seed=16, size=60))
    assert show(page, f"{saved.id}?v=2") == 60
    site.delete(saved.id)
    assert show(page, f"{saved.id}?v=3") == "error"


def test_a_broken_body_is_an_error_once(page: Page, site: Site) -> None:
    """A body that was changed on its way is not shown and not kept; the next whole one is shown."""
    saved = site.save(noise("png", seed=17))
    assert page.evaluate("register()") is True
    faults(site, bodies="broken")
    assert show(page, saved.id) == "error"
    faults(site)
    assert show(page, f"{saved.id}?again") == 48


def test_an_address_without_a_valid_id_is_an_error(page: Page, site: Site) -> None:
    """A strange address asks for no record."""
    assert page.evaluate("register()") is True
    before = asked_for_records(site)
    for address in ("", "a/b", "..%2f..%2frecords", "%ff", "a%00b", "a,b", "test:x%26id=test:y", "a" * 300):
        assert show(page, address) == "error", address
        assert asked_for_records(site) == before, address


def test_an_address_can_only_be_looked_at(page: Page, site: Site) -> None:
    """A script, a frame, an object or a fetch, with any method, is refused, and no record is requested."""
    saved = site.save(noise("png", seed=18))
    assert page.evaluate("register()") is True
    before = asked_for_records(site)
    for init in ({}, {"headers": {"range": "bytes=0-9"}}, {"method": "POST", "body": "x"}, {"mode": "no-cors"}):
        got = page.evaluate("([id, init]) => answer(id, init)", [saved.id, init])
        assert (got["status"], "for <img> and CSS" in got["text"]) == (403, True)
        assert got["headers"]["content-security-policy"] == "sandbox; default-src 'none'"
        assert got["headers"]["x-content-type-options"] == "nosniff"
        assert got["headers"]["cache-control"] == "no-store"
        assert got["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert page.evaluate("id => answer(id, { method: 'HEAD' })", saved.id)["status"] == 403
    assert page.evaluate("id => embed('script', id)", saved.id) == "error"
    # Some of these kinds never report the end of a refused load.
    page.evaluate(
        """(id) => {
          const kinds = ["iframe", "embed", "object", "audio", "video"];
          const all = Promise.all(kinds.map((kind) => embed(kind, id)));
          return Promise.race([all, new Promise((go) => setTimeout(go, 500))]).then(() => null);
        }""",
        saved.id,
    )
    assert asked_for_records(site) == before
    assert site.requests(saved.id) == 0


def test_an_address_that_is_opened_shows_no_picture(page: Page, site: Site) -> None:
    """A navigation gets a refusal, also where the worker has the image in memory."""
    saved = site.save(noise("png", seed=19))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    page.goto(f"{site.url}/images/-/image/{saved.id}")
    assert page.evaluate("document.images.length") == 0
    assert "can't be opened" in page.evaluate("document.body.textContent")
    go(page, f"{site.url}/plain.html")


def test_chromium_starts_the_worker_for_images_alone(engine: Engine, page: Page, site: Site) -> None:
    """A page of an application that has the worker is loaded without it."""
    if not isinstance(page, ChromiumPage):
        lacks(engine.name, "it has no static routes")
    assert page.evaluate("register()") is True
    page.reload()
    wait_for(page, "typeof globalThis.register === 'function'")
    assert page.evaluate("performance.getEntriesByType('navigation')[0].workerStart") == 0
    assert page.evaluate("isControlled()") is True


def test_a_page_of_another_origin_gets_no_image(
    browser: Browser, page: Page, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its requests never meet the worker, and the server has nothing to say to them."""
    saved = site.save(noise("png", seed=20))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 48
    with (
        running_site(tmp_path_factory.mktemp("other"), app="image_worker_app") as elsewhere,
        open_page(browser) as other,
    ):
        other.goto(f"{elsewhere.url}/plain-frame.html")
        assert other.evaluate(LOOK, f"{site.url}/images/-/image/{saved.id}") == "error"


def test_another_worker_of_the_application_stays(page: Page) -> None:
    """Where the pages have a worker already, it is left alone, and image addresses do not work."""
    page.evaluate("navigator.serviceWorker.register('/other-worker.js').then(() => null)")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    assert page.evaluate("register()").endswith("/ has another service worker; choose another scope")
    active = "navigator.serviceWorker.getRegistration('/').then(({ active }) => new URL(active.scriptURL).pathname)"
    assert page.evaluate(active) == "/other-worker.js"


@pytest.mark.all_engines
def test_a_worker_of_the_application_imports_the_images_worker(page: Page, site: Site) -> None:
    """The application's worker shows images by the imported script, and still answers its own paths."""
    saved = site.save(noise("png", seed=26))
    page.evaluate("navigator.serviceWorker.register('/own-worker.js').then(() => null)")
    wait_for(page, "isControlled()")
    assert show(page, saved.id) == 48
    assert page.evaluate("fetch('/own').then((response) => response.text())") == "own"
    page.evaluate("unregisterAll().then(() => null)")


def test_without_service_workers_it_is_false(browser: Browser, site: Site) -> None:
    """In a browser without, as some private windows are, addresses do not work, and the page is told at once."""
    hidden = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined });"
    with open_page(browser, first_script=hidden) as page:
        go(page, f"{site.url}/plain.html")
        assert page.evaluate("register()") is False


def test_where_no_site_may_store_it_is_false(
    engine: Engine, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A browser that lets no site store anything refuses the worker, and the page goes on."""
    profile = tmp_path_factory.mktemp("profile")
    with engine.launch(profile, stores_nothing=True) as browser, open_page(browser) as page:
        go(page, f"{site.url}/plain.html")
        assert page.evaluate("register()") is not True


@pytest.mark.all_engines
def test_a_large_image_is_stored_as_the_engine_can(engine: Engine, page: Page, site: Site) -> None:
    """By the worker, too: as a Blob, but for WebKit, which it is told apart by."""
    saved = site.save(noise("png", seed=25, size=480))
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == 480
    wait_for(page, f"client.cachedImageExists('{saved.id}')")
    assert page.evaluate(LARGE_STORED_AS) == ["Uint8Array" if engine.name == "webkit" else "Blob"]


def test_a_private_window_shows_pictures_or_says_at_once(engine: Engine, site: Site) -> None:
    """In a private window addresses work, or the page is told that they don't and shows the image by its record.

    Small or large: elsewhere a large one is stored as a Blob, which some private windows do not store.
    """
    sizes = [48, 480]
    saved = [site.save(noise("png", seed=size, size=size)) for size in sizes]
    with engine.launch(is_private=True) as private, visit(private, site) as page:
        if page.evaluate("register()") is True:
            assert [show(page, each.id) for each in saved] == sizes
            for each in saved:
                wait_for(page, f"client.cachedImageExists('{each.id}')")
        assert [page.evaluate(WIDTH_BY_RECORD, each.id) for each in saved] == sizes
        for each in saved:
            wait_for(page, f"client.cachedImageExists('{each.id}')")


def test_a_sandboxed_frame_has_none(page: Page) -> None:
    """A frame without an origin of its own can't register the worker, and is told so."""
    got = page.evaluate("registerInFrame('allow-scripts')")
    assert got["works"] is False


def test_a_page_that_is_not_signed_in_can_still_register(page: Page, site: Site) -> None:
    """The worker needs no session to be registered, and shows nothing without one."""
    saved = site.save(noise("png", seed=22))
    page.evaluate("post('/session/expired').then(() => null)")
    assert page.evaluate("register()") is True
    assert show(page, saved.id) == "error"
