"""The demo's log: its reader gets the picture of a plain record, and noise of a sealed one. In a real browser."""

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.demo.browsing import expect_pictures, journal, status, tile
from tests.demo.conftest import listed_ids
from tests.demo.process import Server, signed_in

pytestmark = pytest.mark.browser

SEES_PICTURE = "A reader of this log sees this picture: the log has its key."
SEES_NOISE = "A reader of this log sees noise. Id, size and token are readable; the key is not."
PIXELS = """async (source) => {
  const picture = await createImageBitmap(source);
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const hash = await crypto.subtle.digest("SHA-256", data);
  return [picture.width, picture.height, String(new Uint8Array(hash))];
}"""


def drawn(page: Page) -> Locator:
    return page.get_by_role("complementary").get_by_role("img")


def logged(page: Page) -> dict[str, Any]:
    """Return the record that the panel shows."""
    record: dict[str, Any] = json.loads(page.get_by_role("group", name="A record in a log").inner_text())
    return record


def pass_on(route: Route, bodies: list[bytes]) -> None:
    """Note the body of the response, and give the response to the page."""
    response = route.fetch()
    bodies.append(response.body())
    route.fulfill(response=response)


def place_of(page: Page, record: dict[str, Any]) -> int:
    """Return the place in the gallery of the picture with this record."""
    ids = page.evaluate("async () => (await (await fetch('/api/pictures')).json()).pictures.map(({ id }) => id)")
    return int(ids.index(record["id"].split("~")[0]))


def keys(server: Server) -> list[bytes]:
    """Return all image keys, as bytes and as in plain records."""
    with signed_in(server) as client:
        ids = sorted(listed_ids(client))
        entries = client.get("api/records", params={"id": ids}).raise_for_status().json()["pictures"]
    records = [entry["record"] for entry in entries]
    texts = [each["meta"]["key"] for record in records for each in (record, *record["variants"].values())]
    return [*(text.encode() for text in texts), *(base64.b64decode(text) for text in texts)]


def test_a_log_of_plain_records_shows_the_picture(page: Page) -> None:
    """WebCrypto decrypts the ciphertext with the logged key, to the same pixels as in the gallery."""
    expect(page.get_by_text(SEES_PICTURE)).to_be_visible()
    record = logged(page)
    assert len(base64.b64decode(record["meta"]["key"])) == 32
    shown = tile(page, place_of(page, record)).locator(".picture img")
    assert drawn(page).evaluate(PIXELS) == shown.evaluate(PIXELS)


def test_a_log_of_sealed_records_shows_noise(page: Page, server: Server) -> None:
    """After the switch, no response has a key, the same attempt fails, and the page still shows and updates its
    pictures. Switched back, the log has keys again.
    """
    bodies: list[bytes] = []
    page.route("**", lambda route: pass_on(route, bodies))
    switch = page.get_by_role("switch", name="Sealed records")
    switch.check()
    expect(page.get_by_text(SEES_NOISE).first).to_be_visible()
    expect(status(page)).to_have_text(SEES_NOISE)
    expect_pictures(page, 6)
    record = logged(page)
    assert record["meta"].keys() == {"sealed", "iv", "tag"}
    shown = tile(page, place_of(page, record)).locator(".picture img")
    assert drawn(page).evaluate(PIXELS) != shown.evaluate(PIXELS)
    before = keys(server)

    tile(page, 0).click()
    page.get_by_role("button", name="Update").click()
    outdated = journal(page).filter(has_text="The server sent no key, and the client fetched a fresh record.")
    expect(outdated).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect_pictures(page, 6)
    assert sum(body.count(b'"sealed"') for body in bodies) >= 14
    assert not [key for key in {*before, *keys(server)} if any(key in body for body in bodies)]

    switch.uncheck()
    expect(page.get_by_text(SEES_PICTURE).first).to_be_visible()
    expect_pictures(page, 6)
    assert "key" in logged(page)["meta"]
