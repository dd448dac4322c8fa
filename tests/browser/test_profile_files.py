"""The browser's files on disk: every file of its profile is searched for keys, proofs and images."""

import base64
import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pixstore_asgi import ImageRecord, decode_payload
from tests.browser.engines.page import Engine
from tests.browser.support import Site, Tab, noise, open_tab, shown

pytestmark = pytest.mark.browser

PIECE = 16
STEP = 8
PICTURES = [(48, False), (256, False), (48, True), (256, True)]
"""Width, and whether an old record gets it as an update. IndexedDB keeps the wide ones in files of their own."""


def pieces(value: bytes) -> Iterator[bytes]:
    return (value[at : at + PIECE] for at in range(len(value) - PIECE + 1))


def found(profile: Path, values: Mapping[str, bytes]) -> set[str]:
    """Return the names of the values of which a piece is in a profile's files; any 23 bytes in a row hold a piece."""
    name_of = {piece: name for name, value in values.items() for piece in pieces(value)}
    hits: set[str] = set()
    for path in (Path(folder) / file for folder, _, files in os.walk(profile) for file in files):
        # A browser that runs removes files meanwhile.
        with contextlib.suppress(FileNotFoundError):
            data = path.read_bytes() if path.is_file() else b""
            hits |= {name_of[piece] for at in range(0, len(data), STEP) if (piece := data[at : at + PIECE]) in name_of}
    return hits


def texts_of(record: ImageRecord) -> dict[str, str]:
    """Return a record's secrets as texts; of the proof its end, for proofs of one moment begin alike."""
    key = record.key
    return {"base64": base64.b64encode(key).decode(), "hex": key.hex(), "proof": record.stateless_proof[20:]}


def secrets_of(record: ImageRecord) -> dict[str, bytes]:
    """Return a record's secrets in every form that a browser could write."""
    texts = texts_of(record)
    wide = {f"wide {name}": text.encode("utf-16-le") for name, text in texts.items()}
    return {"raw": record.key, **{name: text.encode() for name, text in texts.items()}, **wide}


def body_of(image: bytes) -> bytes:
    """Return an image without its first and last bytes, which other images have too."""
    return image[64:-64]


@dataclass
class Visits:
    """The secrets and images that went through a browser, by name."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)

    def note_record(self, name: str, record: ImageRecord) -> ImageRecord:
        self.secrets |= {f"{name} {form}": value for form, value in secrets_of(record).items()}
        return record

    def show(self, tab: Tab, number: int, *, is_cached: bool) -> None:
        """Show picture `number` with its first record, then with a fresh one."""
        size, is_update = PICTURES[number]
        image = noise("png", 100 + number, size)
        first = self.note_record(f"{number} first", tab.site.save(noise("webp", 1) if is_update else image))
        current = tab.site.update(first.id, image) if is_update else first
        assert tab.show(first) == shown("png", image, size)
        if is_cached:
            tab.wait_until_cached(current)
        fresh = self.note_record(f"{number} fresh", tab.record(first.id))
        assert tab.show(fresh) == shown("png", image, size)
        self.images[f"{number} plaintext"] = body_of(image)
        self.images[f"{number} ciphertext"] = body_of(decode_payload(tab.site.payload(fresh)).ciphertext)


@pytest.mark.parametrize(("cache", "kept"), [("encrypted", "ciphertext"), ("decrypted", "plaintext"), ("off", None)])
def test_profile_holds_no_key_and_only_what_the_cache_keeps(
    site: Site, engine: Engine, tmp_path: Path, cache: str, kept: str | None
) -> None:
    """No key and no proof reaches the disk in any mode. Of the images, only those that the mode stores do."""
    visits = Visits()
    with engine.launch(tmp_path) as browser, open_tab(browser, site, cache=cache) as tab:
        for number in range(len(PICTURES)):
            visits.show(tab, number, is_cached=kept is not None)
        tab.page.reload()
        assert found(tmp_path, visits.secrets) == set()
    expected = {name for name in visits.images if name.split()[1] == kept}
    assert found(tmp_path, visits.secrets | visits.images) == expected


def test_the_search_finds_what_a_page_keeps(site: Site, engine: Engine, tmp_path: Path) -> None:
    """The search of the test above finds each form of a key and a proof that a page puts into IndexedDB."""
    record = site.save(noise("png", 110))
    # A character beyond Latin-1 makes the browser keep a text in UTF-16.
    forms = texts_of(record) | {f"wide {name}": f"{text}€" for name, text in texts_of(record).items()}
    with engine.launch(tmp_path) as browser, open_tab(browser, site) as tab:
        for name, text in forms.items():  # each alone: what is kept together is compressed together
            tab.page.evaluate("([name, text]) => keep(name, text)", [name, text])
        tab.page.evaluate("raw => keep('raw leak', Uint8Array.from(raw))", list(record.key))
    assert found(tmp_path, secrets_of(record)) == set(secrets_of(record))


def test_payloads_and_records_stay_out_of_the_http_cache(site: Site, engine: Engine, tmp_path: Path) -> None:
    """A page that fetches a payload by itself, its fetch free to cache it, leaves none on the disk: no-store holds."""
    saved = site.save(noise("png", 120))
    storable = noise("png", 121, size=16)
    with engine.launch(tmp_path) as browser, open_tab(browser, site) as tab:
        record = tab.record(saved.id)
        payload = site.payload(record)
        assert tab.page.evaluate("record => fetchPlainly(record)", record) == len(payload)
        assert tab.page.evaluate("hex => fetchStorable(hex)", storable.hex()) == len(storable)
    values = {"payload": payload[1:], "storable": body_of(storable), **secrets_of(record)}
    assert found(tmp_path, values) == {"storable"}


@pytest.mark.parametrize("cache", ["encrypted", "decrypted"])
def test_pictures_survive_a_restart_of_the_browser(site: Site, engine: Engine, tmp_path: Path, cache: str) -> None:
    """A browser that is closed and opened again shows its cached pictures without a request."""
    saved = [(site.save(image), shown("png", image, size)) for size in (48, 256) for image in [noise("png", 130, size)]]
    with engine.launch(tmp_path) as browser, open_tab(browser, site, cache=cache) as tab:
        for record, _ in saved:
            tab.show_until_cached(record.id)
    with engine.launch(tmp_path) as browser, open_tab(browser, site, cache=cache) as tab:
        assert [tab.show_fresh(record.id) for record, _ in saved] == [picture for _, picture in saved]
    assert [site.requests(record.id) for record, _ in saved] == [1, 1]
