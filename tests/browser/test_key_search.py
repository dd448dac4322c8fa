"""A search for image keys in everything that a browser and a server keep or exchange, for sealed and plain records."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import Pixstore
from tests.browser.engines.page import Engine
from tests.browser.memory import memory_of
from tests.browser.support import Shown, Site, Tab, noise, open_tab, running_site, shown, wait_for, wait_until
from tests.browser.test_profile_files import found
from tests.support.leaks import spellings
from tests.support.samples import SECRET

pytestmark = pytest.mark.browser

SIZES = [48] * 6 + [256, 640]
"""The widths of eight pictures. The last one is above 1 MB, which the worker decrypts."""

WATCH = """() => {
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

SHOW = "async (id) => show(await client.getRecord(id))"

KEEP = """async (ids) => {
  const headers = await client.recipientHeaders();
  const found = await (await fetch(`/records?id=${ids.join("&id=")}`, { headers })).json();
  for (const record of Object.values(found)) {
    const text = JSON.stringify(record);
    await keep(record.id, record);
    await (await caches.open("records")).put(`/records/${record.id}`, new Response(text));
    localStorage.setItem(record.id, text);
  }
}"""
"""Keeps records in each storage of the browser, as careless applications do."""

ARE_RENDERED = """[...document.querySelectorAll("pix-image img")].filter((image) => image.naturalWidth).length === 8"""

ARE_STORED = "(async () => (await client.stats()).images === 9)()"

PLACES = {"HTML", "IndexedDB", "Cache Storage", "localStorage", "memory", "traffic", "log"}


def save_all(site: Site) -> dict[str, Shown]:
    """Save eight pictures, and return how each looks, by id."""
    images = [(noise("png", 200 + number, size), size) for number, size in enumerate(SIZES)]
    return {site.save(image).id: shown("png", image, size) for image, size in images}


def keys_in(database: Path) -> dict[str, bytes]:
    """Return the keys of all images of a database, by id."""

    async def read() -> dict[str, bytes]:
        async with Pixstore(database, secret=SECRET) as pix:
            exported = [await pix.export_image(image.id) for image in await pix.list_images()]
        return {each.id: bytes(each.seal.key) for each in exported if each}

    with start_blocking_portal() as portal:  # Playwright's event loop runs in this thread
        return portal.call(read)


class Visit(NamedTuple):
    """A page that showed pictures. keys_given: the kinds of keys that its scripts had.

    images: the ids of all images. shown_by_record: the ids of those that the page had records of. The service worker
    had the records of the others. places: the images whose key was found, by the place.
    """

    keys_given: set[str]
    images: set[str]
    shown_by_record: set[str]
    places: dict[str, set[str]]


def in_data(data: bytes, keys: Mapping[str, bytes]) -> set[str]:
    """Return the images whose key is in some data, as bytes or as text."""
    return {image_id for image_id, key in keys.items() if key in data} | in_texts(data, keys)


def in_texts(data: bytes, keys: Mapping[str, bytes]) -> set[str]:
    """Return the images whose key is in some data as text, with characters of one byte or of two."""
    text = data.replace(b"\0", b"")
    return {image_id for image_id, key in keys.items() if any(form in text for form in written(key))}


def written(key: bytes) -> set[bytes]:
    """Return the ways in which a script or a format writes a key."""
    return {form.encode() for form in (*spellings(key), ",".join(map(str, key)))}


def in_profile(profile: Path, keys: Mapping[str, bytes]) -> set[str]:
    """Return the images that have a part of their key in a profile's files, as bytes or as text."""
    forms = {
        f"{image_id} {number} {encoding}": form.decode("latin-1").encode(encoding)
        for image_id, key in keys.items()
        for number, form in enumerate((key, *written(key)))
        for encoding in ("latin-1", "utf-16-le")
    }
    return {name.split()[0] for name in found(profile, forms)}


def is_shown_by_worker(tab: Tab, image_id: str) -> bool:
    """Show a picture, and tell whether a worker has decrypted one."""
    tab.page.evaluate(SHOW, image_id)
    return any(kind.startswith("worker") for kind in tab.page.evaluate("given"))


def show_address(tab: Tab, image_id: str) -> None:
    """Show an image by its address, through the service worker."""
    tab.page.goto(f"{tab.site.url}/plain.html")
    wait_for(tab.page, "typeof globalThis.register === 'function'")
    assert tab.page.evaluate("register()") is True
    assert tab.page.evaluate("id => show(id)", image_id) == 48


def show_records(tab: Tab, pictures: Mapping[str, Shown], *, has_blobs: bool, has_cookie: bool) -> set[str]:
    """Show pictures by their records: cold, from the cache, by the worker if the browser stores blobs, and in
    HTML if it takes secure cookies over plain HTTP.

    The client also keeps the records, for a page without a network.

    Return the kinds of keys that the scripts of the page had.
    """
    given: set[str] = set()
    for _ in range(2):
        tab.open(recordsUrl="/records", memoryBytes="0", offline="true")
        tab.page.evaluate(WATCH)
        assert {image_id: Shown(**tab.page.evaluate(SHOW, image_id)) for image_id in pictures} == pictures
        wait_for(tab.page, ARE_STORED)
        given |= set(tab.page.evaluate("given"))
    if has_blobs:
        wait_until(lambda: is_shown_by_worker(tab, list(pictures)[-1]), "that the worker decrypts")
    tab.page.evaluate(KEEP, list(pictures))
    given |= set(tab.page.evaluate("given"))
    if has_cookie:
        tab.page.goto(f"{tab.site.url}/rendered?id={'&id='.join(pictures)}")
        wait_for(tab.page, ARE_RENDERED)
    return given


def visit(engine: Engine, folder: Path, records: str) -> Visit:
    """Show pictures in a new browser, and search everything for their keys."""
    # MiniBrowser has no profile under WebDriver, and stores no blob in its private windows.
    profile = None if engine.name == "webkit" else folder / "profile"
    if profile:
        profile.mkdir()
    traffic = folder / "traffic"
    environment = {"PIXSTORE_TEST_TRAFFIC": str(traffic), "UVICORN_LOG_LEVEL": "trace"}
    with (
        running_site(folder, PIXSTORE_TEST_RECORDS=records, **environment) as site,
        engine.launch(profile) as browser,
        open_tab(browser, site) as tab,
    ):
        pictures, by_address = save_all(site), site.save(noise("png", 210)).id
        keys = keys_in(folder / "pixstore.db")
        traffic.write_bytes(b"")  # the records of the saves do not count
        show_address(tab, by_address)
        given = show_records(tab, pictures, has_blobs=profile is not None, has_cookie=engine.name != "webkit")
        places = {"memory": set().union(*(in_texts(part, keys) for part in memory_of(engine)))}
        for place, data in tab.page.evaluate("everythingStored()").items():
            places[place] = in_data(base64.b64decode(data), keys)
        assert [site.requests(image_id) for image_id in keys] == [1] * 9
        log = site.log.encode() + traffic.with_suffix(".log").read_bytes()
        places |= {"traffic": in_data(traffic.read_bytes(), keys), "log": in_data(log, keys)}
    if profile:
        places["profile"] = in_profile(profile, keys)
    return Visit(given, set(keys), set(pictures), places)


def test_no_place_has_a_key_of_a_sealed_record(engine: Engine, tmp_path: Path) -> None:
    """Pictures are shown in each way. No key of theirs is in the browser, its profile, the messages or the log."""
    sealed = visit(engine, tmp_path, "sealed")
    assert sealed.keys_given <= {"worker: CryptoKey"}
    assert set(sealed.places) - {"profile"} == PLACES
    assert {place: found for place, found in sealed.places.items() if found} == {}


def test_the_search_finds_the_keys_of_plain_records(engine: Engine, tmp_path: Path) -> None:
    """The control: after the same visit with plain records, each place has all keys, and the page had their bytes."""
    plain = visit(engine, tmp_path, "unsealed")
    assert "bytes" in plain.keys_given
    assert set(plain.places) - {"profile"} == PLACES
    assert [place for place, found in plain.places.items() if not found >= plain.shown_by_record] == []
    assert plain.places["traffic"] == plain.places["log"] == plain.images
