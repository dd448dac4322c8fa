"""Shared tools of the browser tests: the running site, a tab that shows its pictures, and a search of profile files."""

import contextlib
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
from anyio.from_thread import start_blocking_portal
from PIL import Image

from pixstore_asgi import ImageRecord
from tests.browser.engines.page import Browser, Page
from tests.support.bad_network import bad_network
from tests.support.paths import ROOT
from tests.support.servers import Server

T = TypeVar("T")

# For the site to answer: a loaded machine is slow.
TIMEOUT_S = 60

# The longest wait for a condition, a little shorter than pytest's limit of a test.
WAIT_S = 100


@cache
def noise(kind: str, seed: int, size: int = 48) -> bytes:
    """Return an image `size` pixels wide with bytes that compression can't shorten."""
    output = io.BytesIO()
    pixels = random.Random(seed).randbytes(size * size * 3)
    Image.frombytes("RGB", (size, size), pixels).save(output, kind, **({"lossless": True} if kind == "webp" else {}))
    return output.getvalue()


class Site(Server):
    """The running page_app, seen from its API and from its access log."""

    def save(self, image: bytes) -> ImageRecord:
        return _record(httpx.post(f"{self.url}/pictures", content=image, timeout=TIMEOUT_S))

    def update(self, image_id: str, image: bytes) -> ImageRecord:
        return _record(httpx.put(f"{self.url}/pictures/{image_id}", content=image, timeout=TIMEOUT_S))

    def delete(self, image_id: str) -> None:
        httpx.delete(f"{self.url}/pictures/{image_id}", timeout=TIMEOUT_S).raise_for_status()

    def payload(self, record: ImageRecord) -> bytes:
        headers = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
        url = f"{self.url}/images/{quote(record.id, safe='')}"
        return httpx.get(url, headers=headers, timeout=TIMEOUT_S).raise_for_status().content

    @cached_property
    def thousand(self) -> list[str]:
        """The ids of a thousand small images, which have no variants."""
        response = httpx.post(
            f"{self.url}/many", content=noise("png", 0, size=8), params={"count": 1000}, timeout=TIMEOUT_S
        )
        return list(response.raise_for_status().json())

    def expired(self, image_id: str) -> ImageRecord:
        """Return the record of an image as it was an hour ago."""
        return _record(httpx.get(f"{self.url}/expired/{image_id}", timeout=TIMEOUT_S))

    def release(self) -> None:
        """Answer the requests that wait below /held."""
        httpx.post(f"{self.url}/release", timeout=TIMEOUT_S).raise_for_status()

    def held(self, image_id: str) -> int:
        """Count the requests of an image's payload below /held so far."""
        return self.log.count(f"/held/{image_id}: waits")

    def left(self, image_id: str) -> int:
        """Count those of them that the browser has ended."""
        return self.log.count(f"/held/{image_id}: left")

    def requests(self, image_id: str, method: str = "GET", route: str = "/images") -> int:
        """Count the requests of an image's payload so far.

        Newer versions of uvicorn log a path as it was sent, older ones encode it.
        """
        spellings = {image_id, quote(image_id, safe="")}
        return sum(self.log.count(f'"{method} {route}/{spelling} ') for spelling in spellings)

    def states(self, image_id: str) -> list[str]:
        """Return the states of the image's payloads so far, in order."""
        return re.findall(rf"^/images/{re.escape(image_id)}: (\w+)$", self.log, re.MULTILINE)


def _record(response: httpx.Response) -> ImageRecord:
    return ImageRecord.parse(response.raise_for_status().json())


@contextlib.contextmanager
def running_site(folder: Path, *, app: str = "page_app", **environment: str) -> Iterator[Site]:
    """Run page_app or another one under uvicorn, on a port that the system chooses, until the block ends."""
    log_file = folder / "uvicorn.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", f"tests.browser.{app}:app", "--host", "127.0.0.1", "--port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PIXSTORE_TEST_DB": str(folder / "pixstore.db"), "PYTHONUNBUFFERED": "1", **environment},
            cwd=ROOT,
        )
    site = Site("", process, log_file)
    try:
        site.url = _url_in_log(site)
        yield site
        site.stop()
    finally:
        process.kill()
        process.wait()


def _url_in_log(site: Site) -> str:
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := re.search(r"running on (http://\S+)", site.log)):
        if site.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start:\n{site.log}")
        time.sleep(0.05)
    return found[1]


class Line(NamedTuple):
    """A way to the site, which can be cut, also for connections that there are, and mended."""

    cut: Callable[[], None]
    mend: Callable[[], None]


@contextlib.contextmanager
def line_to(site: Site) -> Iterator[tuple[Site, Line]]:
    """Give a site by another way, and so of another origin."""
    port = urlsplit(site.url).port
    assert port is not None
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(bad_network(port)) as network:

        def switch(is_gone: bool) -> None:
            network.is_gone = is_gone
            network.drop()

        there = replace(site, url=f"http://127.0.0.1:{network.port}")
        yield there, Line(lambda: portal.call(switch, True), lambda: portal.call(switch, False))


class Shown(NamedTuple):
    """A picture on a page: its blob's type, its width as the browser decoded it, its bytes' digest."""

    type: str
    width: int
    sha256: str


def shown(kind: str, image: bytes, size: int = 48) -> Shown:
    """Return how an image looks when it is shown."""
    return Shown(f"image/{kind}", size, hashlib.sha256(image).hexdigest())


class Tab:
    """One tab with the site's page."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site

    def open(self, **config: str) -> None:
        """Load the page, its client configured this way."""
        self.page.goto(f"{self.site.url}/?{urlencode(config)}")

    def record(self, image_id: str) -> ImageRecord:
        """Let the page fetch a fresh record by itself, which is plain."""
        return ImageRecord.parse(self.page.evaluate("id => fetchRecord(id)", image_id))

    def get_record(self, image_id: str) -> ImageRecord:
        """Let the client get a fresh record, which is sealed to it."""
        return ImageRecord.parse(self.page.evaluate("id => client.getRecord(id)", image_id))

    @property
    def recipient(self) -> str:
        """The public key of the client, as its header."""
        return str(self.page.evaluate("client.recipientHeaders()")["pixstore-recipient"])

    def clear(self) -> None:
        self.page.evaluate("client.clear()")

    def show(self, record: ImageRecord) -> Shown:
        return Shown(**self.page.evaluate("record => show(record)", record))

    def pixels(self, record: ImageRecord) -> Shown:
        """Show a record and return the result of `show`, with the digest of the decoded pixels."""
        return Shown(**self.page.evaluate("record => pixels(record)", record))

    def show_fresh(self, image_id: str) -> Shown:
        return self.show(self.record(image_id))

    def show_until_cached(self, image_id: str) -> Shown:
        record = self.record(image_id)
        picture = self.show(record)
        self.wait_until_cached(record)
        return picture

    def wait_until_cached(self, record: ImageRecord) -> None:
        self.page.evaluate("record => untilCached(record)", record)

    def failure(self, record: ImageRecord) -> dict[str, Any]:
        """Tell how showing a record fails, and how wide the picture is that stands there all the same."""
        found = self.page.evaluate("record => failure(record)", record)
        return {name: value for name, value in found.items() if value is not None}

    def is_cached(self, image_id: str) -> bool:
        return self.page.evaluate("id => client.cachedImageExists(id)", image_id) is True

    def delete_cached(self, image_id: str) -> bool:
        return self.page.evaluate("id => client.deleteCachedImage(id)", image_id) is True

    @property
    def cache_errors(self) -> set[str]:
        """The reasons of the storage failures that the client reported."""
        return set(self.page.evaluate("cacheErrors"))


@contextlib.contextmanager
def open_page(browser: Browser, *, first_script: str = "") -> Iterator[Page]:
    """Open a tab. An uncaught error fails the test."""
    page = browser.new_page(first_script=first_script)
    yield page
    page.close()
    assert page.errors == []


@contextlib.contextmanager
def open_tab(browser: Browser, site: Site, *, first_script: str = "", **config: str) -> Iterator[Tab]:
    """Open a tab with the site's page. An uncaught error fails the test."""
    with open_page(browser, first_script=first_script) as page:
        tab = Tab(page, site)
        tab.open(**config)
        yield tab


def clear(page: Page) -> None:
    """Clear the client of a page of the documents' examples."""
    page.evaluate("(async () => (await import('/pixstore-image/-/client/index.js')).clear())()")


def wait_for(page: Page, condition: str) -> None:
    """Wait until an expression is true in a page."""
    wait_until(lambda: page.evaluate(condition), f"in the page: {condition}")


def wait_until(condition: Callable[[], T], name: str) -> T:
    """Wait until a condition is true, and return its value then."""
    deadline = time.monotonic() + WAIT_S
    while not (met := condition()):
        assert time.monotonic() < deadline, f"it never came true {name}"
        time.sleep(0.02)
    return met
