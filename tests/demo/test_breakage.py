"""What is broken on purpose, and how the page recovers, in a real browser."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.demo.browsing import cached, expect_pictures, journal, status, tile
from tests.demo.process import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(lasting_server: Server) -> Server:
    return lasting_server


def break_by(page: Page, name: str) -> None:
    page.get_by_role("complementary").get_by_role("button", name=name).click()


def lines(page: Page, text: str) -> Locator:
    return journal(page).filter(has_text=text)


def expect_recovery(page: Page) -> None:
    result = re.compile(r"3 of 3 pictures back after [\d.]+ m?s\.")
    expect(page.get_by_role("complementary").get_by_text(result)).to_be_visible()
    expect(status(page)).to_have_text(result)
    expect_pictures(page, 6)


def test_expired_proof_is_healed_by_a_fresh_record(page: Page) -> None:
    """Three requests are refused with one byte each, and succeed with a fresh record."""
    fetched = lines(page, "Wire state Success").count()
    break_by(page, "Expired proof")
    expect_recovery(page)
    expect(lines(page, "Wire state InvalidProof")).to_have_count(3)
    for n in range(3):
        expect(lines(page, "Wire state InvalidProof").nth(n)).to_contain_text("Received 1 byte")
        expect(lines(page, "Wire state InvalidProof").nth(n)).to_contain_text("fetches a fresh record")
    expect(lines(page, "Wire state Success")).to_have_count(fetched + 3)


def test_truncated_body_is_not_cached_and_heals(page: Page) -> None:
    """A halved body fails its tag and is thrown away; the next request is whole, and that one is cached."""
    break_by(page, "Truncated body")
    expect_recovery(page)
    expect(lines(page, "The body is damaged")).to_have_count(3)
    tile(page, 0).click()
    page.get_by_role("button", name="Show again").click()
    expect(status(page)).to_contain_text("from cache")
    assert cached(page) == {"entries": 6, "bytes": 6}


def test_server_restart_is_waited_for(page: Page) -> None:
    """While the server is away the tiles say so, and the page asks again until they are back."""
    break_by(page, "Server restart")
    expect(tile(page, 0)).to_contain_text("Server away")
    expect(tile(page, 0)).to_contain_text("Trying again.")
    expect_recovery(page)


def test_a_failure_that_lasts_is_shown_and_can_be_tried_again(page: Page) -> None:
    """What can't heal is told in the picture's place, in words; asking again brings the picture back."""
    page.route("**/images/demo*", lambda route: route.fulfill(status=404))
    tile(page, 0).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Fetch again").click()
    expect(dialog.get_by_text("there is no image endpoint")).to_be_visible()
    expect(dialog.get_by_role("img")).to_be_hidden()
    page.unroute("**/images/demo*")
    dialog.get_by_role("button", name="Show again").click()
    expect(dialog.get_by_role("img")).to_be_visible()
    expect_pictures(page, 6)
