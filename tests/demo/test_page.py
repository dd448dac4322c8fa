"""The demo's page in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.demo.process import Server, running
from tests.support import picture

pytestmark = pytest.mark.browser

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def server() -> Iterator[Server]:
    with running("demo", "--port", "0") as started:
        yield started


@pytest.fixture
def page(chromium_path: str, server: Server) -> Iterator[Page]:
    """The page with its first six pictures; an error in its console fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium reports every HTTP status above 399 here; refused uploads are part of the test.
        if message.type == "error" and "status of 400" not in message.text:
            errors.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        opened = browser.new_page()
        opened.on("console", note)
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(server.url)
        expect(opened.locator("#gallery[aria-busy=false] .card")).to_have_count(6)
        yield opened
        browser.close()
    assert errors == []


def card(page: Page, place: int) -> Locator:
    return page.locator(".card").nth(place)


def press(card: Locator, name: str) -> None:
    card.get_by_role("button", name=name, exact=True).click()


def expect_caption(card: Locator, source: str, state: str | re.Pattern[str]) -> None:
    expect(card.locator(".source")).to_have_text(source)
    expect(card.locator("[data-fact=state]")).to_have_text(state)


def expect_picture(card: Locator) -> None:
    image = card.locator("img.picture")
    expect(image).to_be_visible()
    expect(image).not_to_have_js_property("naturalWidth", 0)
    assert str(image.get_attribute("src")).startswith("blob:")


def test_pictures_are_fetched_first_and_cached_then(page: Page) -> None:
    """Every picture comes over the network once; after a reload it comes from the cache, without a request."""
    for place in range(6):
        expect_picture(card(page, place))
        expect_caption(card(page, place), "Fetched", "Success")
        expect(card(page, place).locator("[data-fact=bytes]")).to_have_text(re.compile(r"^[\d,]{5,} bytes$"))
    press(card(page, 0), "Reload")
    expect_caption(card(page, 0), "From cache", "no request")
    expect(card(page, 0).locator("[data-fact=bytes]")).to_have_text("0 bytes")
    page.reload()
    expect_caption(card(page, 5), "From cache", "no request")
    expect_picture(card(page, 5))
    page.get_by_role("button", name="Empty cache").click()
    expect(page.get_by_role("status")).to_contain_text("cache is empty")
    page.get_by_role("button", name="Reload all").click()
    expect_caption(card(page, 5), "Fetched", "Success")


def test_update_brings_the_new_picture_to_a_page_with_an_old_record(page: Page) -> None:
    """After an update the page's old record leads to the new version, with its token, in an Updated payload."""
    first = card(page, 0)
    title, token = first.locator(".title").inner_text(), first.locator("[data-fact=token]").inner_text()
    press(first, "Update")
    expect_caption(first, "Fetched", "Updated")
    expect(first.locator(".title")).not_to_have_text(title)
    expect(first.locator("[data-fact=token]")).not_to_have_text(token)
    expect_picture(first)
    press(first, "Reload")
    expect_caption(first, "From cache", "no request")


def test_expired_proof_is_refused_readably_and_has_a_way_back(page: Page) -> None:
    """An old proof shows InvalidProof in place of the picture, and a fresh record brings the picture back."""
    first = card(page, 0)
    press(first, "Expired proof")
    expect_caption(first, "Refused", "InvalidProof")
    expect(first.locator(".refusal-text")).to_contain_text("proof has expired")
    expect(first.locator("[data-fact=bytes]")).to_have_text("1 byte")
    expect(first.locator("img.picture")).to_be_hidden()
    recover = first.get_by_role("button", name="Ask with a fresh record")
    expect(recover).to_be_focused()
    recover.press("Enter")
    expect_caption(first, "Fetched", "Success")
    expect_picture(first)


def test_upload_shows_the_picture_or_the_reason(page: Page, tmp_path: Path) -> None:
    """A chosen file appears first in the gallery; one that is no picture leaves an error that names file and reason."""
    (tmp_path / "good.png").write_bytes(picture("png"))
    (tmp_path / "bad.png").write_text("no picture")
    page.set_input_files("#file", [tmp_path / "bad.png", tmp_path / "good.png"])
    expect(page.locator(".card")).to_have_count(7)
    expect(card(page, 0).locator(".title")).to_have_text("Your picture")
    expect_picture(card(page, 0))
    expect(page.locator(".toast")).to_contain_text("bad.png: this is no image of a format accepted here")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast")).to_have_count(0)


def test_dropped_file_is_uploaded(page: Page) -> None:
    """A file dropped on the zone takes the same way as a chosen one."""
    transfer = page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.webp", { type: "image/webp" }));
          return transfer;
        }""",
        list(picture("webp")),
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_have_class("drop is-over")
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    expect(page.locator(".card")).to_have_count(7)
    expect_picture(card(page, 0))


def test_delete_empties_the_gallery(page: Page) -> None:
    """Deleted cards go, the focus moves on to the next one, and an empty gallery says so, also when loaded again."""
    for left in range(5, -1, -1):
        press(card(page, 0), "Delete")
        expect(page.locator(".card")).to_have_count(left)
        if left:
            expect(card(page, 0).get_by_role("button", name="Reload")).to_be_focused()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#file")).to_be_focused()
    page.reload()
    expect(page.locator("#empty")).to_be_visible()
