"""A newcomer's first hour: README's FastAPI application and page, as it says to try them, in a real browser."""

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.engines.page import Browser
from tests.browser.support import open_page, wait_for
from tests.docs.readme import FASTAPI, README, SNIPPETS
from tests.support.samples import picture
from tests.support.servers import uvicorn_of

pytestmark = pytest.mark.browser
(TRY_IT,) = re.findall(r"^To see it: .*?\n\n", README, re.MULTILINE | re.DOTALL)
(HTML,) = re.findall(r"```html\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """README's files in a folder of their own, under the command that it says to run."""
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)
    lines = re.findall(r"`(from fastapi\S* import [^`]+|app\.mount[^`]+)`", TRY_IT)
    assert len(lines) == 2
    (tmp_path / "app.py").write_text("\n".join([SNIPPETS[FASTAPI], *lines]))
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "index.html").write_text(HTML)
    (arguments,) = re.findall(r"`uvicorn ([^`]+)`", TRY_IT)
    with uvicorn_of(Path(sys.executable), shlex.split(arguments), tmp_path, os.environ) as running:
        yield running


def test_a_newcomer_sees_a_picture(url: str, browser: Browser) -> None:
    """Uploaded as README says, the picture is displayed by README's page, and its bytes are those of the upload."""
    (upload,) = re.findall(r"`curl -T ada\.jpg ([^`]+)`", TRY_IT)
    httpx.put(url + urlsplit(upload).path, content=picture("jpeg")).raise_for_status()  # what curl -T does
    with open_page(browser) as page:
        page.goto(url)
        wait_for(page, "document.getElementById('picture').naturalWidth > 0")
        assert page.evaluate("document.getElementById('picture').naturalWidth") == 48
        shown = page.evaluate(
            "async () => [...new Uint8Array(await (await fetch(document.getElementById('picture').src)).arrayBuffer())]"
        )
        assert bytes(shown) == picture("jpeg")


def test_the_client_comes_in_one_request(url: str, browser: Browser) -> None:
    """A page loads one file, not one module after the other, each a round trip later."""
    with open_page(browser) as page:
        page.goto(url)
        wait_for(page, "document.readyState === 'complete'")
        loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)")
    assert [name for name in loaded if "/-/client/" in name] == ["/pixstore-image/-/client/index.js"]
