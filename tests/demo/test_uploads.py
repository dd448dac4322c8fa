"""Uploads in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo.browsing import expect_picture, status, tile, tiles
from tests.support.samples import large_png, picture

pytestmark = pytest.mark.browser


def test_several_files_at_once_and_one_is_no_picture(page: Page, tmp_path: Path) -> None:
    """Good files appear first in the gallery; the bad one stays in the list with the reason until it is dismissed."""
    (tmp_path / "one.png").write_bytes(picture("png"))
    (tmp_path / "bad.png").write_text("no picture")
    (tmp_path / "two.webp").write_bytes(picture("webp"))
    files = [tmp_path / name for name in ("one.png", "bad.png", "two.webp")]
    page.get_by_label("Add pictures").set_input_files(files)
    expect(tiles(page)).to_have_count(8)
    for place in (0, 1):
        expect(tile(page, place)).to_contain_text("Your picture")
        expect_picture(tile(page, place))
    refused = page.get_by_role("list", name="Uploads").get_by_role("listitem").filter(has_text="bad.png")
    expect(refused).to_contain_text("This is no image of a format accepted here")
    refused.get_by_role("button", name="Dismiss the message on bad.png").click()
    expect(refused).to_have_count(0)


def test_an_upload_shows_its_progress_and_can_be_cancelled(page: Page, tmp_path: Path) -> None:
    """Two slow uploads have a bar each, between nothing and all; a cancelled one leaves no picture, the other comes."""
    for name in ("slow.png", "slower.png"):
        (tmp_path / name).write_bytes(large_png(2_000_000))
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Add pictures").set_input_files([tmp_path / "slow.png", tmp_path / "slower.png"])
    for name in ("slow.png", "slower.png"):
        bar = page.get_by_role("progressbar", name=f"Upload of {name}")
        expect(bar).to_be_visible()
        page.wait_for_function("(bar) => bar.value > 0 && bar.value < 1", arg=bar.element_handle())
    page.get_by_role("button", name="Cancel the upload of slower.png").press("Enter")
    expect(page.get_by_role("progressbar", name="Upload of slower.png")).to_have_count(0)
    expect(page.get_by_label("Add pictures")).to_be_focused()
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    expect(tiles(page)).to_have_count(7)
    expect(status(page)).to_have_text("slow.png is encrypted and stored.")


def test_files_can_be_dropped_anywhere(page: Page) -> None:
    """Files dropped on the page take the same way as chosen ones, and the page shows that it takes them."""
    transfer = page.evaluate_handle(
        """(bytes) => {
          const transfer = new DataTransfer();
          for (const name of ["a.webp", "b.webp"]) {
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/webp" }));
          }
          return transfer;
        }""",
        list(picture("webp")),
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    expect(page.locator("html")).to_have_class("is-over")
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(page.locator("html")).not_to_have_class("is-over")
    expect(tiles(page)).to_have_count(8)
    expect_picture(tile(page, 0))
