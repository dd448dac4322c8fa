"""A newcomer's first minutes: README's first application, with its own commands, in a real browser."""

import base64
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.engines.page import Browser
from tests.browser.support import open_page, wait_for
from tests.docs.readme import FIRST_PICTURE, RUN
from tests.support.samples import picture
from tests.support.servers import uvicorn_of

pytestmark = pytest.mark.browser

CHOOSE = """([name, encoded]) => {
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  const chosen = new DataTransfer();
  chosen.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const input = document.querySelector("input");
  input.files = chosen.files;
  input.dispatchEvent(new Event("change"));
}"""
SHOWN = (
    "async () => [...new Uint8Array(await (await fetch(document.querySelector('pix-image img').src)).arrayBuffer())]"
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """README's file in a folder of its own, under the command that README says to run."""
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)
    (tmp_path / "app.py").write_text(FIRST_PICTURE)
    arguments = shlex.split(RUN)[1:]
    with uvicorn_of(Path(sys.executable), arguments, tmp_path, os.environ) as running:
        yield running


def test_a_newcomer_sees_a_picture(url: str, browser: Browser) -> None:
    """The chosen file is displayed at once and after a reload, with its bytes. A refused one has a message."""
    file = picture("jpeg")
    with open_page(browser) as page:
        page.goto(url)
        wait_for(page, "document.querySelector('pix-image').dataset.state !== 'loading'")
        page.evaluate(CHOOSE, ["ada.jpg", base64.b64encode(file).decode()])
        for _ in range(2):
            wait_for(page, "document.querySelector('pix-image').dataset.state === 'shown'")
            wait_for(page, "document.querySelector('pix-image img').naturalWidth === 48")
            assert bytes(page.evaluate(SHOWN)) == file
            page.reload()
        assert page.errors == []
        page.evaluate("() => { window.alert = (text) => { window.said = text; }; }")
        page.evaluate(CHOOSE, ["ada.heic", base64.b64encode(b"no picture").decode()])
        wait_for(page, "window.said?.includes('not an image of a format')")


def test_the_client_comes_in_two_requests(url: str, browser: Browser) -> None:
    """A page loads the element and the client, not one module after the other, each a round trip later."""
    with open_page(browser) as page:
        page.goto(url)
        wait_for(page, "document.readyState === 'complete'")
        loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)")
    client = "/pixstore-image/-/client/"
    assert [name for name in loaded if client in name] == [f"{client}element.js", f"{client}index.js"]


INSECURE = """
  Object.defineProperty(crypto, "subtle", { value: undefined });
  window.warnings = [];
  console.warn = (text) => warnings.push(text);
"""


def test_a_page_over_plain_http_says_why_it_shows_no_picture(url: str, browser: Browser) -> None:
    """Without WebCrypto the page has a sentence for the user, and the console one warning for the developer."""
    with open_page(browser, first_script=INSECURE) as page:
        page.goto(url)
        page.evaluate(CHOOSE, ["ada.jpg", base64.b64encode(picture("jpeg")).decode()])
        wait_for(page, "document.querySelector('pix-image').dataset.state === 'error'")
        assert page.evaluate("document.querySelector('pix-image').innerText").startswith("This picture can't be shown")
        wanted = "pixstore: a picture can't be shown: this page has no WebCrypto: use HTTPS or localhost"
        assert page.evaluate("warnings") == [wanted]
