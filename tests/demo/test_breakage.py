"""Faults on purpose, and the recovery of the page, in a real browser."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.demo.browsing import (
    IMAGES,
    cached,
    expect_pictures,
    image_requests,
    journal,
    kept,
    noted_requests,
    opener,
    record_queries,
    status,
    tile,
)

pytestmark = pytest.mark.browser

IS_WHOLE = """(button) => {
  const frame = button.closest(".frame").getBoundingClientRect();
  const { top, bottom, left, right } = button.getBoundingClientRect();
  return top >= frame.top && bottom <= frame.bottom && left >= frame.left && right <= frame.right;
}"""


def break_by(page: Page, name: str) -> None:
    page.get_by_role("complementary").get_by_role("button", name=name).click()


def lines(page: Page, text: str) -> Locator:
    return journal(page).filter(has_text=text)


def total(page: Page, name: str) -> Locator:
    totals = page.get_by_role("complementary").locator("dl.totals > div")
    return totals.filter(has_text=name).get_by_role("definition")


def expect_recovery(page: Page) -> None:
    result = re.compile(r"3 of 3 pictures recovered after [\d.]+ m?s\.")
    expect(page.get_by_role("complementary").get_by_text(result)).to_be_visible()
    expect(status(page)).to_have_text(result)
    expect_pictures(page, 6)


def test_expired_proof_is_healed_by_the_client(context: BrowserContext, page: Page) -> None:
    """Three pictures are refused in one request, get fresh records by one query, and come by one more request."""
    requests = noted_requests(context)
    break_by(page, "Expired proof")
    expect_recovery(page)
    assert image_requests(requests) == [3, 3]
    assert record_queries(requests) == [3, 3]
    healed = lines(page, "Wire state InvalidProof → Success")
    expect(healed).to_have_count(3)
    for n in range(3):
        expect(healed.nth(n)).to_contain_text("Request for 2 \N{MULTIPLICATION SIGN} 3 pictures")
        expect(healed.nth(n)).to_contain_text(re.compile(r"Proof refused, then valid for \d+ s"))
        expect(healed.nth(n)).to_contain_text("The client fetched a fresh record and tried again.")
    expect(total(page, "Failed")).to_have_text("0")


def test_truncated_body_is_not_cached_and_heals(context: BrowserContext, page: Page) -> None:
    """Halved bodies in a batch fail their tags and are dropped. The page requests them again, and caches whole ones."""
    requests = noted_requests(context)
    break_by(page, "Truncated body")
    expect_recovery(page)
    assert image_requests(requests)[0] == 3
    assert sum(image_requests(requests)) == 6
    expect(lines(page, "The body is damaged")).to_have_count(3)
    expect(total(page, "Failed")).to_have_text("3")
    expect(kept(page, "IndexedDB, as ciphertext")).to_contain_text("6 pictures")
    assert cached(page) == {"entries": 6, "bytes": 6}
    page.reload()
    expect_pictures(page, 6)
    expect(kept(page, "Loaded from there")).to_have_text("6 times")


def test_server_restart_is_outlasted_by_the_client(page: Page) -> None:
    """While the server is away the tiles say so; the client asks until it is back, and no picture has failed."""
    break_by(page, "Server restart")
    expect(tile(page, 0)).to_contain_text("Server away")
    expect(tile(page, 0)).to_contain_text("Trying again.")
    expect_recovery(page)
    outlasted = lines(page, "HTTP 503 → Success")
    expect(outlasted).to_have_count(3)
    expect(outlasted.first).to_contain_text("The server was away. The client waited")
    expect(total(page, "Failed")).to_have_text("0")


def test_a_failure_that_lasts_is_shown_and_can_be_tried_again(page: Page) -> None:
    """A lasting fault is reported in the picture's place, in words. "Try again" brings the picture back."""
    page.route(IMAGES, lambda route: route.fulfill(status=404))
    tile(page, 0).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Fetch again").click()
    expect(dialog.get_by_text("there is no such endpoint")).to_be_visible()
    expect(dialog.get_by_role("img")).to_be_hidden()
    page.unroute(IMAGES)
    dialog.get_by_role("button", name="Show again").click()
    expect(dialog.get_by_role("img")).to_be_visible()
    expect_pictures(page, 6)


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.soak)])
def test_a_failure_in_the_gallery_is_tried_again_in_its_place(page: Page, width: int) -> None:
    """A picture that has failed has a button in its frame, by which it comes back; the focus stays at the picture."""
    page.set_viewport_size({"width": width, "height": 900})
    page.route(IMAGES, lambda route: route.fulfill(status=404))
    tile(page, 0).click()
    page.get_by_role("dialog").get_by_role("button", name="Fetch again").click()
    expect(page.get_by_role("dialog").get_by_text("there is no such endpoint")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tile(page, 0)).to_contain_text("FetchError")
    page.unroute(IMAGES)
    retry = tile(page, 0).get_by_role("button", name="Try again")
    assert page.evaluate(IS_WHOLE, retry.element_handle())
    page.keyboard.press("Tab")
    expect(retry).to_be_focused()
    page.keyboard.press("Enter")
    expect_pictures(page, 6)
    expect(retry).to_be_hidden()
    expect(opener(page, 0)).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()
