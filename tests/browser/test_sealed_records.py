"""Sealed records in a real browser: pictures are shown, and updates reach them. test_key_search.py looks for keys."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.browser.engines.page import Browser
from tests.browser.support import Shown, Site, noise, open_tab, shown, wait_for
from tests.support.paths import TESTS

pytestmark = pytest.mark.browser

SHOW_SEALED = """async (id) => {
  const record = await client.getRecord(id);
  (globalThis.heldRecords ??= []).push(record);
  return show(record);
}"""

OPEN_VECTORS = """async (vectors) => {
  const { createRecipient } = await import("/src/crypto/recipient.js");
  const { parseRecord } = await import("/src/format/records.js");
  const curve = { name: "ECDH", namedCurve: "P-256" };
  const { subtle } = crypto;
  const opened = {};
  for (const { name, page, record } of vectors) {
    const privateKey = await subtle.importKey("jwk", page, curve, false, ["deriveKey"]);
    const publicKey = await subtle.importKey("jwk", { ...page, d: undefined }, curve, true, []);
    subtle.generateKey = async () => ({ privateKey, publicKey });
    try {
      const handle = await createRecipient().opened(parseRecord(record)).key;
      const image = await subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, handle, Uint8Array.from(IMAGE));
      opened[name] = new TextDecoder().decode(image);
    } catch (error) {
      opened[name] = error.reason ?? String(error);
    }
  }
  return opened;
}"""
"""Opens sealed records with given pairs. Gives the plaintext of IMAGE, or the reason of the refusal, by name."""


@pytest.mark.all_engines
def test_a_sealed_picture_is_shown(site: Site, browser: Browser) -> None:
    """A page opens its sealed record. After a reload the record is refused, unless the client can get a fresh one."""
    image = noise("webp", 300)
    image_id = site.save(image).id
    with open_tab(browser, site, recordsUrl="/records") as tab:
        record = tab.get_record(image_id)
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
        record = tab.get_record(image_id)
        site.update(image_id, newer)
        assert tab.show(record) == shown("png", newer)
    assert site.states(image_id) == ["InvalidProof", "Success"]


def test_tabs_share_the_download_of_a_sealed_picture(site: Site, browser: Browser) -> None:
    """Each tab opens one download with its own record. So does a third tab, although it is given the first tab's."""
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
            records = [opened.page.evaluate("heldRecords[0]") for opened in (tab, second)]
            assert third.show(records[0]) == picture
    assert len({record["meta"]["sealed"] for record in records}) == 2
    assert site.log.count(f"/records?id={image_id}") == 3
    assert (site.requests(image_id, route="/held"), site.requests(image_id)) == (1, 0)


def as_jwk(page: dict[str, str]) -> dict[str, str]:
    """Return the pair of a vector as a JSON Web Key (RFC 7518, section 6.2)."""
    parts = {"x": page["point"][2:66], "y": page["point"][66:], "d": page["d"]}
    texts = {name: base64.urlsafe_b64encode(bytes.fromhex(part)).decode().rstrip("=") for name, part in parts.items()}
    return {"kty": "EC", "crv": "P-256", **texts}


@pytest.mark.all_engines
def test_the_browser_opens_and_refuses_the_vectors(site: Site, browser: Browser) -> None:
    """The client opens each valid vector, and refuses each other one, by the cryptography of each browser."""
    vectors = json.loads((TESTS / "vectors" / "sealed.json").read_text())["records"]
    key = bytes.fromhex(vectors[0]["result"]["key"])
    image = list(AESGCM(key).encrypt(bytes(12), b"opened", None))
    pages = [{**vector, "page": as_jwk(vector["page"])} for vector in vectors]
    with open_tab(browser, site) as tab:
        opened = tab.page.evaluate(OPEN_VECTORS.replace("IMAGE", str(image)), pages)
    assert opened == {vector["name"]: vector.get("failure", "opened") for vector in vectors}
