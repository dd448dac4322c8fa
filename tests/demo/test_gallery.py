"""The gallery in a real browser: the order of fetching, and one large picture."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.demo.browsing import (
    IMAGES,
    KEPT_SIX,
    expect_picture,
    expect_pictures,
    image_requests,
    journal,
    kept,
    noted_requests,
    open_first,
    opener,
    record_queries,
    sign_in,
    status,
    tile,
    tiles,
    title,
)
from tests.demo.conftest import upload_seeds
from tests.demo.process import Server, signed_in

pytestmark = pytest.mark.browser

ANY = re.compile("")
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


def fact(dialog: Locator, name: str) -> Locator:
    """The value of one of the facts that the dialog lists."""
    return dialog.locator("dl > div", has=dialog.page.get_by_text(name, exact=True)).get_by_role("definition")


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


def test_pictures_are_loaded_near_the_screen_and_let_go_far_from_it(context: BrowserContext, server: Server) -> None:
    """A picture is fetched near the screen, removed far from it, and comes back from memory without a request."""
    with signed_in(server) as client:
        upload_seeds(client, 6)
        upload_seeds(client, 4)
    requests = noted_requests(context)
    page = sign_in(context, server, {"width": 500, "height": 400})
    expect(page.get_by_text("16 pictures", exact=True)).to_be_visible()
    expect_picture(tile(page, 0))
    assert sum(image_requests(requests)) < 14
    expect(tile(page, 15).locator("img")).to_be_hidden()
    tile(page, 15).scroll_into_view_if_needed()
    expect_picture(tile(page, 15))
    expect(tile(page, 0).locator("img")).not_to_have_attribute("src", ANY)
    requests.clear()
    page.evaluate("scrollTo(0, 0)")
    expect_picture(tile(page, 0))
    expect(tile(page, 0)).to_contain_text("from memory")
    assert record_queries(requests) == []
    assert image_requests(requests) == []


@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.soak)])
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


def test_the_panel_tells_what_thumbnails_save(page: Page) -> None:
    """The panel compares bytes and time of the thumbnails with those of the originals, and forgets them at sign-out."""
    expect(kept(page, "Thumbnails shown")).to_have_text(KEPT_SIX)
    expect(kept(page, "Their originals")).to_have_text(re.compile(r"^[\d.]+ kB$"))
    expect(kept(page, "Time at 10 Mbit/s")).to_have_text(re.compile(r"^\d+ ms instead of \d+ ms$"))
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
    expect(kept(page, "Loaded from there")).to_have_text("6 times")
    expect(kept(page, "Downloaded")).to_have_text("0 times")
    assert image_requests(requests) == []
    expect(journal(page).filter(has_text="Cache hit, IndexedDB")).to_have_count(6)
    expect(journal(page).first).to_contain_text("Proof not needed")
    expect(journal(page).first).to_contain_text("Wire state no request")
    expect(journal(page).first).to_contain_text("Received 0 bytes")
    expect(tile(page, 0)).to_contain_text("from cache")


def test_without_storage_the_pictures_are_shown_all_the_same(context: BrowserContext, server: Server) -> None:
    """If a browser allows no storage, the panel says so, and the page uses memory."""
    context.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }")
    page = sign_in(context, server)
    expect_pictures(page, 6)
    panel = page.get_by_role("complementary", name="Behind the scenes")
    expect(panel.get_by_text("can't be opened. The pictures are shown anyway.")).to_be_visible()
    expect(kept(page, "IndexedDB, as ciphertext")).to_have_text("0 pictures, 0 bytes")
    expect(kept(page, "Memory, decrypted")).to_have_text(KEPT_SIX)


def test_the_original_goes_first(page: Page) -> None:
    """Pictures for the dialog are requested at high priority."""
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
    expect(line).to_contain_text(re.compile(r"Proof \d+\.\d s old, valid for \d+ s"))
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
    expect(dialog.get_by_role("timer")).to_have_text(re.compile(r"^Proof (expires in \d+ s|expired\.)"))
    expect(fact(dialog, "Wire state")).to_have_text("Success")
    expect(fact(dialog, "Id")).to_have_text(re.compile("^demo:"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(second).to_be_focused()


def test_the_countdown_runs_out(page: Page) -> None:
    """The proof's time is counted down to its end, which the picture survives; asking again starts it anew."""
    page.clock.install()
    dialog = open_first(page)
    expect(dialog.get_by_role("timer")).to_contain_text("Proof expires in")
    page.clock.fast_forward(41_000)
    expect(dialog.get_by_role("timer")).to_contain_text("Proof expired")
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
