"""The gallery in a real browser: what is fetched when, one picture large, update and delete."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.support import noise
from tests.demo.browsing import (
    IMAGES,
    cached,
    expect_picture,
    expect_pictures,
    image_requests,
    journal,
    kept,
    noted_requests,
    open_tab,
    opener,
    record_queries,
    sign_in,
    status,
    tile,
    tiles,
    title,
)
from tests.demo.photos import photo
from tests.demo.process import Server, running

pytestmark = pytest.mark.browser

ANY = re.compile("")
KEPT_SIX = re.compile(r"^6 pictures, [\d.]+ kB$")
MEAN_COLOUR = """(picture) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.imageSmoothingQuality = "high";
  let source = picture;
  for (let side = 64; side > 1; side /= 2) {
    const half = new OffscreenCanvas(side, side);
    half.getContext("2d").drawImage(source, 0, 0, side, side);
    source = half;
  }
  canvas.drawImage(source, 0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
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


def fact(dialog: Locator, name: str) -> Locator:
    """The value of one of the facts that the dialog lists."""
    return dialog.locator("dl > div", has=dialog.page.get_by_text(name, exact=True)).get_by_role("definition")


def open_first(page: Page) -> Locator:
    tile(page, 0).click()
    return page.get_by_role("dialog", name=title(page, 0))


def test_a_screenful_takes_one_query_and_one_request(context: BrowserContext, server: Server) -> None:
    """The records of all pictures in sight come by one query, and the pictures by one batch."""
    requests = noted_requests(context)
    page = sign_in(context, server)
    expect_pictures(page, 6)
    assert record_queries(requests) == [6]
    assert image_requests(requests) == [6]
    line = journal(page).filter(has_text="6 records")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("Query one")
    expect(journal(page).filter(has_text="Request for 6 pictures")).to_have_count(6)
    panel = page.get_by_role("complementary", name="Behind the scenes")
    expect(panel.locator("[data-total=queries]")).to_have_text("1")
    expect(panel.locator("[data-total=requests]")).to_have_text("1")


def test_pictures_are_loaded_as_they_come_into_view(context: BrowserContext) -> None:
    """What was never in sight is not fetched; what is scrolled to is, and pictures that are painted late appear."""
    requests = noted_requests(context)
    with running("demo", "--port", "0", "--pictures", "16") as server:
        page = sign_in(context, server)
        page.set_viewport_size({"width": 500, "height": 400})
        expect(page.get_by_text("16 pictures", exact=True)).to_be_visible()
        expect_picture(tile(page, 0))
        assert sum(image_requests(requests)) < 14
        expect(tile(page, 15).locator("img")).to_be_hidden()
        tile(page, 15).scroll_into_view_if_needed()
        expect_picture(tile(page, 15))


def test_what_has_left_the_screen_is_let_go(context: BrowserContext) -> None:
    """A picture that was scrolled far away is off the page; scrolled back to, it comes from memory, unasked for."""
    with running("demo", "--port", "0", "--pictures", "16") as server:
        page = sign_in(context, server)
        page.set_viewport_size({"width": 500, "height": 400})
        expect(page.get_by_text("16 pictures", exact=True)).to_be_visible()
        expect_picture(tile(page, 0))
        tile(page, 15).scroll_into_view_if_needed()
        expect_picture(tile(page, 15))
        expect(tile(page, 0).locator("img")).not_to_have_attribute("src", ANY)
        requests = noted_requests(context)
        page.evaluate("scrollTo(0, 0)")
        expect_picture(tile(page, 0))
        expect(tile(page, 0)).to_contain_text("from memory")
        assert record_queries(requests) == []
        assert image_requests(requests) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_blur_stands_where_the_picture_will_be(context: BrowserContext, server: Server, width: int) -> None:
    """Until its ciphertext comes a tile shows the record's ThumbHash, in its colours; then nothing moves."""
    held: list[Route] = []
    context.route(IMAGES, lambda route: held.append(route))
    page = sign_in(context, server)
    page.set_viewport_size({"width": width, "height": 1000})
    expect(tiles(page)).to_have_count(6)
    blurred = [tile(page, place).locator("canvas") for place in range(6)]
    for canvas in blurred:
        expect(canvas).to_be_visible()
    expect(tile(page, 0).locator("img")).to_be_hidden()
    colours = [canvas.evaluate(MEAN_COLOUR) for canvas in blurred]
    boxes = [tile(page, place).bounding_box() for place in range(6)]
    pictures = [canvas.bounding_box() for canvas in blurred]
    for route in held:
        route.continue_()
    expect_pictures(page, 6)
    assert [tile(page, place).bounding_box() for place in range(6)] == boxes
    assert [tile(page, place).locator("img").bounding_box() for place in range(6)] == pictures
    for place, colour in enumerate(colours):
        assert tile(page, place).locator("img").evaluate(MEAN_COLOUR) == pytest.approx(colour, abs=16)


def test_rows_fill_the_page(page: Page, tmp_path: Path) -> None:
    """Pictures of any shape stand in rows of one height each, as wide as the gallery, also after it was resized."""
    for number, size in enumerate(((200, 600), (600, 200), (400, 300))):
        (tmp_path / f"{number}.jpg").write_bytes(photo(size))
    page.get_by_label("Add pictures").set_input_files(sorted(tmp_path.iterdir()))
    expect_pictures(page, 9)
    for width in (1280, 700, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(ROWS_ARE_FULL)


def test_the_panel_tells_what_thumbnails_save(page: Page) -> None:
    """It holds bytes and time of what is shown against those of the originals, and forgets them at sign-out."""
    expect(kept(page, "Thumbnails shown")).to_have_text(KEPT_SIX)
    expect(kept(page, "Their originals")).to_have_text(re.compile(r"^[\d.]+ kB$"))
    expect(kept(page, "At 10 Mbit/s these take")).to_have_text(re.compile(r"^\d+ ms in place of \d+ ms$"))
    expect(page.get_by_text(re.compile(r"^[78]\d % less to send, decrypt and keep\.$"))).to_be_visible()
    expect_picture(open_first(page))
    expect(kept(page, "Thumbnails shown")).to_have_text(KEPT_SIX)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("[data-saving=originals]")).to_have_text("0 bytes")


def test_pictures_come_from_the_cache_the_second_time(context: BrowserContext, page: Page) -> None:
    """After a reload no picture is fetched again, and the panel says so, request by request and in total."""
    expect(kept(page, "Downloaded")).to_have_text("6 times")
    expect(kept(page, "IndexedDB, as ciphertext")).to_have_text(KEPT_SIX)
    expect(kept(page, "Memory, decrypted")).to_have_text(KEPT_SIX)
    requests = noted_requests(context)
    page.reload()
    expect_pictures(page, 6)
    expect(kept(page, "Answered from there")).to_have_text("6 times")
    expect(kept(page, "Downloaded")).to_have_text("0 times")
    assert image_requests(requests) == []
    expect(journal(page).filter(has_text="Cache hit, IndexedDB")).to_have_count(6)
    expect(journal(page).first).to_contain_text("Proof not needed")
    expect(journal(page).first).to_contain_text("Wire state no request")
    expect(journal(page).first).to_contain_text("Received 0 bytes")
    expect(tile(page, 0)).to_contain_text("from cache")


def test_what_is_kept_is_kept_up_to_date(page: Page) -> None:
    """The figures follow each deletion, and a sign-out that empties the cache."""
    expect(kept(page, "IndexedDB, as ciphertext")).to_have_text(KEPT_SIX)
    open_first(page).get_by_role("button", name="Delete").click()
    for name in ("IndexedDB, as ciphertext", "Memory, decrypted"):
        expect(kept(page, name)).to_contain_text("5 pictures")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in as a guest").click()
    expect(kept(page, "Downloaded")).to_have_text("5 times")
    expect(kept(page, "Answered from there")).to_have_text("0 times")


def test_without_storage_the_pictures_are_shown_all_the_same(context: BrowserContext, server: Server) -> None:
    """A browser that lets nothing be stored is told of in the panel, and memory does what it can."""
    context.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    page = sign_in(context, server)
    expect_pictures(page, 6)
    panel = page.get_by_role("complementary", name="Behind the scenes")
    expect(panel.get_by_text("can't be opened. The pictures are shown all the same.")).to_be_visible()
    expect(kept(page, "IndexedDB, as ciphertext")).to_have_text("0 pictures, 0 bytes")
    expect(kept(page, "Memory, decrypted")).to_have_text(KEPT_SIX)


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
    """The page's policy lets the client start its worker, which is told to nobody as a violation."""
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


def test_the_original_goes_first(page: Page) -> None:
    """What is fetched for the dialog is asked for at high priority."""
    priorities = page.evaluate_handle(
        """() => {
          const priorities = [];
          const original = globalThis.fetch;
          globalThis.fetch = (url, init) => {
            if (String(url).includes("/images/")) priorities.push(init.priority);
            return original(url, init);
          };
          return priorities;
        }"""
    )
    expect_picture(open_first(page))
    expect(status(page)).to_contain_text("fetched")
    assert priorities.json_value() == ["high"]


def test_a_fetched_picture_is_told_in_full(page: Page) -> None:
    """A line has cache, proof, wire state, bytes and time."""
    line = journal(page).filter(has_text=re.compile("Cache miss")).first
    expect(line).to_contain_text(re.compile(r"Proof \d+\.\d s old, good for \d+ s"))
    expect(line).to_contain_text("Wire state Success")
    expect(line).to_contain_text(re.compile(r"Received [\d.]+ kB"))
    expect(line).to_contain_text(re.compile(r"Time [\d.]+ m?s"))


def test_a_picture_opens_large_by_keyboard(page: Page) -> None:
    """Enter opens it with its facts and its proof's countdown; Escape closes it, and the focus is where it was."""
    second = opener(page, 1)
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
    """Show again takes the original from memory, Fetch again over the network; a screen reader hears which."""
    dialog = open_first(page)
    expect(fact(dialog, "Request for")).to_have_text("1 picture")
    dialog.get_by_role("button", name="Show again").click()
    expect(fact(dialog, "Cache")).to_have_text("hit, memory")
    expect(fact(dialog, "Request for")).to_have_text("nothing")
    expect(status(page)).to_contain_text("from memory")
    dialog.get_by_role("button", name="Fetch again").click()
    expect(fact(dialog, "Cache")).to_have_text("miss")
    expect(fact(dialog, "Request for")).to_have_text("1 picture")
    expect(status(page)).to_contain_text("fetched")
    expect_picture(dialog)


def test_update_brings_the_new_picture_to_a_page_with_an_old_record(page: Page) -> None:
    """The page's record of before leads to the new version with its key, in an Updated payload, which is cached."""
    before = title(page, 0)
    dialog = open_first(page)
    expect_picture(dialog)
    expect(fact(dialog, "Token")).to_have_text(re.compile(r"^\d+$"))
    token = fact(dialog, "Token").inner_text()
    dialog.get_by_role("button", name="Update").click()
    expect(journal(page).filter(has_text="Wire state Updated")).to_have_count(1)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", level=2)).not_to_have_text(before)
    expect_picture(dialog)
    dialog.get_by_role("button", name="Show again").click()
    expect(fact(dialog, "Cache")).to_have_text("hit, memory")
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
