"""The demo's page as its users see it: by roles and labels, and the browser's stored data."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

from tests.demo.process import Server
from tests.support.paths import TESTS

IMAGES = re.compile(r"/images/(demo|-/batch)")
"""The URLs of image requests, single ones and batches."""
KEPT_SIX = re.compile(r"^6 pictures, [\d.]+ kB$")
"""The panel's text for an unchanged gallery."""

# Chromium reports every refusal in the console: of a request, of one that a test aborts, of a blob that is revoked.
_EXPECTED_ERROR = re.compile(r"status of (400|401|403|404|413|503)|net::(ERR_FAILED|ERR_FILE_NOT_FOUND)")
# The conditions of expect_picture for all tiles, in one call: many tests begin with it.
_ALL_ARE_DRAWN = """() => [...document.querySelectorAll("#gallery .picture")].every((picture) => {
  const image = picture.querySelector("img");
  return picture.state === "shown" && !picture.querySelector("canvas")
    && image.checkVisibility({ visibilityProperty: true }) && image.getBoundingClientRect().width > 0
    && image.src.startsWith("blob:") && image.naturalWidth > 0;
})"""
_AXE = TESTS / "js" / "node_modules" / "axe-core" / "axe.min.js"

# A busy machine is slow: only pytest's limit of a test, which is a little longer, tells that a page never gets there.
WAIT_MS = 100_000
expect.set_options(timeout=WAIT_MS)


@contextmanager
def browsing(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Open a browser profile; an error in a console of its pages fails the test, unless it is a refusal."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not _EXPECTED_ERROR.search(message.text):
            errors.append(message.text)

    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(WAIT_MS)
    context.on("console", note)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    context.close()
    assert errors == [], errors


def sign_in(context: BrowserContext, server: Server, size: ViewportSize | None = None) -> Page:
    """Open the page, in a window of this size, and sign in."""
    page = context.new_page()
    if size:
        page.set_viewport_size(size)
    page.goto(server.url)
    page.get_by_role("button", name="Sign in as a guest").click()
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    page.mouse.move(0, 0)  # away from the place of the button, where a tile of the gallery would grow
    return page


def open_tab(context: BrowserContext, server: Server) -> Page:
    """Open one more tab of a context that is signed in."""
    page = context.new_page()
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Gallery")).to_be_visible()
    return page


def tiles(page: Page) -> Locator:
    """The pictures in the gallery."""
    return page.get_by_role("list", name="Gallery").get_by_role("listitem")


def tile(page: Page, place: int) -> Locator:
    """One picture in the gallery."""
    return tiles(page).nth(place)


def opener(page: Page, place: int) -> Locator:
    """The button that opens it; the other one in its place, where there is one, tries again."""
    return tile(page, place).get_by_role("button").first


def title(page: Page, place: int) -> str:
    """The title of one picture in the gallery."""
    return tile(page, place).locator(".title").inner_text()


def expect_picture(place: Locator) -> None:
    """Wait until a tile or the dialog shows a picture that the browser could decode, and no blur upon it."""
    image = place.locator(".picture img")
    expect(place.locator(".picture")).to_have_js_property("state", "shown")
    expect(place.locator(".picture canvas")).to_have_count(0)
    expect(image).to_be_visible()
    expect(image).to_have_attribute("src", re.compile("^blob:"))
    expect(image).not_to_have_js_property("naturalWidth", 0)


def expect_pictures(page: Page, count: int) -> None:
    """Wait until the gallery has so many pictures, all of them drawn."""
    expect(tiles(page)).to_have_count(count)
    page.wait_for_function(_ALL_ARE_DRAWN)


def noted_requests(context: BrowserContext) -> list[Request]:
    """Return a list that gets every request of the context's pages from now on."""
    requests: list[Request] = []
    context.on("request", lambda request: requests.append(request))
    return requests


def record_queries(requests: list[Request]) -> list[int]:
    """Return how many records each query for some asked for."""
    queries = [urlsplit(request.url).query for request in requests if "/api/records?" in request.url]
    return [len(parse_qs(query)["id"]) for query in queries]


def image_requests(requests: list[Request]) -> list[int]:
    """Return how many images each request for some asked for."""
    found = [request for request in requests if IMAGES.search(request.url)]
    batches = [json.loads(request.post_data)["images"] if request.post_data else [request] for request in found]
    return [len(images) for images in batches]


def journal(page: Page) -> Locator:
    """The lines of the side panel's list of requests, the newest first."""
    return page.get_by_role("list", name="Requests").get_by_role("listitem")


def status(page: Page) -> Locator:
    """The text for screen readers."""
    return page.get_by_role("status")


def kept(page: Page, name: str) -> Locator:
    """One of the figures under "Kept in this browser"."""
    panel = page.get_by_role("complementary", name="Behind the scenes")
    return panel.locator("dl > div", has=page.get_by_text(name, exact=True)).get_by_role("definition")


def cached(page: Page) -> dict[str, int]:
    """Return how many entries and images the page's cache has."""
    return {name: len(keys) for name, keys in cached_keys(page).items()}


def cached_keys(page: Page) -> dict[str, list[list[str]]]:
    """Return namespace and id of each entry and each image in the page's cache."""
    keys: dict[str, list[list[str]]] = page.evaluate(
        """async () => {
          const done = (request) => new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
          });
          const connection = await done(indexedDB.open("pixstore-demo"));
          const keys = {};
          for (const name of ["entries", "bytes"]) {
            keys[name] = await done(connection.transaction(name).objectStore(name).getAllKeys());
          }
          connection.close();
          return keys;
        }"""
    )
    return keys


def violations(page: Page) -> list[str]:
    """Return the problems that axe-core finds in the page now, one line for each element."""
    if not _AXE.is_file():
        reason = "axe-core is missing: run `npm ci` in tests/js"
        if os.environ.get("PIXSTORE_TEST_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def open_first(page: Page) -> Locator:
    """Open the first picture, and return the dialog that shows it."""
    tile(page, 0).click()
    return page.get_by_role("dialog", name=title(page, 0))
