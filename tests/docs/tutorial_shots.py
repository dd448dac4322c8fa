"""Takes the screenshots of docs/tutorial.md: `python -m tests.docs.tutorial_shots`."""

import io
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from pixstore_asgi.demo.pictures import another, seeds
from tests.demo.browsing import browsing
from tests.docs.tutorial import Reader, commands
from tests.docs.tutorial_page import add_photos, expect_shown, photos, sign_in, slow_upload

FOLDER = Path(__file__).parent / "screenshots"
NAMES = ("picture", "owners", "upload", "thumbnails", "viewer")
"""One for each stage that has a page."""
SCHEMES = ("light", "dark")
SIZE = {"width": 860, "height": 420}
PICTURES = 60

_QUALITY = 78


def take(browser: Browser, folder: Path, pictures: int) -> None:
    """Follow the tutorial, and write a screenshot of each stage for each theme, as WebP."""
    with tempfile.TemporaryDirectory() as made:
        files = _photos(Path(made), pictures)
        application = Path(made, "photos")
        application.mkdir()
        shutil.copy(files[0], application / "photo.jpg")
        reader = Reader(application)
        with reader.at_stage(1) as url:
            reader.enter(commands(1)[-1][0].replace("http://127.0.0.1:8000", url))
            for context, scheme in _themes(browser):
                page = context.new_page()
                page.goto(url)
                _shoot(page, folder / f"picture-{scheme}.webp", 1)
        with reader.at_stage(2) as url:
            for context, scheme in _themes(browser):
                page = sign_in(context, url, "ada")
                if scheme == SCHEMES[0]:
                    add_photos(page, *files[:3])
                _shoot(page, folder / f"owners-{scheme}.webp", 3)
        with reader.at_stage(3) as url:
            for context, scheme in _themes(browser):
                page = sign_in(context, url, "ada")
                _shoot_half_an_upload(
                    page, Path(made, "letter.pdf"), Path(made, f"{scheme}.png"), path=folder / f"upload-{scheme}.webp"
                )
        with reader.at_stage(4) as url:
            for context, scheme in _themes(browser):
                page = sign_in(context, url, "ada")
                if scheme == SCHEMES[0]:
                    add_photos(page, *files[3:])
                _shoot(page, folder / f"thumbnails-{scheme}.webp", 10)
        with reader.at_stage(5) as url:
            for context, scheme in _themes(browser):
                page = sign_in(context, url, "ada")
                page.get_by_role("button", name="Open the photo").nth(1).click()
                expect_shown(page.locator("#photo"))
                _shoot(page, folder / f"viewer-{scheme}.webp", 10)


def _photos(folder: Path, count: int) -> list[Path]:
    """Write the demo's pictures, and the files that are uploaded for one screenshot."""
    Path(folder, "letter.pdf").write_bytes(b"%PDF-1.7\n")
    for number, scheme in enumerate(SCHEMES):
        large = Image.open(io.BytesIO(another(count + number).data)).resize((1800, 1200))
        large.save(folder / f"{scheme}.png", compress_level=1)
    paths = []
    endless = itertools.chain(seeds(), map(another, itertools.count()))
    for number, picture in enumerate(itertools.islice(endless, count)):
        paths.append(folder / f"{number}.{Image.open(io.BytesIO(picture.data)).format}".lower())
        paths[-1].write_bytes(picture.data)
    return paths


@contextmanager
def _theme(browser: Browser, scheme: str) -> Iterator[BrowserContext]:
    with browsing(browser, color_scheme=scheme, viewport=SIZE, reduced_motion="reduce") as context:
        yield context


def _themes(browser: Browser) -> Iterator[tuple[BrowserContext, str]]:
    for scheme in SCHEMES:
        with _theme(browser, scheme) as context:
            yield context, scheme


def _shoot_half_an_upload(page: Page, bad: Path, large: Path, *, path: Path) -> None:
    slow_upload(page, 500_000)
    page.get_by_label("Add photos").set_input_files([bad, large])
    expect(page.get_by_role("status")).to_contain_text(f"{bad.name}: this is not an image")
    bar = page.locator("p", has_text=large.name).get_by_role("progressbar")
    page.wait_for_function("(bar) => bar.value > bar.max / 3", arg=bar.element_handle())
    _shoot(page, path, 3)
    slow_upload(page, -1)
    expect(bar).to_have_count(0)


def _shoot(page: Page, path: Path, pictures: int) -> None:
    for place in range(pictures):
        expect_shown(photos(page).nth(place))
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    ImageDraw.Draw(shot).rectangle((0, 0, shot.width - 1, shot.height - 1), outline="gray")
    shot.save(path, quality=_QUALITY, method=6)


def main() -> None:
    """Take them into the folder that the page shows."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        take(browser, FOLDER, PICTURES)
        browser.close()


if __name__ == "__main__":
    main()
