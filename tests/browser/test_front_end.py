"""docs/front-end.md: its examples, in pages that show pictures with them."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord
from tests.browser.acceptance import name_of
from tests.browser.engines.page import Browser, Page
from tests.browser.scenarios import SCENARIOS
from tests.browser.support import open_page, wait_for
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT, TESTS
from tests.support.recipes import recipe, save, write_files
from tests.support.samples import picture

pytestmark = pytest.mark.browser

PAGE = (DOCS / "front-end.md").read_text()
FILES = dict(re.findall(r"```\w+\n(?://|<!--) ([\w.-]+)(?: -->)?\n(.*?)```", PAGE, re.DOTALL))
CLIENT_README = (ROOT / "js_client" / "README.md").read_text()
(PLAYER,) = re.findall(r"```html\n<!-- player.html -->\n(.*?)```", CLIENT_README, re.DOTALL)
BUNDLED = ("react.tsx", "vue.js", "svelte.js")
BUNDLING = """
const [bundle, entry, outfile] = process.argv.slice(1);
await (await import(bundle)).bundle(entry, { outfile, production: true });
"""
WIDTHS = "[...document.querySelectorAll('main img')].map((each) => each.src.startsWith('blob:') && each.naturalWidth)"
HTML = """<!doctype html>
<title>Pictures</title>
<img id="one" alt="" /><img id="other" alt="" />
<script type="module">
  import { showPicture } from "./show-picture.js";
  import * as client from "/pixstore-image/-/client/index.js";

  globalThis.client = client;
  globalThis.leaving = {};
  /** Show a picture in an image's place; tells whether it was there at once, and how wide it is in the end. */
  globalThis.show = async (name, record) => {
    const img = document.getElementById(name);
    leaving[name] = new AbortController();
    const shown = showPicture(img, record, leaving[name].signal);
    const isThere = img.src !== "";
    await shown;
    await img.decode();
    return [isThere, img.naturalWidth, img.src];
  };
  globalThis.isEmpty = (name) => !document.getElementById(name).hasAttribute("src");
  globalThis.isRevoked = (url) => fetch(url).then(() => false, () => true);
</script>
"""


@contextlib.contextmanager
def open_plain(browser: Browser, folder: Path) -> Iterator[tuple[Page, ImageRecord]]:
    """Open a page with the plain example, and give the record of a picture that is there."""
    write_files(folder)
    (folder / "show-picture.js").write_text(FILES["show-picture.js"])
    (folder / "index.html").write_text(HTML)
    with recipe(folder, "starlette_app") as server, open_page(browser) as page:
        record = save(folder, picture("webp"))
        page.goto(f"{server.url}/page/index.html")
        wait_for(page, "typeof show === 'function'")
        yield page, record


def show(page: Page, name: str, record: ImageRecord) -> tuple[bool, int, str]:
    is_there, width, url = page.evaluate(f"record => show('{name}', record)", record)
    return is_there, width, url


def test_the_plain_page_shows_a_picture_and_lets_go_of_it(browser: Browser, tmp_path: Path) -> None:
    """The second place has it at once, by the same URL, which is revoked when both are gone."""
    with open_plain(browser, tmp_path) as (page, record):
        is_there, width, url = show(page, "one", record)
        assert (is_there, width) == (False, 48)
        assert show(page, "other", record) == (True, 48, url)
        page.evaluate("leaving.one.abort()")
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [True, False]
        assert page.evaluate("url => isRevoked(url)", url) is False
        page.evaluate("leaving.other.abort()")
        assert page.evaluate("url => isRevoked(url)", url) is True


def test_the_plain_page_is_left_by_what_was_removed(browser: Browser, tmp_path: Path) -> None:
    """A deleted picture and, at a sign-out, every one go from the page; a deletion of another one takes nothing."""
    with open_plain(browser, tmp_path) as (page, record):
        for name in ("one", "other"):
            show(page, name, record)
        page.evaluate("client.deleteCachedImage('players:another')")
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [False, False]
        page.evaluate("id => client.deleteCachedImage(id)", record.id)
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [True, True]
        show(page, "one", record)
        page.evaluate("client.clear()")
        assert page.evaluate("isEmpty('one')") is True


def test_the_plain_page_ends_a_load_that_nobody_waits_for(browser: Browser, tmp_path: Path) -> None:
    """If the page is left in mid-load, the place stays empty, and the caller gets an error."""
    with open_plain(browser, tmp_path) as (page, record):
        reason = page.evaluate(
            """(record) => {
              const shown = show("one", record).then(() => "shown", ({ name }) => name);
              leaving.one.abort();
              return shown;
            }""",
            record,
        )
        assert reason == "AbortError"
        assert page.evaluate("isEmpty('one')") is True


def test_every_example_is_run() -> None:
    """An example that is added to the page gets its test here, and has about ten lines."""
    assert set(FILES) == {"show-picture.js", "element.html", "Pictures.svelte", *BUNDLED}
    assert max(len(text.splitlines()) for text in FILES.values()) <= 16


def test_the_table_is_the_acceptance_list() -> None:
    """The element and the components do, row by row, the same as the page says."""
    situations = [cells[0].replace(",", "").replace("-", " ") for cells in rows(PAGE, "| situation |")]
    assert situations == [name_of(scenario) for scenario in SCENARIOS]


@pytest.mark.parametrize("name", ["element.html", *BUNDLED])
def test_each_entry_shows_the_pictures_of_an_application(
    browser: Browser, tmp_path: Path, npm_packages: Path, node_path: str, name: str
) -> None:
    """In ten lines all pictures of the gallery are shown, by the smallest size that fills their places."""
    write_files(tmp_path)
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    page_file = name
    if name in BUNDLED:
        page_file = "bundled.html"
        (tmp_path / page_file).write_text('<main></main><script type="module" src="bundled.js"></script>')
        bundle = TESTS / "js" / "support" / "bundle.js"
        paths = [str(path) for path in (bundle, tmp_path / name, tmp_path / "bundled.js")]
        subprocess.run([node_path, "--input-type=module", "-e", BUNDLING, *paths], check=True)
    with recipe(tmp_path, "gallery_app") as server, open_page(browser) as page:
        for kind, size in (("webp", 900), ("jpeg", 640)):
            httpx.post(f"{server.url}/api/pictures", content=picture(kind, size)).raise_for_status()
        page.goto(f"{server.url}/page/{page_file}")
        wait_for(page, f"JSON.stringify({WIDTHS}) === '[320,320]'")


def test_the_elements_example_in_the_clients_readme(browser: Browser, tmp_path: Path) -> None:
    """It shows the picture in the size for its width, and nothing of the content for a failure."""
    write_files(tmp_path)
    (tmp_path / "player.html").write_text(PLAYER)
    with recipe(tmp_path, "gallery_app") as server, open_page(browser) as page:
        httpx.post(f"{server.url}/api/pictures", content=picture("webp", 900)).raise_for_status()
        page.goto(f"{server.url}/page/player.html")
        wait_for(page, "document.querySelector('pix-image').state === 'shown'")
        assert page.evaluate("document.querySelector('pix-image').innerText.trim()") == ""
        assert page.evaluate("(({ alt, width }) => [alt, width])(document.querySelector('pix-image > img'))") == [
            "Ada",
            320,
        ]
