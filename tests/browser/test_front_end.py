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
from tests.browser.scenarios import SCENARIOS, mount_and_unmount_4000_times
from tests.browser.support import clear, open_page, wait_for
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT, TESTS
from tests.support.recipes import recipe, save, write_files
from tests.support.samples import picture
from tests.support.servers import Server

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
def example(folder: Path, module: str) -> Iterator[Server]:
    """Run an application of the recipes with the files of all examples."""
    write_files(folder)
    for file, text in {**FILES, "index.html": HTML, "player.html": PLAYER}.items():
        (folder / file).write_text(text)
    with recipe(folder, module) as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An application whose page has the plain example."""
    with example(tmp_path_factory.mktemp("plain"), "starlette_app") as server:
        yield server


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An application with two pictures."""
    with example(tmp_path_factory.mktemp("gallery"), "gallery_app") as server:
        for kind, size in (("webp", 900), ("jpeg", 640)):
            httpx.post(f"{server.url}/api/pictures", content=picture(kind, size)).raise_for_status()
        yield server


@contextlib.contextmanager
def open_plain(browser: Browser, server: Server) -> Iterator[tuple[Page, ImageRecord]]:
    """Open a page with the plain example, and give the record of a picture that is there."""
    with open_page(browser) as page:
        record = save(server.log_file.parent, picture("webp"))
        page.goto(f"{server.url}/page/index.html")
        wait_for(page, "typeof show === 'function'")
        yield page, record


def show(page: Page, name: str, record: ImageRecord) -> tuple[bool, int, str]:
    is_there, width, url = page.evaluate(f"record => show('{name}', record)", record)
    return is_there, width, url


def test_the_plain_page_shows_a_picture_and_lets_go_of_it(browser: Browser, plain: Server) -> None:
    """The second place has it at once, by the same URL, which is revoked when both are gone."""
    with open_plain(browser, plain) as (page, record):
        is_there, width, url = show(page, "one", record)
        assert (is_there, width) == (False, 48)
        assert show(page, "other", record) == (True, 48, url)
        page.evaluate("leaving.one.abort()")
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [True, False]
        assert page.evaluate("url => isRevoked(url)", url) is False
        page.evaluate("leaving.other.abort()")
        assert page.evaluate("url => isRevoked(url)", url) is True


def test_the_plain_page_is_left_by_what_was_removed(browser: Browser, plain: Server) -> None:
    """A deleted picture and, at a sign-out, every one go from the page; a deletion of another one takes nothing."""
    with open_plain(browser, plain) as (page, record):
        for name in ("one", "other"):
            show(page, name, record)
        page.evaluate("client.deleteCachedImage('players:another')")
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [False, False]
        page.evaluate("id => client.deleteCachedImage(id)", record.id)
        assert page.evaluate("[isEmpty('one'), isEmpty('other')]") == [True, True]
        show(page, "one", record)
        page.evaluate("client.clear()")
        assert page.evaluate("isEmpty('one')") is True


def test_the_plain_page_ends_a_load_that_nobody_waits_for(browser: Browser, plain: Server) -> None:
    """If the page is left in mid-load, the place stays empty, and the caller gets an error."""
    with open_plain(browser, plain) as (page, record):
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
    assert set(FILES) == {"show-picture.js", "element.html", "fast.html", "Pictures.svelte", *BUNDLED}
    assert max(len(text.splitlines()) for text in FILES.values()) <= 16


def test_the_table_is_the_acceptance_list() -> None:
    """The element and the components do, row by row, the same as the page says."""
    situations = [cells[0].replace(",", "").replace("-", " ") for cells in rows(PAGE, "| situation |")]
    # The row with 10,000 times has a shorter scenario beside it, for the default run.
    assert situations == [name_of(each) for each in SCENARIOS if each is not mount_and_unmount_4000_times]


@pytest.mark.parametrize("name", ["element.html", "fast.html", *BUNDLED])
def test_each_entry_shows_the_pictures_of_an_application(
    browser: Browser, gallery: Server, npm_packages: Path, node_path: str, name: str
) -> None:
    """In ten lines all pictures of the gallery are shown, by the smallest size that fills their places."""
    folder, page_file = gallery.log_file.parent, name
    if name in BUNDLED:
        page_file = "bundled.html"
        (folder / page_file).write_text('<main></main><script type="module" src="bundled.js"></script>')
        bundle = TESTS / "js" / "support" / "bundle.js"
        paths = [str(path) for path in (bundle, folder / name, folder / "bundled.js")]
        subprocess.run([node_path, "--input-type=module", "-e", BUNDLING, *paths], check=True)
    with open_page(browser) as page:
        page.goto(f"{gallery.url}/page/{page_file}")
        wait_for(page, f"JSON.stringify({WIDTHS}) === '[320,320]'")
        requests = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
        assert len(set(requests)) == len(requests), "a preloaded file was requested twice"
        clear(page)


def test_the_elements_example_in_the_clients_readme(browser: Browser, gallery: Server) -> None:
    """It shows the picture in the size for its width, and nothing of the content for a failure."""
    with open_page(browser) as page:
        page.goto(f"{gallery.url}/page/player.html")
        wait_for(page, "document.querySelector('pix-image').state === 'shown'")
        assert page.evaluate("document.querySelector('pix-image').innerText.trim()") == ""
        assert page.evaluate("(({ alt, width }) => [alt, width])(document.querySelector('pix-image > img'))") == [
            "Ada",
            320,
        ]
