"""A page of photos in Chromium: thumbnails and originals, by batches and one by one, over a fast and a slow line."""

import json
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Page, Playwright, sync_playwright

from ..browser.chromium import open_chromium
from ..plan import Plan
from ..processes import free_port, running
from ..rivals import asgi_command
from ..runs import Row
from .photo import photo
from .saved import save_photos
from .ways import THUMB

PAGE = "page"
THUMBS, ORIGINALS = "thumbs", "originals"
BATCHES, SINGLES = "batches", "singles"
FAST, SLOW = "fast", "slow"
MOMENTS = ("placeholder_s", "first_s", "seconds")
"""The timed moments: the first placeholder, the first picture, and all of them."""

SLOW_MBIT, SLOW_MS = 50, 50
"""The slow line: Mbit per second, and the delay of each answer in ms."""


def pages(plan: Plan) -> Iterator[Row]:
    """Show the page in every way in each round, each time in a browser that has nothing of it."""
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name:
        folder, secret = Path(name), secrets.token_urlsafe(32)
        save_photos(folder / "pixstore.db", secret, photo(plan.photo_size), plan.photos_page, THUMB)
        with _site(folder, secret) as url, sync_playwright() as playwright:
            for number in range(plan.photos_rounds):
                cases = list(_cases(number))
                for line, kind, way in cases[:: -1 if number % 2 else 1]:
                    found = _shown(playwright, folder / "profile", url, line, kind, way)
                    yield {
                        "contestant": f"{kind}, {way}",
                        "load": PAGE,
                        "round": number,
                        "line": line,
                        "images": plan.photos_page,
                        **found,
                    }


def _cases(number: int) -> Iterator[tuple[str, str, str]]:
    """Yield the line, the kind of picture, and the kind of request."""
    for line, kind, way in product((FAST, SLOW), (THUMBS, ORIGINALS), (BATCHES, SINGLES)):
        # It takes a minute, which differs little.
        if (line, kind) != (SLOW, ORIGINALS) or (way == BATCHES and number == 0):
            yield line, kind, way


@contextmanager
def _site(folder: Path, secret: str) -> Iterator[str]:
    port = free_port()
    command = asgi_command("uvicorn", "app", port, module="benchmarks.photos.page_app")
    variables = {"PIXSTORE_BENCH_DATABASE": str(folder / "pixstore.db"), "PIXSTORE_SECRET": secret}
    with running(command, port=port, core=None, folder=folder, environment=variables):
        yield f"http://127.0.0.1:{port}"


def _shown(playwright: Playwright, profile: Path, url: str, line: str, kind: str, way: str) -> Row:
    """Show the page once; return the times of its paints, and its bytes and requests."""
    with open_chromium(playwright, profile) as tab:
        tab.open(url, way)
        _asked(url)
        if line == SLOW:
            _slow_down(tab.page)
        found: Row = tab.measure("show", kind=kind, way=way)
    shutil.rmtree(profile)
    return {**found, "requests": _asked(url)}


def _asked(url: str) -> int:
    """Return how many requests for images there were since the last question."""
    with urllib.request.urlopen(f"{url}/requests") as answer:  # noqa: S310
        count: int = json.load(answer)
    return count


def _slow_down(page: Page) -> None:
    """Let the page's requests have the slow line from now on."""
    devtools = page.context.new_cdp_session(page)
    bytes_per_s = SLOW_MBIT * 1_000_000 / 8
    devtools.send("Network.enable")
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": SLOW_MS, "downloadThroughput": bytes_per_s, "uploadThroughput": bytes_per_s},
    )
