"""The gallery in a real browser, when pictures come and go: each test has a server of its own."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.support import noise
from tests.demo.browsing import (
    KEPT_SIX,
    cached,
    expect_picture,
    expect_pictures,
    kept,
    open_first,
    open_tab,
    opener,
    status,
    tiles,
)
from tests.demo.photos import photo
from tests.demo.process import Server

pytestmark = pytest.mark.browser

ROWS_ARE_FULL = """() => {
  const list = document.querySelector("#gallery");
  const rows = new Map();
  for (const tile of list.children) {
    const { top, right } = tile.getBoundingClientRect();
    rows.set(top, [...(rows.get(top) ?? []), { right, height: tile.querySelector(".frame").offsetHeight }]);
  }
  const full = [...rows.values()].slice(0, -1);
  const edge = list.getBoundingClientRect().right;
  return full.length > 0 && full.every((row) => {
    return Math.abs(row.at(-1).right - edge) < 1 && row.every(({ height }) => height === row[0].height);
  });
}"""
PART_OF_THE_WAY = """(bar) => {
  const share = new DOMMatrix(bar.style.transform).a;
  return share > 0 && share < 1;
}"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture of 700 pixels, and more than a megabyte."""
    path = tmp_path / "large.png"
    path.write_bytes(noise("png", seed=1, size=700))
    return path


def test_rows_fill_the_page(page: Page, tmp_path: Path) -> None:
    """Pictures of any shape stand in rows of one height each, as wide as the gallery, also after it was resized."""
    for number, size in enumerate(((200, 600), (600, 200), (400, 300))):
        (tmp_path / f"{number}.jpg").write_bytes(photo(size))
    page.get_by_label("Add pictures").set_input_files(sorted(tmp_path.iterdir()))
    expect_pictures(page, 9)
    for width in (1280, 700, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(ROWS_ARE_FULL)


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


def test_the_dialog_shows_how_much_has_come(page: Page, large: Path) -> None:
    """The thumbnail stands for an original on its way, above a bar that grows; both go when the original is there."""
    page.get_by_label("Add pictures").set_input_files(large)
    expect_pictures(page, 7)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": 400_000, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    dialog = open_first(page)
    bar = dialog.locator(".progress")
    page.wait_for_function(PART_OF_THE_WAY, arg=bar.element_handle())
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("aria-hidden", "true")
    preview = dialog.locator(".preview img")
    expect(preview).to_be_visible()
    expect(preview).to_have_js_property("naturalWidth", 640)
    expect(dialog.get_by_role("img")).to_have_count(0)
    expect(dialog.get_by_role("img")).to_have_js_property("naturalWidth", 700)
    expect(bar).to_be_hidden()
    expect(preview).to_be_hidden()


def test_large_pictures_are_decrypted_in_a_worker(page: Page, large: Path) -> None:
    """The page's policy lets the client start its worker, without a reported violation."""
    page.get_by_label("Add pictures").set_input_files(large)
    expect_pictures(page, 7)
    open_first(page)
    expect(kept(page, "IndexedDB, as ciphertext")).to_contain_text("8 pictures")
    with page.expect_worker() as started:
        page.reload()
        expect_pictures(page, 7)
        dialog = open_first(page)
    assert started.value.url.endswith("/images/-/client/pixstore-worker.js")
    expect_picture(dialog)
    assert len(page.workers) == 1


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
