"""Sealed records in a real browser: pictures are shown, and no image key crosses the wire or is on the disk."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import Pixstore
from tests.browser.engines.chromium import ChromiumPage
from tests.browser.engines.page import Browser, Engine, Page
from tests.browser.support import Shown, Site, Tab, noise, open_tab, running_site, shown, wait_for, wait_until
from tests.browser.test_profile_files import found
from tests.support.samples import SECRET

pytestmark = pytest.mark.browser

SIZES = [48] * 6 + [256, 640]
"""The widths of eight pictures. The last one is above 1 MB, which the worker decrypts."""

WATCH = """if (globalThis.SubtleCrypto) {
  globalThis.given = [];
  const { importKey } = SubtleCrypto.prototype;
  SubtleCrypto.prototype.importKey = function (...args) {
    if (args[2] === "AES-GCM") given.push("bytes");
    return importKey.apply(this, args);
  };
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (message) {
    given.push(`worker: ${message.key.constructor.name}`);
    return postMessage.call(this, message);
  };
}"""
"""Notes each image key whose bytes a page has, and the kind of key that the worker gets."""

SHOW_SEALED = """async (id) => {
  const { getRecord } = await import("/images/-/client/index.js");
  const record = await getRecord(id);
  (globalThis.heldRecords ??= []).push(record);
  return show(record);
}"""

SHOW_OWN = """async (id) => {
  const { recipientHeaders } = await import("/images/-/client/index.js");
  const headers = await recipientHeaders();
  const record = await (await fetch(`/pictures/${encodeURIComponent(id)}`, { headers })).json();
  return [Object.keys(record.meta), await show(record)];
}"""

ARE_STORED = "(async () => (await (await import('/images/-/client/index.js')).stats()).images === 8)()"

KEEP_PLAIN = "async (ids) => void (globalThis.heldRecords = await Promise.all(ids.map((id) => fetchRecord(id))))"

GET_RECORD = """async (id) => {
  const { getRecord } = await import("/images/-/client/index.js");
  return getRecord(id);
}"""


@pytest.fixture
def traffic(tmp_path: Path) -> Path:
    return tmp_path / "traffic"


@pytest.fixture
def sealed_site(tmp_path: Path, traffic: Path) -> Iterator[Site]:
    environment = {"PIXSTORE_TEST_RECORDS": "sealed", "PIXSTORE_TEST_TRAFFIC": str(traffic)}
    with running_site(tmp_path, **environment) as running:
        yield running


def save_all(site: Site) -> dict[str, Shown]:
    """Save eight pictures, and return how each looks, by id."""
    images = [(noise("png", 200 + number, size), size) for number, size in enumerate(SIZES)]
    return {site.save(image).id: shown("png", image, size) for image, size in images}


def keys_in(database: Path) -> list[bytes]:
    """Return the keys of all images of a database."""

    async def read() -> list[bytes]:
        async with Pixstore(database, secret=SECRET) as pix:
            found = [await pix.export_image(image.id) for image in await pix.list_images()]
        return [bytes(image.seal.key) for image in found if image]

    with start_blocking_portal() as portal:  # Playwright's event loop runs in this thread
        return portal.call(read)


def spelled(keys: list[bytes]) -> dict[str, bytes]:
    """Return each key as bytes and as texts, by the number of the key and the form."""
    forms = {
        f"{number} {form}": text
        for number, key in enumerate(keys)
        for form, text in (
            ("base64", base64.b64encode(key)),
            ("base64url", base64.urlsafe_b64encode(key)),
            ("hex", key.hex().encode()),
            ("raw", key),
        )
    }
    texts = {name: text.decode() for name, text in forms.items() if not name.endswith("raw")}
    return {**forms, **{f"{name} wide": text.encode("utf-16-le") for name, text in texts.items()}}


def keys_in_heap(page: Page, keys: list[bytes]) -> set[int]:
    """Return the numbers of the keys that the page's scripts hold as texts. Only Chromium's driver tells them."""
    heap = page.heap() if isinstance(page, ChromiumPage) else ""
    return {number for number, key in enumerate(keys) if base64.b64encode(key).decode() in heap}


def crossed(traffic: Path, keys: list[bytes]) -> set[int]:
    """Return the numbers of the keys that are anywhere in the requests and responses."""
    data = traffic.read_bytes()
    return {int(name.split()[0]) for name, text in spelled(keys).items() if text in data}


@pytest.mark.all_engines
def test_a_sealed_picture_is_shown(site: Site, browser: Browser) -> None:
    """A page opens its sealed record. After a reload the record is refused, unless the client can get a fresh one."""
    image = noise("webp", 300)
    image_id = site.save(image).id
    with open_tab(browser, site, recordsUrl="/records") as tab:
        record = tab.page.evaluate(GET_RECORD, image_id)
        assert sorted(record["meta"]) == ["iv", "sealed", "tag"]
        assert tab.show(record) == shown("webp", image)
        tab.page.reload()
        assert tab.show(record) == shown("webp", image)
        tab.open(cache="off")
        assert tab.failure(record)["reason"] == "sealed"
        assert site.log.count(f"/records?id={image_id}") == 2


def test_an_update_reaches_a_sealed_record_by_a_fresh_one(site: Site, browser: Browser) -> None:
    """The server answers InvalidProof to the older record, and the page shows the new version by a fresh record."""
    image_id = site.save(noise("webp", 301)).id
    newer = noise("png", 302)
    with open_tab(browser, site, recordsUrl="/records") as tab:
        record = tab.page.evaluate(GET_RECORD, image_id)
        site.update(image_id, newer)
        assert tab.show(record) == shown("png", newer)
    assert site.states(image_id) == ["InvalidProof", "Success"]


def test_tabs_share_the_download_of_a_sealed_picture(site: Site, browser: Browser) -> None:
    """Each tab opens one download with its own record. A third tab opens the cached ciphertext."""
    image = noise("webp", 303)
    image_id, picture = site.save(image).id, shown("webp", image)
    with (
        open_tab(browser, site, endpoint="/held", recordsUrl="/records") as tab,
        open_tab(browser, site, endpoint="/held", recordsUrl="/records") as second,
    ):
        for asking in (tab, second):
            asking.page.evaluate("id => { globalThis.showing = (" + SHOW_SEALED + ")(id); }", image_id)
        wait_for(tab.page, "(async () => (await navigator.locks.query()).pending.length === 1)()")
        site.release()
        assert [Shown(**asking.page.evaluate("() => showing")) for asking in (tab, second)] == [picture] * 2
        with open_tab(browser, site, recordsUrl="/records") as third:
            assert Shown(**third.page.evaluate(SHOW_SEALED, image_id)) == picture
            records = [opened.page.evaluate("heldRecords[0].meta.sealed") for opened in (tab, second, third)]
            assert third.page.evaluate("heldRecords[0].meta.key") is None
    assert len(set(records)) == 3
    assert (site.requests(image_id, route="/held"), site.requests(image_id)) == (1, 0)


def is_shown_by_worker(tab: Tab, image_id: str) -> bool:
    """Show a picture, and tell whether a worker has decrypted one."""
    tab.page.evaluate(SHOW_SEALED, image_id)
    return bool(tab.page.evaluate("given"))


def test_no_key_crosses_the_wire(sealed_site: Site, traffic: Path, engine: Engine, tmp_path: Path) -> None:
    """Eight pictures are shown, cold and after a reload. No key is in a message, in the page's bytes or on its disk."""
    profile, pictures = tmp_path / "profile", save_all(sealed_site)
    profile.mkdir()
    keys, large = keys_in(tmp_path / "pixstore.db"), list(pictures)[-1]
    with (
        engine.launch(profile) as browser,
        open_tab(browser, sealed_site, first_script=WATCH, recordsUrl="/records", memoryBytes="0") as tab,
    ):
        for _ in range(2):
            assert {image_id: Shown(**tab.page.evaluate(SHOW_SEALED, image_id)) for image_id in pictures} == pictures
            wait_for(tab.page, ARE_STORED)
            assert set(tab.page.evaluate("given")) <= {"worker: CryptoKey"}
            assert keys_in_heap(tab.page, keys) == set()
            tab.page.reload()
        wait_until(lambda: is_shown_by_worker(tab, large), "that the worker decrypts")
        assert set(tab.page.evaluate("given")) == {"worker: CryptoKey"}
        meta, own = tab.page.evaluate(SHOW_OWN, large)
        assert (meta, Shown(**own)) == (["sealed", "iv", "tag"], pictures[large])
        assert found(profile, spelled(keys)) == set()
    assert [sealed_site.requests(image_id) for image_id in pictures] == [1] * 8
    assert len(keys) == 8
    assert crossed(traffic, keys) == set()


def test_the_search_finds_the_keys_of_plain_records(traffic: Path, engine: Engine, tmp_path: Path) -> None:
    """The control: with plain records, the same search finds all eight keys, and the page has their bytes."""
    with (
        running_site(tmp_path, PIXSTORE_TEST_TRAFFIC=str(traffic)) as site,
        engine.launch() as browser,
        open_tab(browser, site, first_script=WATCH) as tab,
    ):
        pictures = save_all(site)
        keys = keys_in(tmp_path / "pixstore.db")
        tab.page.evaluate(KEEP_PLAIN, list(pictures))
        assert {image_id: tab.show_fresh(image_id) for image_id in pictures} == pictures
        assert "bytes" in tab.page.evaluate("given")
        assert keys_in_heap(tab.page, keys) == (set(range(8)) if engine.name == "chromium" else set())
    assert crossed(traffic, keys) == set(range(8)) == set(range(len(keys)))
