"""A thief reads the files of a browser's profile, and may have a sealed record from a log."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixstore_asgi import decode_payload
from tests.browser.engines.page import Engine, lacks
from tests.browser.support import Site, noise, open_tab, shown, wait_until
from tests.browser.test_profile_files import body_of, found
from tests.support.sealed import ReferencePage

pytestmark = pytest.mark.browser

BEFORE_PRIVATE_KEY = bytes.fromhex("306b0201010420")
"""The beginning of an ECPrivateKey of P-256 (RFC 5915), before its 32 bytes, in Chromium's and Firefox's files."""

SIGN_OUT = "(async () => (await fetch('/sign-out', { method: 'POST' })).status)()"


def pages_in(profile: Path) -> list[ReferencePage]:
    """Return a page for each private key in the files of a profile."""
    return [ReferencePage.of(secret.hex()) for secret in set(_private_keys(profile))]


def _private_keys(profile: Path) -> Iterator[bytes]:
    for path in (Path(folder) / name for folder, _, names in os.walk(profile) for name in names):
        if path.is_file():  # and not the socket of the running browser
            yield from (rest[:32] for rest in path.read_bytes().split(BEFORE_PRIVATE_KEY)[1:])


@pytest.mark.parametrize(
    ("config", "has_pair", "has_record"),
    [({}, False, False), ({"keyPair": "stored"}, True, False), ({"offline": "true"}, True, True)],
    ids=["memory", "stored", "offline"],
)
def test_only_a_stored_pair_is_in_the_profile(
    site: Site, engine: Engine, tmp_path: Path, config: dict[str, str], has_pair: bool, has_record: bool
) -> None:
    """A stored pair opens the record, also after clear(): the browser's database keeps deleted values for a while.

    Only with `offline` the record is there, too.
    """
    if engine.name == "webkit":
        lacks(engine.name, "it has no profile under WebDriver")
    image = noise("webp", 701)
    saved = site.save(image)
    with (
        engine.launch(tmp_path) as browser,
        open_tab(browser, site, recordsUrl="/records", memoryBytes="0", **config) as tab,
    ):
        record = tab.get_record(saved.id)
        assert tab.show(record) == shown("webp", image)
        tab.wait_until_cached(saved)
        signed_in = pages_in(tmp_path)
        tab.clear()
    after = pages_in(tmp_path)
    opened = [saved.key] if has_pair else []
    sealed = {"sealed": record["meta"]["sealed"].encode()[-70:]}
    assert bool(found(tmp_path, sealed)) == has_record
    assert [page.open(record) for page in signed_in] == opened
    assert [page.open(record) for page in after if page.point in {each.point for each in signed_in}] == opened


def test_a_sign_out_can_remove_all_files_of_the_site(site: Site, engine: Engine, tmp_path: Path) -> None:
    """After a response with Clear-Site-Data, the profile holds no pair, no ciphertext and no record for use offline."""
    if engine.name == "webkit":
        lacks(engine.name, "it has no profile under WebDriver")
    image = noise("png", 702, 256)
    saved = site.save(image)
    ciphertext = {"ciphertext": body_of(decode_payload(site.payload(saved)).ciphertext)}
    with (
        engine.launch(tmp_path) as browser,
        open_tab(browser, site, offline="true", recordsUrl="/records") as tab,
    ):
        record = tab.get_record(saved.id)
        assert tab.show(record) == shown("png", image, 256)
        kept = ciphertext | {"record": record["meta"]["sealed"].encode()}
        wait_until(lambda: found(tmp_path, kept) == {"ciphertext", "record"}, "that the image is on the disk")
        assert pages_in(tmp_path) != []
        assert tab.page.evaluate(SIGN_OUT) == 204
    assert pages_in(tmp_path) == []
    assert found(tmp_path, kept) == set()
