"""The page's part of docs/recipes.md, in a page that shows pictures with it."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from pixstore_asgi import ImageRecord
from tests.browser.engines.page import Browser, Page
from tests.browser.support import open_page, wait_for
from tests.support.recipes import OTHER_BLOCKS, recipe, save, write_files
from tests.support.samples import large_png, picture
from tests.support.servers import Server

pytestmark = pytest.mark.browser

JWT_KEY = "a-key-for-the-tests-of-the-jwt-recipe-0123456789"
SENDS_JWT = OTHER_BLOCKS[0]
SOCKET_FETCHER = 'import { createSocketFetcher } from "/page/socket-fetcher.js";' + OTHER_BLOCKS[2]
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
    """Ask for pictures at once, and tell of each how wide it is shown or what its error is."""
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
    """A picture whose connection is lost is asked for again, over a new connection."""
    with recipe(write_files(tmp_path), "socket_app") as server:
        records = [save(tmp_path, picture(kind)) for kind in ("png", "jpeg", "webp")]
        with open_recipe(browser, server, SOCKET_FETCHER, loses=1) as page:
            assert show(page, *records) == ["shown 48", "shown 48", "shown 48"]
        assert server.log.count("WebSocket /pictures") == 2
