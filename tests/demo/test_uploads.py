"""Uploads in a real browser: their progress, refusals, and the removal of metadata."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.support import noise
from tests.demo.browsing import (
    expect_picture,
    expect_pictures,
    kept,
    open_first,
    sign_in,
    status,
    tile,
    tiles,
    title,
)
from tests.demo.photos import half_png, photo
from tests.demo.process import Server
from tests.support.samples import large_png, picture

pytestmark = pytest.mark.browser


NOTE_STATES = """() => {
  window.states = [];
  const note = () => {
    const text = document.querySelector("#uploads .state")?.textContent;
    if (text && text !== states.at(-1)) states.push(text);
  };
  new MutationObserver(note).observe(document.querySelector("#uploads"), {
    subtree: true, childList: true, characterData: true,
  });
}"""
WORDS_ARE_WHOLE = """(badge) => {
  const frame = badge.closest(".frame").getBoundingClientRect();
  const words = document.createRange();
  words.selectNodeContents(badge);
  const lines = [...words.getClientRects()];
  return lines.length <= 2 && lines.every(({ left, right }) => left >= frame.left && right <= frame.right);
}"""
SURVIVE = """async ([files, rounds]) => {
  const { factsIn } = await import("/metadata.js");
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (const bytes of files) {
    for (let round = 0; round < rounds; round += 1) {
      const damaged = Uint8Array.from(bytes.slice(0, round % 2 ? random(bytes.length) : bytes.length));
      for (let n = 0; n < 6 && damaged.length; n += 1) damaged[random(Math.min(damaged.length, 400))] = random(256);
      await factsIn(new Blob([damaged]));
    }
  }
}"""
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


def upload_row(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Uploads").get_by_role("listitem").filter(has_text=name)


def metadata(page: Page, name: str) -> Locator:
    """The dialog's text about one kind of metadata."""
    facts = page.get_by_role("dialog").get_by_role("region", name="Metadata")
    return facts.locator("dl > div", has=page.get_by_text(name, exact=True)).get_by_role("definition")


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
    expect(refused).to_contain_text("This is not an image of a format accepted here")
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
    expect(status(page)).to_contain_text("slow.png is encrypted and stored.")


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


def test_a_photo_of_12_megapixels_tells_how_far_it_is(page: Page, tmp_path: Path) -> None:
    """Its line counts the bytes that are sent, says that it is being resized, and then that it is done."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo((4000, 3000)))
    page.evaluate(NOTE_STATES)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": path.stat().st_size}
    network.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Add pictures").set_input_files(path)
    expect(tiles(page)).to_have_count(7)
    expect(upload_row(page, "photo.jpg")).to_contain_text("Done.")
    states = "|".join(page.evaluate("states"))
    size = r"[\d.]+ (bytes|[kM]B)"
    assert re.fullmatch(rf"0 of {size} sent\|({size} of {size} sent\|)+Sent; being resized …\|Done\. .*", states)
    expect_picture(tile(page, 0))
    expect(tile(page, 0).locator("img")).to_have_js_property("naturalWidth", 640)


def test_a_picture_that_does_not_decode_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    """A file with a whole container and truncated pixels is refused in the list, and nothing is added."""
    (tmp_path / "half.png").write_bytes(half_png())
    page.get_by_label("Add pictures").set_input_files(tmp_path / "half.png")
    expect(upload_row(page, "half.png")).to_contain_text("The PNG image does not decode: it is damaged.")
    expect(status(page)).to_have_text("half.png: The PNG image does not decode: it is damaged.")
    expect(tiles(page)).to_have_count(6)


def test_the_panel_does_not_cover_an_upload(page: Page, tmp_path: Path) -> None:
    """Where it lies over the pictures, an upload closes it, its line is seen, and no focus is lost; else it stays."""
    (tmp_path / "photo.jpg").write_bytes(photo((600, 400)))
    toggle = page.get_by_role("button", name="Behind the scenes")
    panel = page.get_by_role("complementary", name="Behind the scenes")
    panel.get_by_text("How to read them").focus()
    page.get_by_label("Add pictures").set_input_files(tmp_path / "photo.jpg")
    expect(upload_row(page, "photo.jpg")).to_contain_text("Done.")
    expect(panel).to_be_visible()
    page.get_by_role("button", name="Dismiss the message on photo.jpg").click()
    page.set_viewport_size({"width": 360, "height": 740})
    panel.get_by_text("How to read them").focus()
    page.get_by_label("Add pictures").set_input_files(tmp_path / "photo.jpg")
    expect(upload_row(page, "photo.jpg")).to_contain_text("Done.")
    expect(upload_row(page, "photo.jpg")).to_be_in_viewport(ratio=1)
    expect(panel).to_be_hidden()
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(toggle).to_be_focused()


def test_what_was_removed_is_shown(page: Page, tmp_path: Path) -> None:
    """The line and the tile name it; the dialog lists its values, and that the stored picture has them no more."""
    (tmp_path / "photo.jpg").write_bytes(photo((600, 400)))
    page.get_by_label("Add pictures").set_input_files(tmp_path / "photo.jpg")
    expect(upload_row(page, "photo.jpg")).to_contain_text("Removed: GPS position, camera, date taken")
    expect(upload_row(page, "photo.jpg")).to_contain_text(re.compile(r"more, 9\.\d kB"))
    expect(tile(page, 0)).to_contain_text("GPS removed")
    tile(page, 0).click()
    expect(metadata(page, "GPS position")).to_have_text("48.20820° N, 16.37190° E removed")
    expect(metadata(page, "Camera")).to_have_text("Fairphone FP5 removed")
    expect(metadata(page, "Date taken")).to_have_text("2026-06-14 12:03:11 removed")
    expect(page.get_by_role("dialog").get_by_text("read just now, does not")).to_be_visible()
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_role("dialog").get_by_text("None, as read from the decrypted picture")).to_be_visible()
    expect(tile(page, 0)).not_to_contain_text("GPS")


def test_a_narrow_picture_tells_it_too(page: Page, tmp_path: Path) -> None:
    """The two words stand in the frame of a tall picture, a word a line at most, on a phone and on a desk."""
    (tmp_path / "tall.jpg").write_bytes(photo((600, 1300)))
    for count, width in ((7, 360), (8, 1280)):
        page.set_viewport_size({"width": width, "height": 740})
        page.get_by_label("Add pictures").set_input_files(tmp_path / "tall.jpg")
        expect(tiles(page)).to_have_count(count)
        badge = tile(page, 0).get_by_text("GPS removed")
        expect(badge).to_be_visible()
        page.wait_for_function(WORDS_ARE_WHOLE, arg=badge.element_handle())


def test_metadata_can_be_kept(page: Page, tmp_path: Path) -> None:
    """With the switch off, by keyboard, an upload keeps its metadata, and the dialog reads it from the stored
    picture.
    """
    (tmp_path / "photo.jpg").write_bytes(photo((600, 400), orientation=6))
    page.get_by_role("switch", name="Remove metadata").press("Space")
    page.get_by_label("Add pictures").set_input_files(tmp_path / "photo.jpg")
    expect(upload_row(page, "photo.jpg")).to_contain_text("Kept: GPS position, camera, date taken")
    expect(tile(page, 0)).to_contain_text("GPS kept")
    page.reload()
    expect_picture(tile(page, 0))
    assert "GPS" not in tile(page, 0).inner_text()
    tile(page, 0).click()
    expect(metadata(page, "GPS position")).to_have_text("48.20820° N, 16.37190° E ")
    expect(metadata(page, "Orientation")).to_have_text("by 90° ")
    expect(page.get_by_role("dialog").get_by_text("Anyone with this picture can read this")).to_be_visible()


@pytest.mark.parametrize("rounds", [200, pytest.param(5000, marks=pytest.mark.soak)])
def test_the_reader_of_metadata_survives_damage(context: BrowserContext, server: Server, rounds: int) -> None:
    """For any bytes of a file, reading its metadata ends, and raises nothing."""
    page = sign_in(context, server)
    files = [list(photo((40, 30), kind=kind)) for kind in ("jpeg", "png", "webp")]
    page.evaluate(SURVIVE, [files, rounds])
    assert title(page, 0)


def test_rows_fill_the_page(page: Page, tmp_path: Path) -> None:
    """Pictures of any shape stand in rows of one height each, as wide as the gallery, also after it was resized."""
    for number, size in enumerate(((200, 600), (600, 200), (400, 300))):
        (tmp_path / f"{number}.jpg").write_bytes(photo(size))
    page.get_by_label("Add pictures").set_input_files(sorted(tmp_path.iterdir()))
    expect_pictures(page, 9)
    for width in (1280, 700, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(ROWS_ARE_FULL)


def test_the_dialog_shows_how_much_has_come(page: Page, large: Path) -> None:
    """The thumbnail stands for an original on its way, above a bar that grows; both go when the original is there."""
    page.get_by_label("Add pictures").set_input_files(large)
    expect_pictures(page, 7)
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": 1_000_000, "uploadThroughput": -1}
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
