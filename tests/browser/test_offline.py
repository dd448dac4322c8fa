"""docs/recipes/offline.md: an album whose server was stopped is shown after a reload, until the user signs out."""

import signal
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import Pixstore
from tests.browser.engines.page import Browser, Page, lacks
from tests.browser.support import noise, open_page, wait_for
from tests.support.recipes import FILES, recipe, write_files
from tests.support.samples import SECRET

pytestmark = pytest.mark.browser

SESSION_KEY = "a-key-for-the-tests-of-the-offline-recipe-0123456789"
PICTURES = 50

SHOWN = "[...document.querySelectorAll('pix-image')].filter(({ state }) => state === 'shown').length"
FAILED = "[...document.querySelectorAll('pix-image')].filter(({ state }) => state === 'error').length"
KEPT = "import('/pixstore-image/-/client/index.js').then(({ stats }) => stats()).then(({ images }) => images)"
HAS_WORKER = "Boolean(navigator.serviceWorker?.controller)"
PLAIN = """async (ids) => {
  const shown = (id) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = `/pixstore-image/-/image/${id}?${Math.random()}`;
  });
  return (await Promise.all(ids.map(shown))).filter(Boolean).length;
}"""
BY_ID = """async (ids) => {
  const { getImage, getRecord, objectUrl } = await import("/pixstore-image/-/client/index.js");
  const shown = async (id) => {
    const record = await getRecord(id);
    const { url, release } = await objectUrl(record);
    await Object.assign(new Image(), { src: url }).decode();
    release();
    return (await getImage(record)).size > 0;
  };
  return (await Promise.all(ids.map((id) => shown(id).catch(() => false)))).filter(Boolean).length;
}"""
PLAIN_WORKER = """import("/pixstore-image/-/client/image-worker.js").then(({ registerImageWorker }) =>
  registerImageWorker({ recordsUrl: "/api/records", scope: "/page/" }))"""
SIGN_OUT = "import('./offline.js').then(({ signOut }) => signOut()).catch(() => null)"


def save_album(folder: Path) -> list[str]:
    """Save the pictures of the user ada, and return their ids."""

    async def save_all() -> list[str]:
        async with Pixstore(folder / "pixstore.db", secret=SECRET) as pix:
            images = [noise("png", 400 + number, size=16) for number in range(PICTURES)]
            return [(await pix.save_image(image, directory="ada")).id for image in images]

    with start_blocking_portal() as portal:  # Playwright's event loop runs in this thread
        return portal.call(save_all)


def go(page: Page, url: str) -> None:
    page.goto(url)
    wait_for(page, f"{SHOWN} + {FAILED} === {PICTURES}")


@pytest.mark.all_engines
def test_an_album_is_shown_without_its_server(browser: Browser, tmp_path: Path) -> None:
    """Fifty of fifty pictures are shown in each way, and none after a sign-out."""
    write_files(tmp_path)
    # WebKit's driver takes no secure cookie over plain HTTP.
    app = FILES["records_app.py"].replace("https_only=True", "https_only=False")
    (tmp_path / "records_app.py").write_text(app)
    with open_page(browser) as page:
        with recipe(tmp_path, "records_app", SESSION_KEY=SESSION_KEY) as server:
            ids, url = save_album(tmp_path), f"{server.url}/page/offline.html"
            page.goto(url)
            if not page.evaluate("'serviceWorker' in navigator"):
                lacks("this engine", "it has no service workers")
            # A worker that becomes active while a page is loaded does not control it.
            page.evaluate("navigator.serviceWorker.ready.then(() => null)")
            page.evaluate("fetch('/api/session/ada', { method: 'POST' }).then(() => null)")
            go(page, url)
            wait_for(page, HAS_WORKER)
            wait_for(page, f"(async () => await {KEPT} === {PICTURES})()")
            assert server.stop() in (0, -signal.SIGTERM)
        go(page, url)
        assert page.evaluate(SHOWN) == PICTURES
        assert [page.evaluate(way, ids) for way in (BY_ID, PLAIN)] == [PICTURES, PICTURES]
        page.evaluate(SIGN_OUT)
        assert page.evaluate(SHOWN) == 0
        assert [page.evaluate(way, ids) for way in (BY_ID, PLAIN)] == [0, 0]
        page.goto(url)
        assert [page.evaluate(way, ids) for way in (BY_ID, PLAIN)] == [0, 0]


def test_the_worker_of_plain_img_gives_way(browser: Browser, tmp_path: Path) -> None:
    """A page that had the worker of plain `<img>` in the same scope is shown without its server after one visit."""
    with open_page(browser) as page:
        with recipe(write_files(tmp_path), "records_app", SESSION_KEY=SESSION_KEY) as server:
            url = f"{server.url}/page/offline.html"
            page.goto(f"{server.url}/page/known-pictures.js")
            assert page.evaluate(PLAIN_WORKER)
            page.goto(url)
            wait_for(page, "navigator.serviceWorker.controller?.scriptURL.endsWith('offline-worker.js')")
            assert server.stop() in (0, -signal.SIGTERM)
        page.goto(url)
        assert page.evaluate("document.title") == "Album"
