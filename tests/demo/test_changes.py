"""The gallery in a real browser when pictures come and go."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.demo.browsing import (
    KEPT_SIX,
    cached,
    expect_pictures,
    journal,
    kept,
    open_first,
    open_tab,
    opener,
    status,
    tile,
    tiles,
    title,
)
from tests.demo.process import Server
from tests.support.samples import picture

pytestmark = pytest.mark.browser


def test_what_is_kept_is_kept_up_to_date(page: Page) -> None:
    """The figures follow each deletion, and a sign-out that empties the cache."""
    expect(kept(page, "IndexedDB, as ciphertext")).to_have_text(KEPT_SIX)
    open_first(page).get_by_role("button", name="Delete").click()
    for name in ("IndexedDB, as ciphertext", "Memory, decrypted"):
        expect(kept(page, name)).to_contain_text("5 pictures")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in as a guest").click()
    expect(kept(page, "Downloaded")).to_have_text("5 times")
    expect(kept(page, "Loaded from there")).to_have_text("0 times")


def test_delete_empties_the_gallery(context: BrowserContext, page: Page, server: Server) -> None:
    """Deleted pictures go from page and cache, the focus moves on, and an empty gallery says so, also in a new tab."""
    for left in range(5, -1, -1):
        open_first(page).get_by_role("button", name="Delete").click()
        expect(tiles(page)).to_have_count(left)
        expect(status(page)).to_contain_text("deleted")
        expect(opener(page, 0) if left else page.get_by_label("Add pictures")).to_be_focused()
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


def test_a_picture_smaller_than_its_place_is_shown_as_it_is(page: Page) -> None:
    """The gallery shows the original, the dialog has it from memory, and faults on purpose apply to it."""
    page.get_by_label("Add pictures").set_input_files(
        {"name": "small.png", "mimeType": "image/png", "buffer": picture("png")}
    )
    expect_pictures(page, 7)
    tile(page, 0).click()
    expect(status(page)).to_have_text(f"{title(page, 0)}: from memory.")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Truncated body").click()
    expect(page.get_by_role("complementary").get_by_text("3 of 3 pictures recovered")).to_be_visible()
    expect(journal(page).filter(has_text="The body is damaged")).to_have_count(3)
