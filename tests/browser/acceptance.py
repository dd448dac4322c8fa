"""The acceptance list of whatever shows pictures in a page: the element, and each framework's component.

A page under test has, in this order, `<script src="counting.js">`, an empty `<main>`, and a module of its own, which
imports `offer` of acceptance.js and calls `offer(stage, client)`: `client` is the client's `index.js`, as a module, and
the `stage` has these functions, each of which may be async:

- `render(pictures)` shows exactly these pictures in `<main>`, in this order. It resolves when the DOM has them. One
  whose `key` was there before keeps its component and gets the new properties; one that is missing now is unmounted.
  Each stands in a `<div id={key}>` of its own, with one `<img>` in it as soon as it is mounted, and is an object of
    - `key`;
    - `record`, or `id` where the record is to come from the client's `recordsUrl`;
    - perhaps `alt`, `width` and `height` (numbers), `eager` (a boolean; else it is lazy, with a margin of 300 px);
    - perhaps `fallback`: a text that is there only where the picture fails, with a `<button data-retry>` to retry it.
- `state(key)` is "idle", "loading", "shown" or "error"; "shown" is a picture that is painted.
- `error(key)` is the name of the error, or null.
- `retry(key)` tries again what has failed.

What stands in a picture's place before it is there is a `<canvas>`, has `data-placeholder`, or is an `<img>` with a
`data:` URL. A page that has another way to say one of these things adapts it. The list itself is in scenarios.py. A
test module has a fixture `site` over `acceptance_site`, and a test for each scenario:

    @each_scenario
    def test_acceptance(browser: Browser, site: Site, scenario: Scenario) -> None:
        scenario(Stage(browser, site, "element.html"))
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

from PIL import Image

from pixstore_asgi import ImageRecord
from tests.browser.engines.chromium import ChromiumPage
from tests.browser.engines.page import Browser, Page
from tests.browser.support import Line, Site, line_to, open_page, running_site, wait_for, wait_until

VARIANTS = "small=80,middle=160,avatar=96x96"
WIDTH, HEIGHT = 320, 240
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)

Colour: TypeAlias = tuple[int, int, int]
Scenario: TypeAlias = Callable[["Stage"], None]


@cache
def plain(colour: Colour, number: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Return a picture of one colour; another number gives other bytes."""
    output = io.BytesIO()
    Image.new("RGB", size, colour).save(output, "png", dpi=(72 + number, 72))
    return output.getvalue()


@contextlib.contextmanager
def acceptance_site(folder: Path, **environment: str) -> Iterator[Site]:
    """Run the site that the scenarios need: its pictures have placeholders and the VARIANTS."""
    with running_site(folder, PIXSTORE_TEST_VARIANTS=VARIANTS, **environment) as site:
        yield site


class Look(NamedTuple):
    """The visible state of a picture. colour: None if no picture is shown. box: x, y, width and height."""

    colour: Colour | None
    width: int
    box: tuple[int, int, int, int]
    alt: str
    has_placeholder: bool
    text: str


class Remains(NamedTuple):
    """The objects that a page holds: listeners on longer-lived objects, and in Chromium objects after garbage
    collection.
    """

    object_urls: int
    listeners: int
    heap_bytes: int
    nodes: int


class Visit:
    """One tab with the page under test."""

    def __init__(self, page: Page, site: Site, page_name: str) -> None:
        self.page = page
        self.site = site
        self._page_name = page_name

    def open(self, **config: str) -> None:
        """Load the page, its client configured this way."""
        self.page.goto(f"{self.site.url}/{self._page_name}?{urlencode(config)}")
        wait_for(self.page, "typeof stage === 'object'")

    def render(self, *pictures: dict[str, Any]) -> None:
        """Show exactly these pictures, all others are unmounted."""
        self.page.evaluate("async (pictures) => { await stage.render(pictures); }", pictures)

    def show(self, *pictures: dict[str, Any]) -> None:
        """Render pictures and wait until each is there."""
        self.render(*pictures)
        for picture in pictures:
            self.wait(picture["key"], "shown")

    def wait(self, key: str, state: str) -> None:
        wait_for(self.page, f"(async () => await stage.state({json.dumps(key)}) === {json.dumps(state)})()")

    def state(self, key: str) -> str:
        return str(self.page.evaluate("async (key) => stage.state(key)", key))

    def error(self, key: str) -> str:
        """Return the name of a picture's error, once it has one."""
        name = "async (key) => await stage.state(key) === 'error' && stage.error(key)"
        return str(wait_until(lambda: self.page.evaluate(name, key), f"that {key} failed"))

    def look(self, key: str) -> Look:
        seen = self.page.evaluate("key => painted(key).then(() => look(key))", key)
        colour = _colour(seen["colour"])
        return Look(colour, seen["naturalWidth"], tuple(seen["box"]), seen["alt"], seen["hasPlaceholder"], seen["text"])

    def place(self, key: str) -> tuple[float, float]:
        """Return the width and height of a picture's place in the page, in CSS pixels."""
        box = self.page.evaluate("key => document.getElementById(key).getBoundingClientRect().toJSON()", key)
        return box["width"], box["height"]

    def record(self, image_id: str) -> ImageRecord:
        """Let the page fetch a fresh record."""
        return ImageRecord.parse(self.page.evaluate("id => fetchRecord(id)", image_id))

    def frames(self, count: int) -> None:
        self.page.evaluate("count => frames(count)", count)

    def reload(self) -> None:
        self.page.reload()
        wait_for(self.page, "typeof stage === 'object'")

    def remains(self) -> Remains:
        heap_bytes, nodes = self.page.held() if isinstance(self.page, ChromiumPage) else (0, 0)
        return Remains(self.object_urls, int(self.page.evaluate("listeners()")), heap_bytes, nodes)

    @property
    def object_urls(self) -> int:
        """How many object URLs there are."""
        return int(self.page.evaluate("counted.objectUrls.size"))

    @property
    def downloads(self) -> int:
        """How many images this page has got over the network."""
        return int(self.page.evaluate("client.stats().then(({ downloads }) => downloads)"))

    @property
    def object_urls_ever(self) -> int:
        return int(self.page.evaluate("counted.everMade"))


class Stage:
    """Opens the page under test."""

    def __init__(self, browser: Browser, site: Site, page_name: str) -> None:
        self.browser = browser
        self.site = site
        self._page_name = page_name

    @contextlib.contextmanager
    def visit(self, **config: str) -> Iterator[Visit]:
        """Open a tab with the page and this configuration of its client. An uncaught error fails the test."""
        with open_page(self.browser) as page:
            visit = Visit(page, self.site, self._page_name)
            visit.open(**config)
            yield visit

    @contextlib.contextmanager
    def on_a_line(self) -> Iterator[tuple["Stage", Line]]:
        """Give the same stage behind a line that can be cut; its pages are of another origin."""
        with line_to(self.site) as (site, line):
            yield Stage(self.browser, site, self._page_name), line


def name_of(scenario: Scenario) -> str:
    return scenario.__name__.replace("_", " ")


def _colour(rgba: Sequence[int] | None) -> Colour | None:
    """Return which of the pictures' colours this is; variants have lost some of it."""
    if rgba is None or rgba[3] < 255:
        return None
    near = [each for each in (RED, GREEN, BLUE) if all(abs(a - b) < 24 for a, b in zip(each, rgba, strict=False))]
    return near[0] if near else (rgba[0], rgba[1], rgba[2])
