"""The gallery in a real browser: what is fetched when, one picture large, update and delete."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.demo.browsing import (
    cached,
    expect_picture,
    expect_pictures,
    journal,
    open_tab,
    sign_in,
    status,
    tile,
    tiles,
    title,
)
from tests.demo.process import Server, running

pytestmark = pytest.mark.browser


def fact(dialog: Locator, name: str) -> Locator:
    """The value of one of the facts that the dialog lists."""
    return dialog.locator("dl > div", has=dialog.page.get_by_text(name, exact=True)).get_by_role("definition")


def open_first(page: Page) -> Locator:
    tile(page, 0).click()
    return page.get_by_role("dialog", name=title(page, 0))


def test_a_screenful_takes_one_query(context: BrowserContext, server: Server) -> None:
    """The records of all pictures in sight come by one request, and each picture by one more."""
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    page = sign_in(context, server)
    expect_pictures(page, 6)
    (records,) = [url for url in urls if "/api/records?" in url]
    assert len(parse_qs(urlsplit(records).query)["id"]) == 6
    assert len([url for url in urls if "/images/demo" in url]) == 6
    line = journal(page).filter(has_text="6 records")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("Query one")


def test_pictures_are_loaded_as_they_come_into_view(context: BrowserContext) -> None:
    """What was never in sight is not fetched; what is scrolled to is, and pictures that are painted late appear."""
    context.on("request", lambda request: urls.append(request.url))
    urls: list[str] = []
    with running("demo", "--port", "0", "--pictures", "16") as server:
        page = sign_in(context, server)
        page.set_viewport_size({"width": 500, "height": 400})
        expect(page.get_by_text("16 pictures", exact=True)).to_be_visible()
        expect_picture(tile(page, 0))
        assert len([url for url in urls if "/images/demo" in url]) < 14
        expect(tile(page, 15).locator("img")).to_be_hidden()
        tile(page, 15).scroll_into_view_if_needed()
        expect_picture(tile(page, 15))


def test_pictures_come_from_the_cache_the_second_time(context: BrowserContext, page: Page, server: Server) -> None:
    """After a reload no picture is fetched again, and the panel says so, request by request and in total."""
    panel = page.get_by_role("complementary", name="Behind the scenes")
    expect(panel.locator("[data-total=fetched]")).to_have_text("6")
    urls: list[str] = []
    context.on("request", lambda request: urls.append(request.url))
    page.reload()
    expect_pictures(page, 6)
    expect(panel.locator("[data-total=hits]")).to_have_text("6")
    expect(panel.locator("[data-total=fetched]")).to_have_text("0")
    assert [url for url in urls if "/images/demo" in url] == []
    expect(journal(page).filter(has_text="Cache hit")).to_have_count(6)
    expect(journal(page).first).to_contain_text("Proof not needed")
    expect(journal(page).first).to_contain_text("Wire state no request")
    expect(journal(page).first).to_contain_text("Received 0 bytes")


def test_a_fetched_picture_is_told_in_full(page: Page) -> None:
    """A line has cache, proof, wire state, bytes and time."""
    line = journal(page).filter(has_text=re.compile("Cache miss")).first
    expect(line).to_contain_text(re.compile(r"Proof \d+\.\d s old, good for \d+ s"))
    expect(line).to_contain_text("Wire state Success")
    expect(line).to_contain_text(re.compile(r"Received [\d.]+ kB"))
    expect(line).to_contain_text(re.compile(r"Time [\d.]+ m?s"))


def test_a_picture_opens_large_by_keyboard(page: Page) -> None:
    """Enter opens it with its facts and its proof's countdown; Escape closes it, and the focus is where it was."""
    second = tile(page, 1)
    second.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=title(page, 1))
    expect_picture(dialog)
    expect(dialog.get_by_role("timer")).to_have_text(re.compile(r"^Proof (ends in \d+ s|ended\.)"))
    expect(fact(dialog, "Wire state")).to_have_text("Success")
    expect(fact(dialog, "Id")).to_have_text(re.compile("^demo:"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(second).to_be_focused()


def test_the_countdown_runs_out(page: Page) -> None:
    """The proof's time is counted down to its end, which the picture survives; asking again starts it anew."""
    page.clock.install()
    dialog = open_first(page)
    expect(dialog.get_by_role("timer")).to_contain_text("Proof ends in")
    page.clock.fast_forward(41_000)
    expect(dialog.get_by_role("timer")).to_contain_text("Proof ended")
    expect_picture(dialog)


def test_shown_again_and_fetched_again(page: Page) -> None:
    """Show again takes the picture from the cache, Fetch again over the network; a screen reader hears which."""
    dialog = open_first(page)
    dialog.get_by_role("button", name="Show again").click()
    expect(fact(dialog, "Cache")).to_have_text("hit")
    expect(status(page)).to_contain_text("from cache")
    dialog.get_by_role("button", name="Fetch again").click()
    expect(fact(dialog, "Cache")).to_have_text("miss")
    expect(status(page)).to_contain_text("fetched")
    expect_picture(dialog)


def test_update_brings_the_new_picture_to_a_page_with_an_old_record(page: Page) -> None:
    """The page's record of before leads to the new version with its key, in an Updated payload, which is cached."""
    before = title(page, 0)
    dialog = open_first(page)
    token = fact(dialog, "Token").inner_text()
    dialog.get_by_role("button", name="Update").click()
    expect(journal(page).filter(has_text="Wire state Updated")).to_have_count(1)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).not_to_have_text(before)
    expect_picture(dialog)
    dialog.get_by_role("button", name="Show again").click()
    expect(fact(dialog, "Cache")).to_have_text("hit")
    expect(fact(dialog, "Token")).not_to_have_text(token)
    dialog.get_by_role("button", name="Close").click()
    expect(tile(page, 0)).not_to_contain_text(before)
    expect_picture(tile(page, 0))


def test_delete_empties_the_gallery(context: BrowserContext, page: Page, server: Server) -> None:
    """Deleted pictures go from page and cache, the focus moves on, and an empty gallery says so, also in a new tab."""
    for left in range(5, -1, -1):
        open_first(page).get_by_role("button", name="Delete").click()
        expect(tiles(page)).to_have_count(left)
        expect(status(page)).to_contain_text("deleted")
        expect(tile(page, 0) if left else page.get_by_label("Add pictures")).to_be_focused()
    expect(page.get_by_text("No pictures left")).to_be_visible()
    assert cached(page) == {"entries": 0, "bytes": 0}
    expect(open_tab(context, server).get_by_text("No pictures left")).to_be_visible()


def test_a_picture_that_someone_else_deleted_goes(page: Page) -> None:
    """A picture that is gone at the server leaves the page when it is asked for again."""
    dialog = open_first(page)
    page.evaluate(
        """async () => {
          const { pictures } = await (await fetch("/api/pictures")).json();
          await fetch(`/api/pictures/${encodeURIComponent(pictures[0].id)}`, { method: "DELETE" });
        }"""
    )
    dialog.get_by_role("button", name="Show again").click()
    expect(dialog).to_be_hidden()
    expect(tiles(page)).to_have_count(5)
