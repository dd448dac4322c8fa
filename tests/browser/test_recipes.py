"""The pages' part of docs/recipes, in a page that shows pictures with it."""

import contextlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from anyio.from_thread import start_blocking_portal
from PIL import Image

from pixstore_asgi import ImageRecord, Pixstore
from tests.browser.engines.page import Browser, Engine, Page, lacks
from tests.browser.support import clear, open_page, wait_for
from tests.support.recipes import OTHER_BLOCKS, recipe, save, write_files
from tests.support.samples import SECRET, large_png, picture
from tests.support.servers import Server

pytestmark = pytest.mark.browser

JWT_KEY = "a-key-for-the-tests-of-the-jwt-recipe-0123456789"
SENDS_JWT = OTHER_BLOCKS["jwt-roles"]
SOCKET_FETCHER = 'import { createSocketFetcher } from "/page/socket-fetcher.js";' + OTHER_BLOCKS["websocket"]
PAGE = """<!doctype html>
<title>Pictures</title>
<script type="module">
  import {{ getImage, initPixstoreFrontend }} from "/pixstore-image/-/client/index.js";

  const jwt = new URLSearchParams(location.search).get("jwt");
  {block}
  async function show(record) {{
    const picture = document.body.appendChild(new Image());
    try {{
      picture.src = URL.createObjectURL(await getImage(record));
      await picture.decode();
      return `shown ${{picture.naturalWidth}}`;
    }} catch ({{ name, reason, status }}) {{
      return `${{name}} ${{reason ?? status ?? ""}}`.trim();
    }}
  }}
  globalThis.showAll = (records) => Promise.all(records.map(show));
</script>
"""
BLURS = "document.querySelectorAll('img:not([src^=blob])').length"
IS_CACHED = "async (id) => (await import('/pixstore-image/-/client/index.js')).cachedImageExists(id)"
OPACITY = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(document.querySelector("dialog img"), 0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data[3];
}"""
KINDS = ("png", "webp")
FIELDS_IN_HTML = """[...document.querySelectorAll("pix-image[record]")].map((element) =>
  Object.keys(JSON.parse(element.getAttribute("record")).meta).sort().join(" "))"""
CHOOSE_FILE = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 500, height: 250 });
  canvas.getContext("2d");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const files = new DataTransfer();
  files.items.add(new File([blob], "picture.png"));
  const input = document.querySelector("input");
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
}"""
LOSING = """let lost = 0;
globalThis.WebSocket = class extends WebSocket {{
  send(data) {{
    if (lost >= {count}) return super.send(data);
    lost += 1;
    this.close();
  }}
}};"""


@contextlib.contextmanager
def open_recipe(browser: Browser, server: Server, block: str, query: str = "", *, loses: int = 0) -> Iterator[Page]:
    """Open a page that shows pictures as a block of the page says; its first `loses` WebSockets break when used."""
    html = PAGE.format(block=block)
    server.log_file.with_name("index.html").write_text(html)
    with open_page(browser, first_script=LOSING.format(count=loses) if loses else "") as page:
        page.goto(f"{server.url}/page/index.html{query}")
        wait_for(page, "typeof showAll === 'function'")
        yield page


def show(page: Page, *records: ImageRecord) -> list[str]:
    """Request pictures at the same time. Return for each its shown width or its error."""
    shown: list[str] = page.evaluate("records => showAll(records)", records)
    return shown


def test_the_page_with_a_jwt_shows_what_its_role_may_see(browser: Browser, tmp_path: Path) -> None:
    """With the role's JWT the picture is shown; with another role's the page gets a RefusedError."""
    tokens = {
        role: jwt.encode({"role": role, "exp": int(time.time()) + 60}, JWT_KEY, "HS256") for role in ("coach", "fan")
    }
    with recipe(write_files(tmp_path), "jwt_app", JWT_KEY=JWT_KEY) as server:
        headers = {"authorization": f"Bearer {tokens['coach']}"}
        url = f"{server.url}/api/pictures/contracts"
        record = ImageRecord.parse(httpx.post(url, content=picture("webp"), headers=headers).json())
        for role, outcome in [("fan", "RefusedError authorize"), ("coach", "shown 48")]:
            with open_recipe(browser, server, SENDS_JWT, f"?jwt={tokens[role]}") as page:
                assert show(page, record) == [outcome]


def test_the_socket_fetcher_shows_pictures(browser: Browser, tmp_path: Path) -> None:
    """Pictures asked for at once come over one WebSocket, a refusal among them, and none of them over HTTP."""
    with recipe(write_files(tmp_path), "socket_app") as server:
        records = [save(tmp_path, image) for image in (picture("png"), large_png(3_000_000), picture("jpeg", 64))]
        unknown = ImageRecord({**records[0], "id": "another"})
        with open_recipe(browser, server, SOCKET_FETCHER) as page:
            shown = show(page, records[0], unknown, *records[1:])
        assert shown == ["shown 48", "RefusedError InvalidProof", "shown 1", "shown 64"]
        assert server.log.count("WebSocket /pictures") == 1
        assert "GET /pixstore-image/-/client/index.js" in server.log
        for record in records:
            assert f"/pixstore-image/{record.id}" not in server.log


def test_the_socket_fetcher_connects_again(browser: Browser, tmp_path: Path) -> None:
    """A picture with a lost connection is requested again, over a new connection."""
    with recipe(write_files(tmp_path), "socket_app") as server:
        records = [save(tmp_path, picture(kind)) for kind in ("png", "jpeg", "webp")]
        with open_recipe(browser, server, SOCKET_FETCHER, loses=1) as page:
            assert show(page, *records) == ["shown 48", "shown 48", "shown 48"]
        assert server.log.count("WebSocket /pictures") == 2


def transparent() -> bytes:
    output = io.BytesIO()
    Image.new("RGBA", (640, 480), (200, 0, 0, 90)).save(output, "png")
    return output.getvalue()


def revoke(folder: Path, image_id: str) -> None:
    """Let every proof of an image end, from this process beside the running application."""

    async def revoke_it() -> None:
        async with Pixstore(folder / "pixstore.db", secret=SECRET) as pix:
            await pix.revoke(image_id)

    with start_blocking_portal() as portal:
        portal.call(revoke_it)


@contextlib.contextmanager
def open_gallery(browser: Browser, folder: Path, *images: bytes) -> Iterator[tuple[Page, str]]:
    """Open the gallery's own page with these pictures, and wait until each has its thumbnail; with the site's URL."""
    write_files(folder)
    with recipe(folder, "gallery_app") as server:
        for image in images:
            httpx.post(f"{server.url}/api/pictures", content=image).raise_for_status()
        with open_page(browser) as page:
            page.goto(f"{server.url}/")
            wait_for(page, f"document.querySelectorAll('main img[src^=blob]').length === {len(images)}")
            yield page, server.url


def test_the_gallery_shows_thumbnails_then_the_original(browser: Browser, tmp_path: Path) -> None:
    """Thumbnails are there without their blurs; a click brings the original, though its proof is good no more."""
    with open_gallery(browser, tmp_path, picture("webp", 900), transparent()) as (page, url):
        widths = page.evaluate("[...document.querySelectorAll('main img')].map((each) => each.naturalWidth)")
        assert widths == [320, 320]
        assert page.evaluate(BLURS) == 0
        opacities = {900: 255, 640: 90}
        for record in httpx.get(f"{url}/api/pictures").json():
            revoke(tmp_path, record["id"])
        for number, record in enumerate(httpx.get(f"{url}/api/pictures").json()):
            page.evaluate(f"document.querySelectorAll('main button')[{number}].click()")
            wait_for(page, f"document.querySelector('dialog img')?.naturalWidth === {record['width']}")
            assert page.evaluate(BLURS) == 0
            assert page.evaluate(OPACITY) == opacities[record["width"]]
            page.evaluate("document.querySelector('dialog').close()")
            wait_for(page, "!document.querySelector('dialog')")


def test_the_gallery_deletes_a_picture(browser: Browser, tmp_path: Path) -> None:
    """A deleted picture leaves page, server and the browser's cache, its thumbnail too; the other one stays."""
    with open_gallery(browser, tmp_path, picture("webp", 900), transparent()) as (page, url):
        gone, kept = (record["id"] for record in httpx.get(f"{url}/api/pictures").json())
        page.evaluate("document.querySelector('main button').click()")
        wait_for(page, "document.querySelector('dialog img[src^=blob]') !== null")
        cached = (gone, f"{gone}~thumb", f"{kept}~thumb")
        deadline = time.monotonic() + 20
        while not all(page.evaluate(IS_CACHED, image_id) for image_id in cached):
            assert time.monotonic() < deadline
        page.evaluate("document.querySelector('dialog button').click()")
        wait_for(page, "!document.querySelector('dialog')")
        assert page.evaluate("document.querySelectorAll('main button').length") == 1
        assert [page.evaluate(IS_CACHED, image_id) for image_id in cached] == [False, False, True]
        assert [record["id"] for record in httpx.get(f"{url}/api/pictures").json()] == [kept]


def test_the_gallery_adds_a_picture(browser: Browser, tmp_path: Path) -> None:
    """A chosen file is uploaded and shown as its thumbnail."""
    with open_gallery(browser, tmp_path) as (page, url):
        page.evaluate(CHOOSE_FILE)
        wait_for(page, "document.querySelector('main img')?.naturalWidth === 320")
        (record,) = httpx.get(f"{url}/api/pictures").json()
        assert (record["width"], record["height"]) == (500, 250)


def test_the_gallery_shows_more_by_pages(browser: Browser, tmp_path: Path) -> None:
    """It shows 50 pictures; the button brings the others and disappears, and an upload is shown once."""
    with open_gallery(browser, tmp_path) as (page, url):
        for _ in range(50):
            httpx.post(f"{url}/api/pictures", content=picture()).raise_for_status()
        page.goto(f"{url}/")
        wait_for(page, "document.querySelectorAll('main img[src^=blob]').length === 50")
        assert page.evaluate("document.querySelector('#more').hidden") is False
        page.evaluate(CHOOSE_FILE)
        wait_for(page, "document.querySelectorAll('main button').length === 51")
        page.evaluate("document.querySelector('#more').click()")
        wait_for(page, "document.querySelector('#more').hidden")
        assert page.evaluate("document.querySelectorAll('main button').length") == 51


PLAIN = """<!doctype html>
<title>Pictures by their addresses</title>
<script type="module">
  import { show, signOut } from "/page/plain-pictures.js";

  const showNew = (id) =>
    new Promise((resolve, reject) => {
      const picture = document.body.appendChild(new Image());
      picture.onload = () => resolve(picture.src);
      picture.onerror = () => resolve("error");
      show(picture, id).catch(({ name }) => resolve(name));
    });
  Object.assign(globalThis, { showNew, signOut });
</script>
"""
SAVE = """async (bytes) => {
  await fetch("/api/session/ada", { method: "POST" });
  const saved = await fetch("/api/pictures", { method: "POST", body: new Uint8Array(bytes) });
  return saved.ok ? saved.json() : null;
}"""
BOUND = """<!doctype html>
<title>Pictures of a bound login</title>
<script type="module">
  import { createClient } from "/pixstore-image/-/client/index.js";
  import { client, signIn, signOut } from "/page/bound-pictures.js";

  const opened = async (id, { getImage, getRecord }) => {
    try {
      return (await getImage(await getRecord(id))).type;
    } catch ({ name, status }) {
      return `${name} ${status}`;
    }
  };
  const withAnother = createClient({ recordsUrl: "/api/records" });
  const open = (id) => Promise.all([client, withAnother].map((each) => opened(id, each)));
  Object.assign(globalThis, { open, signIn, signOut });
</script>
"""
NO_WORKERS = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined });"


@pytest.mark.parametrize("first_script", ["", NO_WORKERS], ids=["worker", "none"])
def test_a_page_that_knows_ids_shows_pictures(
    engine: Engine, browser: Browser, tmp_path: Path, first_script: str
) -> None:
    """By their addresses where there is a worker, else by the client; not those of others, and none after sign-out."""
    with recipe(write_files(tmp_path), "records_app", SESSION_KEY=JWT_KEY) as server:
        (tmp_path / "plain.html").write_text(PLAIN)
        foreign = save(tmp_path, picture())
        with open_page(browser, first_script=first_script) as page:
            page.goto(f"{server.url}/page/plain.html")
            wait_for(page, "typeof showNew === 'function'")
            saved, other = (page.evaluate(SAVE, list(picture(kind))) for kind in ("webp", "jpeg"))
            if saved is None:
                lacks(engine.name, "it takes no secure cookie over plain HTTP, not even from 127.0.0.1")
            begins = "blob:" if first_script else f"{server.url}/pixstore-image/-/image/ada%3A"
            assert page.evaluate("id => showNew(id)", saved).startswith(begins)
            assert page.evaluate("id => showNew(id)", foreign.id) in ("error", "NotFoundError")
            page.evaluate("signOut()")
            assert page.evaluate("id => showNew(id)", other) in ("error", "NotFoundError")


def test_a_page_shows_pictures_by_the_pair_of_its_sign_in(engine: Engine, browser: Browser, tmp_path: Path) -> None:
    """The stored pair of the sign-in works after a reload, another one gets 403, and a new sign-in binds the next."""
    with recipe(write_files(tmp_path), "bound_app", SESSION_KEY=JWT_KEY) as server:
        (tmp_path / "bound.html").write_text(BOUND)
        with open_page(browser) as page:

            def load() -> None:
                page.goto(f"{server.url}/page/bound.html")
                wait_for(page, "typeof signIn === 'function'")

            load()
            page.evaluate("signIn('ada')")
            saved = page.evaluate(SAVE, list(picture("webp")))
            if saved is None:
                lacks(engine.name, "it takes no secure cookie over plain HTTP, not even from 127.0.0.1")
            load()
            assert page.evaluate("id => open(id)", saved) == ["image/webp", "RefusedError 403"]
            page.evaluate("signOut()")
            load()
            page.evaluate("signIn('ada')")
            assert page.evaluate("id => open(id)", saved) == ["image/webp", "RefusedError 403"]
            # Cookies of a host are sent to each of its ports, so the next test would begin with this pair's.
            page.evaluate("signOut()")


def test_the_rendered_page_has_sealed_records(engine: Engine, browser: Browser, tmp_path: Path) -> None:
    """The HTML has ids at first, then sealed records, which open without a request for records; after `clear` ids."""
    if engine.name == "webkit":
        lacks(engine.name, "it takes no secure cookie over plain HTTP, not even from 127.0.0.1")
    with recipe(write_files(tmp_path), "rendered_app") as server:
        for kind in KINDS:
            httpx.post(f"{server.url}/api/pictures", content=picture(kind)).raise_for_status()
        with open_page(browser) as page:

            def visit() -> list[str]:
                """Open the page, and return the fields of each record in its HTML."""
                page.goto(server.url)
                wait_for(page, f"document.querySelectorAll('pix-image[data-state=shown]').length === {len(KINDS)}")
                fields: list[str] = page.evaluate(FIELDS_IN_HTML)
                return fields

            # An earlier test may have left its cookie on 127.0.0.1.
            for _ in range(2):
                visit()
                clear(page)
                assert visit() == []
                fetched = server.log.count("GET /api/records")
                assert visit() == ["iv sealed tag"] * 2
                assert server.log.count("GET /api/records") == fetched
