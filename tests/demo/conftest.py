"""Fixtures that the tests of the demo share."""

from collections.abc import AsyncIterator, Iterator
from functools import cache

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from pixstore_asgi import Pixstore
from pixstore_asgi.demo import pictures
from pixstore_asgi.store.memory import MemoryStore
from tests.demo.asgi import LIMIT, demo_client
from tests.demo.browsing import browsing, expect_pictures, sign_in
from tests.demo.process import Server, running, signed_in
from tests.support.samples import SECRET


@cache
def painted_seeds() -> list[pictures.Picture]:
    """Return the first six pictures. Painting them takes a second, so they are painted once."""
    return list(pictures.seeds())


@pytest.fixture
def painted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a gallery of its own."""
    seeds = painted_seeds()
    monkeypatch.setattr(pictures, "seeds", lambda: iter(seeds))


@pytest.fixture
async def client(painted_once: None) -> AsyncIterator[httpx.AsyncClient]:
    pix = Pixstore(MemoryStore(), secret=SECRET, max_image_bytes=LIMIT)
    async with demo_client(pix) as opened:
        yield opened


@pytest.fixture(scope="session")
def lasting_server() -> Iterator[Server]:
    """The demo of the run. It paints six pictures before it answers."""
    with running("demo", "--port", "0", "--pictures", "6") as started:
        yield started


@pytest.fixture
def server(lasting_server: Server) -> Iterator[Server]:
    """The demo with six pictures. After the test, added pictures are deleted, and deleted ones are replaced."""
    with signed_in(lasting_server) as client:
        before = listed_ids(client)
    yield lasting_server
    with signed_in(lasting_server) as client:
        after = listed_ids(client)
        for image_id in after - before:
            client.delete(f"api/pictures/{image_id}").raise_for_status()
        if lost := len(before - after):
            upload_seeds(client, lost)


def upload_seeds(client: httpx.Client, count: int) -> None:
    """Add pictures of the usual size to the gallery, at most six."""
    for seed in reversed(painted_seeds()[:count]):
        client.post("api/pictures", content=seed.data).raise_for_status()


def listed_ids(client: httpx.Client) -> set[str]:
    listed = client.get("api/pictures").raise_for_status().json()["pictures"]
    return {picture["id"] for picture in listed}


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browsing(browser) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Page:
    """The page, signed in, with its six pictures."""
    opened = sign_in(context, server)
    expect_pictures(opened, 6)
    return opened
