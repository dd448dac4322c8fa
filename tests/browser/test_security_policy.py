"""content-security-policy.md: its application in real browsers, whose policy allows no more than the page says."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import ImageRecord, Pixstore
from tests.browser.engines.page import Browser, Page
from tests.browser.support import open_page, wait_for
from tests.support.paths import DOCS
from tests.support.recipes import FILE, recipe
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server

pytestmark = pytest.mark.browser

CODE = re.findall(r"```(?:python|html)\n(.*?)```", (DOCS / "content-security-policy.md").read_text(), re.DOTALL)
FILES = {found[2]: block for block in CODE if (found := FILE.match(block))}
WATCHING = """
  globalThis.broken = [];
  addEventListener("securitypolicyviolation", ({ effectiveDirective }) => broken.push(effectiveDirective));
  globalThis.workers = 0;
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", () => (workers += 1));
    }
  };
"""
WIDTH = "document.querySelector('pix-image > img')?.naturalWidth"
SHOW_BY_URL = """(id) => new Promise((resolve) => {
  const image = new Image();
  image.onload = image.onerror = () => resolve(image.naturalWidth);
  image.src = `/pixstore-image/-/image/${id}`;
})"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def save(folder: Path, image: bytes) -> ImageRecord:
    async def save_it() -> ImageRecord:
        async with Pixstore(folder / "pixstore.db", secret=SECRET) as pix:
            return await pix.save_image(image, directory="public")

    with start_blocking_portal() as portal:
        return portal.call(save_it)


@contextlib.contextmanager
def visit(browser: Browser, server: Server, record: ImageRecord) -> Iterator[Page]:
    with open_page(browser, first_script=WATCHING) as page:
        page.goto(f"{server.url}/pages/{record.id}")
        yield page


def test_the_strictest_policy_allows_all_of_the_client(browser: Browser, folder: Path) -> None:
    """With a nonce, Trusted Types and hashes, the element, the worker and the service worker work."""
    with recipe(folder, "strict_app") as server:
        large = save(folder, large_png(3_000_000))
        with visit(browser, server, large) as page:
            wait_for(page, f"{WIDTH} > 0")
            wait_for(page, "globalThis.hasImageUrls !== undefined")
            assert page.evaluate("hasImageUrls") is True
            assert page.evaluate(SHOW_BY_URL, save(folder, picture("png")).id) == 48
            page.reload()  # the stored image is large enough for the worker
            wait_for(page, "workers > 0")
            assert page.evaluate("broken") == []


CHANGED = """
for name, found in images._client_files._versioned.items():
    if name == "/{name}":
        whole = found["identity"]
        images._client_files._versioned[name] = {{"identity": whole._replace(body=whole.body[:-1] + b" ")}}
"""


@pytest.mark.parametrize("name", ["index.js", "element.js"])
def test_a_changed_file_of_the_client_is_refused(browser: Browser, folder: Path, name: str) -> None:
    """If one byte of a file differs, the browser runs no module of the page."""
    with (folder / "strict_app.py").open("a") as application:
        application.write(CHANGED.format(name=name))
    # Firefox reports the refusal as an error of the page.
    with recipe(folder, "strict_app") as server, contextlib.closing(browser.new_page()) as page:
        page.goto(f"{server.url}/pages/{save(folder, picture('png')).id}")
        wait_for(page, "document.readyState === 'complete'")
        assert page.evaluate("[typeof hasImageUrls, document.querySelector('pix-image')]") == ["undefined", None]
