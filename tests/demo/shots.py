"""Takes the screenshots of README.md: `python -m tests.demo.shots`."""

import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from tests.demo.browsing import browsing, expect_picture, journal, kept, sign_in, tile
from tests.demo.process import Server, running

FOLDER = Path(__file__).parent / "screenshots"
SIZE = {"width": 1360, "height": 1000}
SCHEMES = ("light", "dark")
PICTURES = 100

_QUALITY = 82
_SCREENFUL = re.compile(r"^(9|\d\d+) pictures")
_PAINTING_MS = 300_000
_SCROLL_TO = "(heading) => { heading.parentElement.scrollTop = heading.offsetTop - 28; }"


def take(browser: Browser, server: Server, folder: Path, pictures: int) -> None:
    """Write one picture of the gallery and its panel for each theme, as WebP."""
    for scheme in SCHEMES:
        with browsing(browser, color_scheme=scheme, viewport=SIZE, reduced_motion="reduce") as context:
            page = sign_in(context, server)
            expect(page.locator("#count")).to_have_text(f"{pictures} pictures", timeout=_PAINTING_MS)
            expect(kept(page, "IndexedDB, as ciphertext")).to_contain_text(_SCREENFUL)
            for place in range(9):
                expect_picture(tile(page, place))
            _make_history(page)
            shot = Image.open(io.BytesIO(page.screenshot()))
            shot.convert("RGB").save(folder / f"gallery-{scheme}.webp", quality=_QUALITY, method=6)


def _make_history(page: Page) -> None:
    """Let the panel tell of an update, of a hit, and of a refusal and its recovery."""
    tile(page, 10).click()
    page.get_by_role("button", name="Update").click()
    expect(journal(page).filter(has_text="Wire state Updated")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_attribute("aria-busy", "false")
    page.get_by_role("button", name="Show again").click()
    expect(page.get_by_role("status")).to_contain_text("from memory")
    page.keyboard.press("Escape")
    page.evaluate("scrollTo(0, 0)")
    page.get_by_role("button", name="Expired proof").click()
    expect(page.get_by_role("complementary").get_by_text("3 of 3 pictures recovered")).to_be_visible()
    page.get_by_role("heading", name="Gallery").click()
    page.get_by_role("heading", name="Saved by thumbnails").evaluate(_SCROLL_TO)


def main() -> None:
    """Take them into the folder that README.md shows."""
    FOLDER.mkdir(exist_ok=True)
    with running("demo", "--port", "0", "--pictures", str(PICTURES)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        take(browser, server, FOLDER, PICTURES)
        browser.close()


if __name__ == "__main__":
    main()
