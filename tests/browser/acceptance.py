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

What stands in a picture's place before it is there is a `<canvas>`, or has `data-placeholder`. A page that has another
way to say one of these things adapts it. A test module has a fixture `site` over `acceptance_site`, and a test for each
scenario:

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
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
from tests.browser.engines.page import Browser, Page
from tests.browser.support import Site, open_page, running_site, wait_for

VARIANTS = "small=80,middle=160"
WIDTH, HEIGHT = 320, 240
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)
CYCLES, CYCLES_AT_ONCE = 10_000, 250
MANY = 1000
SLACK_BYTES = 2_000_000
"""What an engine may keep for itself after ten thousand pictures: 200 bytes of each."""

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
    """What is to be seen of a picture: `colour` is None where there is none, `box` is x, y, width and height."""

    colour: Colour | None
    width: int
    box: tuple[int, int, int, int]
    alt: str
    has_placeholder: bool
    text: str


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

    def error(self, key: str) -> str | None:
        """Return the name of a picture's error, once it has one."""
        self.wait(key, "error")
        name: str | None = self.page.evaluate("async (key) => stage.error(key)", key)
        return name

    def look(self, key: str) -> Look:
        seen = self.page.evaluate("key => look(key)", key)
        colour = _colour(seen["colour"])
        return Look(colour, seen["naturalWidth"], tuple(seen["box"]), seen["alt"], seen["hasPlaceholder"], seen["text"])

    def record(self, image_id: str) -> ImageRecord:
        """Let the page fetch a fresh record."""
        return ImageRecord.parse(self.page.evaluate("id => fetchRecord(id)", image_id))

    def frames(self, count: int) -> None:
        self.page.evaluate("count => frames(count)", count)

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
        """Open a tab with the page, its client configured this way; an error that nobody caught fails the test."""
        with open_page(self.browser) as page:
            visit = Visit(page, self.site, self._page_name)
            visit.open(**config)
            yield visit


def name_of(scenario: Scenario) -> str:
    return scenario.__name__.replace("_", " ")


def _colour(rgba: Sequence[int] | None) -> Colour | None:
    """Return which of the pictures' colours this is; variants have lost some of it."""
    if rgba is None or rgba[3] < 255:
        return None
    near = [each for each in (RED, GREEN, BLUE) if all(abs(a - b) < 24 for a, b in zip(each, rgba, strict=False))]
    return near[0] if near else (rgba[0], rgba[1], rgba[2])


def first_load(stage: Stage) -> None:
    """A picture is shown of its record, and of its id alone, with its alternative text; nothing else stands there."""
    saved = stage.site.save(plain(RED))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": saved, "alt": "A red one"}, {"key": "b", "id": saved.id})
        for key, alt in (("a", "A red one"), ("b", "")):
            seen = visit.look(key)
            assert (seen.colour, seen.alt, seen.box[2:]) == (RED, alt, (WIDTH, HEIGHT))
        wait_for(visit.page, "!look('a').hasPlaceholder && !look('b').hasPlaceholder")
        # Both show one image, by one URL.
        assert visit.object_urls == 1


def reload(stage: Stage) -> None:
    """After a reload a picture comes out of the cache: its payload is not fetched again."""
    saved = stage.site.save(plain(RED, 1))
    with stage.visit() as visit:
        visit.show({"key": "a", "record": saved})
        wait_for(visit.page, "(async () => (await client.stats()).images > 0)()")
        visit.page.reload()
        wait_for(visit.page, "typeof stage === 'object'")
        visit.show({"key": "a", "record": visit.record(saved.id)})
        assert (visit.look("a").colour, visit.downloads) == (RED, 0)


SCENARIOS: list[Scenario] = [first_load, reload]
