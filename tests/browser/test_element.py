"""The element `<pix-image>` in real pages, under a policy that allows no more than it needs."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from pixstore_asgi import ImageRecord
from tests.browser.acceptance import (
    BLUE,
    HEIGHT,
    RED,
    WIDTH,
    Scenario,
    Stage,
    Visit,
    acceptance_site,
    plain,
)
from tests.browser.engines.chromium import ChromiumPage
from tests.browser.engines.page import Browser, lacks
from tests.browser.engines.webkit import WebKitPage
from tests.browser.scenarios import ANOTHER_PAGE, each_scenario, record_and_image_requests
from tests.browser.support import Site, open_page, wait_for
from tests.support.paths import ROOT

pytestmark = pytest.mark.browser

PAGE = "element.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with acceptance_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@each_scenario
def test_acceptance(browser: Browser, site: Site, scenario: Scenario) -> None:
    """The element passes each scenario of the acceptance list."""
    scenario(Stage(browser, site, PAGE))


PUT = """({ key, record, attributes, image, text, spy }) => {
    const place = Object.assign(document.createElement("div"), { id: key });
    const element = document.createElement("pix-image");
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (image) element.append(Object.assign(document.createElement("img"), image));
    if (text) {
        const slot = Object.assign(document.createElement("p"), { slot: "error", textContent: text });
        slot.append(Object.assign(document.createElement("button"), { textContent: "Again" }));
        slot.lastChild.dataset.retry = "";
        element.append(slot);
    }
    if (spy) element.client = spied;
    const events = (element.events = []);
    for (const type of ["state", "load", "error"]) {
        element.addEventListener(type, () => events.push(type === "state" ? element.state : `${type} event`));
    }
    element.addEventListener("error", ({ error }) => (element.told = error));
    if (record) element.record = record;
    place.append(element);
    document.querySelector("main").append(place);
}"""
SPY = """() => {
    globalThis.asked = [];
    globalThis.breaks = false;
    globalThis.spied = { ...client, objectUrl(record, options) {
        asked.push({ id: record.id, ...options });
        return breaks ? Promise.reject(new TypeError("broken")) : client.objectUrl(record, options);
    } };
}"""


@contextlib.contextmanager
def visit(browser: Browser, site: Site, **config: str) -> Iterator[Visit]:
    with Stage(browser, site, PAGE).visit(**config) as opened:
        opened.page.evaluate(SPY)
        yield opened


def put(
    opened: Visit,
    key: str = "a",
    record: ImageRecord | None = None,
    *,
    image: dict[str, Any] | None = None,
    text: str | None = None,
    spy: bool = False,
    **attributes: object,
) -> None:
    """Put an element into a place of its own; `image` is an `<img>` in it, `spy` a client that counts and may break."""
    names = {name.replace("_", "-"): str(value) for name, value in attributes.items()}
    options = {"key": key, "record": record, "attributes": names, "image": image, "text": text, "spy": spy}
    opened.page.evaluate(PUT, options)


def element(opened: Visit, expression: str, key: str = "a") -> Any:
    """Evaluate an expression about an element."""
    return opened.page.evaluate(
        f"(() => {{ const element = document.querySelector('#{key} > pix-image'); return {expression}; }})()"
    )


def wait_in(opened: Visit, expression: str, key: str = "a") -> None:
    wait_for(
        opened.page,
        f"(() => {{ const element = document.querySelector('#{key} > pix-image'); return {expression}; }})()",
    )


IMAGES = "[...element.querySelectorAll('img')].map((each) => each.alt)"


def test_an_attribute_that_is_no_record(browser: Browser, site: Site) -> None:
    """A `record` that is not JSON, or not a record, is reported as an error until there is a record or none at all."""
    saved = site.save(plain(RED, 20))
    with visit(browser, site) as opened:
        put(opened, record=None, loading="eager")
        for wrong in ('{"id": "players:ada", "meta": {"key": "c2VjcmV0', "{}"):
            element(opened, f"element.setAttribute('record', {json.dumps(wrong)})")
            opened.wait("a", "error")
            assert element(opened, "[element.error.name, element.error.message]") == [
                "RecordError",
                "this is no image record: it has no meta",
            ]
            element(opened, f"element.setAttribute('record', {json.dumps(json.dumps(saved))})")
            opened.wait("a", "shown")
            assert (opened.look("a").colour, element(opened, "element.error")) == (RED, None)
        element(opened, "element.setAttribute('record', '')")
        opened.wait("a", "idle")
        element(opened, f"element.setAttribute('record', {json.dumps(json.dumps(saved))})")
        opened.wait("a", "shown")
        element(opened, "element.removeAttribute('record')")
        opened.wait("a", "idle")
        assert opened.look("a").colour is None


def test_an_image_that_the_parser_brings_later(browser: Browser, site: Site) -> None:
    """An author's `<img>` that comes out of a stream once the element is there takes the place of the element's own."""
    saved = site.save(plain(RED, 21))
    with open_page(browser) as page:
        if isinstance(page, WebKitPage):
            lacks("webkit", "its driver holds back a page of which half has come")
        page.goto(f"{site.url}/")
        page.evaluate(
            """(src) => {
              globalThis.frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { src }));
            }""",
            f"/streamed/{quote(saved.id, safe='')}",
        )
        state = "frame.contentDocument?.querySelector('pix-image')?.dataset.state"
        wait_for(page, f"{state} === 'shown'")
        assert "author" not in page.evaluate("frame.contentWindow.seen")
        images = "[...frame.contentDocument.querySelectorAll('img')].map((each) => [each.id, each.alt, each.width])"
        assert page.evaluate(images) == [["author", "A red one", 100]]
        assert page.evaluate("frame.contentDocument.querySelector('pix-image').alt") == "A red one"


def test_an_image_that_a_script_brings_later(browser: Browser, site: Site) -> None:
    """An `<img>` that is put into an element takes over its picture, and one that is not its child doesn't."""
    with visit(browser, site) as opened:
        put(opened, record=site.save(plain(RED, 22)), text="not there", loading="eager")
        opened.wait("a", "shown")
        element(opened, "element.lastChild.append(Object.assign(new Image(), { alt: 'an icon' })) && null")
        opened.frames(3)
        assert element(opened, IMAGES) == ["", "an icon"]
        element(opened, "element.append(Object.assign(new Image(), { alt: 'A red one' })) && null")
        wait_in(opened, "element.querySelectorAll('img').length === 2 && element.firstChild.alt === 'A red one'")
        opened.wait("a", "shown")
        wait_for(opened.page, "look('a').colour")
        assert (opened.look("a").colour, element(opened, IMAGES)) == (RED, ["A red one", "an icon"])
        assert opened.object_urls == 1


def test_what_fails_shows_its_text_and_a_button(browser: Browser, site: Site) -> None:
    """The slot `error` is there only where the picture fails; its button tries again, each turn is told once."""
    saved = site.save(plain(RED, 23))
    with visit(browser, site) as opened:
        opened.page.evaluate("void (breaks = true)")
        put(opened, record=saved, text="not there", spy=True, loading="eager")
        assert opened.error("a") == "TypeError"
        assert (opened.look("a").colour, opened.look("a").text.startswith("not there")) == (None, True)
        opened.page.evaluate("document.querySelector('[data-retry]').click()")
        wait_in(opened, "element.events.filter((each) => each === 'error event').length === 2")
        opened.page.evaluate("void (breaks = false)")
        opened.page.evaluate("document.querySelector('[data-retry]').click()")
        opened.wait("a", "shown")
        assert (opened.look("a").colour, opened.look("a").text) == (RED, "")
        element(opened, "element.retry()")
        opened.frames(5)
        failing = ["loading", "error", "error event"]
        assert element(opened, "element.events") == ["idle", *failing, *failing, "loading", "shown", "load event"]


def test_events_stay_with_the_element(browser: Browser, site: Site) -> None:
    """`load`, `error` and `state` don't bubble, and an error's event has the error."""
    with visit(browser, site) as opened:
        opened.page.evaluate(
            """void ["load", "error", "state"].forEach((type) =>
              document.querySelector("main").addEventListener(type, () => (globalThis.bubbled = type)))"""
        )
        put(opened, "a", site.save(plain(RED, 24)), loading="eager")
        opened.wait("a", "shown")
        opened.page.evaluate("void (breaks = true)")
        put(opened, "b", site.save(plain(RED, 25)), spy=True)
        opened.wait("b", "error")
        assert element(opened, "[element.told === element.error, element.told.message]", "b") == [True, "broken"]
        assert opened.page.evaluate("globalThis.bubbled") is None


def test_the_size_that_fills_the_place(browser: Browser, site: Site) -> None:
    """The smallest size is got that fills the element's width; a larger one once that has grown, no smaller one."""
    saved = site.save(plain(RED, 26))
    with visit(browser, site) as opened:
        opened.page.evaluate("void Object.defineProperty(globalThis, 'devicePixelRatio', { value: 1 })")
        put(opened, record=saved, width=80)
        for width, shown in ((80, 80), (120, 160), (300, WIDTH), (80, WIDTH)):
            element(opened, f"(element.width = {width})")
            opened.frames(3)
            wait_for(opened.page, f"look('a').naturalWidth === {shown}")
            opened.frames(3)
            assert opened.look("a")[1:3] == (shown, (*opened.look("a").box[:2], width, width * HEIGHT // WIDTH))
        assert (opened.object_urls, opened.downloads) == (1, 3)


def test_the_size_that_fills_a_place_of_the_pages_own(browser: Browser, site: Site) -> None:
    """Without a width the place decides, and its growth counts."""
    with visit(browser, site) as opened:
        opened.page.evaluate("void Object.defineProperty(globalThis, 'devicePixelRatio', { value: 1 })")
        opened.page.evaluate("void (document.querySelector('main').style.width = '60px')")
        put(opened, record=site.save(plain(RED, 27)))
        wait_for(opened.page, "look('a').naturalWidth === 80")
        assert opened.look("a").box[2:] == (60, 45)
        opened.page.evaluate("void (document.querySelector('main').style.width = '150px')")
        wait_for(opened.page, "look('a').naturalWidth === 160")


def test_the_size_that_fills_a_fine_screen(browser: Browser, site: Site) -> None:
    """Twice as many device pixels take the size for twice the width."""
    with visit(browser, site) as opened:
        opened.page.evaluate("void Object.defineProperty(globalThis, 'devicePixelRatio', { value: 2 })")
        put(opened, record=site.save(plain(RED, 28)), width=80)
        opened.wait("a", "shown")
        assert (opened.look("a").width, opened.look("a").box[2]) == (160, 80)


def test_an_avatar_on_a_fine_screen(browser: Browser, site: Site) -> None:
    """On a screen with 2 device pixels a CSS pixel, a place of 96 pixels fetches no original. A cropped variant keeps
    its ratio, fills places of this ratio, and is not replaced by a larger size of the original.
    """
    saved = site.save(plain(RED, 29))
    with visit(browser, site) as opened:
        if not isinstance(opened.page, ChromiumPage):
            lacks("this engine", "its driver sets no device scale")
        with opened.page.scaled(2):
            assert opened.page.evaluate("devicePixelRatio") == 2
            put(opened, "a", saved, width=96)
            put(opened, "b", saved.variants["avatar"], width=96)
            put(opened, "c", saved, width=96, height=96)
            for key in "abc":
                opened.wait(key, "shown")
            assert [opened.look(key).width for key in "abc"] == [160, 96, 96]
            assert [opened.look(key).box[2:] for key in "abc"] == [(96, 72), (96, 96), (96, 96)]


@pytest.mark.all_engines
def test_nothing_moves(browser: Browser, site: Site) -> None:
    """From the placeholder to the picture every box stays, with an `alt` too, nothing is animated, and no policy is
    broken.
    """
    saved = site.save(plain(RED, 30))
    with visit(browser, site, endpoint="/held") as opened:
        opened.page.evaluate(
            """() => {
              globalThis.broken = [];
              document.addEventListener("securitypolicyviolation", ({ blockedURI }) => broken.push(blockedURI));
              globalThis.most = 0;
              const watch = () => {
                most = Math.max(most, document.getAnimations().length);
                requestAnimationFrame(watch);
              };
              watch();
            }"""
        )
        put(opened, record=saved, alt="Ada")
        put(opened, "b", saved, width=100)
        wait_for(opened.page, "look('a').hasPlaceholder && look('b').hasPlaceholder")
        boxes = """["a", "b"].flatMap((key) =>
            [look(key).box, document.getElementById(key).getBoundingClientRect().toJSON()])"""
        before = opened.page.evaluate(boxes)
        assert [opened.look(key).box[2:] for key in "ab"] == [(WIDTH, HEIGHT), (100, 75)]
        _release(opened, "ab")
        opened.frames(3)
        assert opened.page.evaluate(boxes) == before
        assert opened.page.evaluate("[counted.shifted, most, broken]") == [0, 0, []]
        assert not opened.look("a").has_placeholder


def test_a_placeholder_has_the_colours_of_the_picture(browser: Browser, site: Site) -> None:
    """An element over a red picture that is still loading is as red, and opaque."""
    middle = """(() => {
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.drawImage(document.querySelector("pix-image > canvas"), 0, 0, 1, 1);
        const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
        return red > 180 && green < 50 && blue < 50 && alpha === 255;
    })()"""
    with visit(browser, site, endpoint="/held") as opened:
        put(opened, record=site.save(plain(RED, 47)))
        wait_for(opened.page, "look('a').hasPlaceholder")
        wait_for(opened.page, middle)
        _release(opened, "a")


def test_a_placeholder_that_is_no_base64(browser: Browser, site: Site) -> None:
    """A malformed placeholder is not seen, and the picture comes all the same."""
    with visit(browser, site) as opened:
        put(opened, record=ImageRecord({**site.save(plain(RED, 48)), "placeholder": "no base64!"}))
        opened.wait("a", "shown")
        assert opened.look("a").colour == RED


def test_another_id_has_no_placeholder_before_its_record_is_there(browser: Browser, site: Site) -> None:
    """The blur of the previous picture is not painted while the record of the next id is on its way."""
    one, other = site.save(plain(RED, 49)), site.save(plain(BLUE, 49))
    late = f"""() => {{
        const record = new Promise((resolve) => (globalThis.send = resolve));
        spied.getRecord = (id) => (id === {json.dumps(other.id)} ? record : client.getRecord(id));
    }}"""
    with visit(browser, site) as opened:
        opened.page.evaluate(late)
        put(opened, record=one, spy=True)
        opened.wait("a", "shown")
        element(opened, f"Object.assign(element, {{ record: undefined, srcId: {json.dumps(other.id)} }}).state")
        opened.wait("a", "loading")
        opened.frames(3)
        assert not opened.look("a").has_placeholder
        opened.page.evaluate("id => void client.getRecord(id).then(send)", other.id)
        opened.wait("a", "shown")
        assert opened.look("a").colour == BLUE


def test_a_placeholder_that_the_page_removes(browser: Browser, site: Site) -> None:
    """A page may remove a placeholder as soon as it is there; it is not painted again."""
    remove = """() => {
        globalThis.removed = 0;
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes) {
                for (const node of addedNodes) if (node.localName === "canvas" && (removed += 1) < 50) node.remove();
            }
        }).observe(document.querySelector("main"), { childList: true, subtree: true });
    }"""
    with visit(browser, site, endpoint="/held") as opened:
        opened.page.evaluate(remove)
        put(opened, record=site.save(plain(RED, 50)))
        wait_for(opened.page, "removed")
        opened.frames(3)
        assert opened.page.evaluate("removed") == 1
        _release(opened, "a")


def test_what_is_scrolled_far_away_is_let_go_of(browser: Browser, site: Site) -> None:
    """A load ends where its element is far from the screen, a picture that was there goes, and both come back."""
    saved = site.save(plain(RED, 31))
    far = "(far) => void document.querySelector('main').style.setProperty('padding-top', far ? '9000px' : '0')"
    with visit(browser, site, endpoint="/held") as opened:
        put(opened, record=saved, spy=True)
        opened.wait("a", "loading")
        wait_for(opened.page, "asked.length === 1")
        opened.page.evaluate(far, True)
        opened.wait("a", "idle")
        assert opened.page.evaluate("asked.map(({ signal }) => signal.aborted)") == [True]
        opened.page.evaluate(far, False)
        _release(opened, "a")
        wait_for(opened.page, "look('a').colour")
        opened.page.evaluate(far, True)
        opened.wait("a", "idle")
        assert (opened.look("a").colour, opened.object_urls, opened.downloads) == (None, 0, 1)


def test_pictures_that_come_near_together_are_measured_together(browser: Browser, site: Site) -> None:
    """A screen full of pictures begins to load without a layout for each of them, and a blur is where it is seen."""
    saved = site.save(plain(RED, 44))
    with visit(browser, site, endpoint="/held") as opened:
        if not isinstance(opened.page, ChromiumPage):
            lacks("this engine", "its driver counts no layouts")
        keys = [f"p{number}" for number in range(40)]
        with opened.page.counting_layouts() as layouts:
            opened.render(
                *({"key": key, "record": saved, "width": 20, "eager": turn % 2 > 0} for turn, key in enumerate(keys))
            )
            for key in keys:
                opened.wait(key, "loading")
            opened.frames(2)
            assert layouts() < 10
        height = opened.page.evaluate("innerHeight")
        seen = [opened.look(key).has_placeholder for key in keys if opened.look(key).box[1] < height]
        unseen = [opened.look(key).has_placeholder for key in keys if opened.look(key).box[1] > height]
        assert (all(seen), any(unseen)) == (True, False)
        assert len(seen) > 10
        opened.site.release()


def _release(opened: Visit, keys: str) -> None:
    """Answer the requests that wait below /held until all of them are shown."""
    for key in keys:
        while opened.state(key) != "shown":
            opened.site.release()
            opened.frames(2)


def test_what_is_moved_keeps_its_picture(browser: Browser, site: Site) -> None:
    """An element that moves within the page still shows its picture, and gets no event."""
    with visit(browser, site) as opened:
        put(opened, record=site.save(plain(RED, 32)))
        opened.wait("a", "shown")
        src = element(opened, "element.firstChild.src")
        events = element(opened, "element.events")
        opened.page.evaluate(
            """() => {
              const other = Object.assign(document.createElement("div"), { id: "b" });
              document.querySelector("main").prepend(other);
              other.append(document.querySelector("pix-image"));
            }"""
        )
        opened.frames(5)
        assert element(opened, "[element.firstChild.src, element.events]", "b") == [src, events]
        assert (opened.look("b").colour, opened.object_urls_ever) == (RED, 1)


def test_an_authors_img(browser: Browser, site: Site) -> None:
    """An `<img>` of the author's shows the picture, with the text and the size that it had."""
    image = {"alt": "A red one", "className": "mine", "width": 100, "height": 40}
    with visit(browser, site) as opened:
        put(opened, record=site.save(plain(RED, 33)), image=image)
        opened.wait("a", "shown")
        own = "[...element.querySelectorAll('img')].map(({ alt, className, width }) => [alt, className, width])"
        assert element(opened, own) == [["A red one", "mine", 100]]
        assert (opened.look("a").colour, element(opened, "element.alt")) == (RED, "A red one")
        element(opened, "(element.alt = 'Another text')")
        opened.frames(2)
        assert element(opened, IMAGES) == ["Another text"]
        element(opened, "(element.alt = '')")
        opened.frames(2)
        assert element(opened, IMAGES) == [""]


def test_an_id_and_how_it_is_asked_for(browser: Browser, site: Site) -> None:
    """`src-id` gets the record itself; `fetchpriority` goes along; `loading` tells whether it waits for the screen."""
    one, other = site.save(plain(RED, 34)), site.save(plain(BLUE, 34))
    with visit(browser, site) as opened:
        opened.page.evaluate("void document.querySelector('main').style.setProperty('padding-top', '9000px')")
        put(opened, "a", src_id=one.id, loading="eager", fetchpriority="high", spy=True)
        put(opened, "b", src_id=other.id)
        opened.wait("a", "shown")
        assert opened.page.evaluate("asked.map(({ id, priority }) => [id.split('~')[0], priority])") == [
            [one.id, "high"]
        ]
        assert element(opened, "[element.srcId, element.fetchPriority, element.loading, element.margin]") == [
            *(one.id, "high", "eager", "300px")
        ]
        assert (opened.look("a").colour, opened.state("b"), opened.look("b").colour) == (RED, "idle", None)
        element(opened, "(element.margin = '9999px')", "b")
        opened.wait("b", "shown")
        element(opened, f"(element.srcId = {json.dumps(other.id)})")
        wait_for(opened.page, "look('a').colour?.[2] > 150")


VISIBILITY = "getComputedStyle(element.querySelector('img')).visibility"


def test_after_a_sign_out(browser: Browser, site: Site) -> None:
    """An element has forgotten id, record and key, near or far away, and shows nothing until it is told anew."""
    saved = site.save(plain(RED, 35))
    with visit(browser, site) as opened:
        put(opened, "a", saved)
        put(opened, "b", src_id=saved.id)
        put(opened, "c", style="margin-top: 9000px")
        element(opened, f"element.setAttribute('record', {json.dumps(json.dumps(saved))})", "c")
        for key in "ab":
            opened.wait(key, "shown")
        opened.page.evaluate("client.clear()")
        for key in "abc":
            opened.wait(key, "idle")
            assert element(opened, "element.record ?? null", key) is None
            assert not re.search(f"record=|{saved.id}", element(opened, "element.outerHTML", key))
            element(opened, "(element.alt = 'again', element.retry(), element.scrollIntoView())", key)
            opened.frames(20)
            assert (opened.state(key), opened.look(key).colour) == ("idle", None)
            if key != "c":  # that one had no picture yet
                assert element(opened, VISIBILITY, key) == "hidden"  # no icon of a broken image
        assert opened.object_urls == 0
        for key in "ac":
            element(opened, f"(element.srcId = '{saved.id}')", key)
            element(opened, "element.scrollIntoView()", key)
            opened.wait(key, "shown")
            assert element(opened, VISIBILITY, key) == "visible"


def test_a_record_that_never_opens(browser: Browser, site: Site) -> None:
    """If the application seals to another page, the element tries once each time it comes near the screen."""
    saved = site.save(plain(RED, 47))
    with visit(browser, site, recordsUrl=ANOTHER_PAGE) as opened:
        opened.page.evaluate("() => void (document.querySelector('main').style.padding = '0 0 9000px')")
        put(opened, src_id=saved.id)
        for times in (1, 2):
            assert opened.error("a") == "RecordError"
            opened.frames(10)
            assert record_and_image_requests(site, saved, ANOTHER_PAGE) == (2 * times, 2 * times)
            opened.page.evaluate("scrollTo(0, 9000)")
            opened.wait("a", "idle")
            opened.page.evaluate("scrollTo(0, 0)")


def test_a_copy(browser: Browser, site: Site) -> None:
    """A copy shows the picture of its attributes, with one `<img>`. Properties have to be set again."""
    saved = site.save(plain(RED, 36))
    copy = """() => {
        const place = Object.assign(document.createElement("div"), { id: "b" });
        place.append(document.querySelector("pix-image").cloneNode(true));
        document.querySelector("main").append(place);
    }"""
    with visit(browser, site) as opened:
        put(opened, record=None, src_id=saved.id, alt="A red one")
        opened.wait("a", "shown")
        opened.page.evaluate(copy)
        wait_in(opened, "element.state === 'shown'", "b")
        assert (opened.look("b").colour, element(opened, IMAGES, "b")) == (RED, ["A red one"])
        assert opened.object_urls == 1
    with visit(browser, site, endpoint="/held") as opened:
        put(opened, record=site.save(plain(RED, 46)))
        wait_for(opened.page, "look('a').hasPlaceholder")
        opened.page.evaluate(copy)
        opened.wait("b", "idle")
        assert (opened.look("b").has_placeholder, element(opened, IMAGES, "b")) == (False, [""])
        element(opened, "(element.record = document.querySelector('#a > pix-image').record) && null", "b")
        _release(opened, "ab")
        assert opened.object_urls == 1


def test_a_second_definition(browser: Browser, site: Site) -> None:
    """A page that has the file twice has the element of the first, and no error."""
    with visit(browser, site) as opened:
        assert opened.page.evaluate(
            """async () => {
              const first = customElements.get("pix-image");
              const { PixImage } = await import("/images/-/client/element.js?again");
              return [PixImage === first, customElements.get("pix-image") === first];
            }"""
        ) == [False, True]
        put(opened, record=site.save(plain(RED, 37)))
        opened.wait("a", "shown")


def test_an_element_that_is_defined_later(browser: Browser, site: Site) -> None:
    """Properties and attributes that a page sets before the element is defined are not lost."""
    saved = site.save(plain(RED, 38))
    with open_page(browser) as page:
        page.goto(f"{site.url}/strict.html")
        page.evaluate(
            """async (record) => {
              const element = document.body.appendChild(document.createElement("pix-image"));
              Object.assign(element, { record, width: 80, loading: "eager" });
              element.setAttribute("alt", "A red one");
              await import("/images/-/client/element.js");
            }""",
            saved,
        )
        wait_for(page, "document.querySelector('pix-image').state === 'shown'")
        assert page.evaluate(
            """() => {
              const element = document.querySelector("pix-image");
              const { alt, width } = element.firstChild;
              return [alt, width, element.record.id, Object.keys(element)];
            }"""
        ) == ["A red one", 80, saved.id, ["error"]]


def test_in_a_shadow_tree(browser: Browser, site: Site) -> None:
    """In a tree of the page's own the element looks as outside of it."""
    with visit(browser, site) as opened:
        put(opened, record=site.save(plain(RED, 39)))
        opened.wait("a", "shown")
        display = opened.page.evaluate(
            """async () => {
              const host = document.querySelector("main").appendChild(document.createElement("div"));
              host.attachShadow({ mode: "open" }).append(document.querySelector("pix-image"));
              await frames(2);
              const element = host.shadowRoot.firstChild;
              return [getComputedStyle(element).display, element.state];
            }"""
        )
        assert display == ["inline-grid", "shown"]


def test_in_the_document_of_another_window(browser: Browser, site: Site) -> None:
    """An element that is moved into a frame or a popup, which cannot have the style, shows each further picture."""
    one, other = site.save(plain(RED, 51)), site.save(plain(BLUE, 51))
    with visit(browser, site) as opened:
        put(opened, record=one, loading="eager")
        opened.wait("a", "shown")
        opened.page.evaluate(
            """other => {
                globalThis.moved = document.querySelector("pix-image");
                const frame = document.createElement("iframe");
                document.querySelector("main").append(frame);
                frame.contentDocument.body.append(document.getElementById("a"));
                moved.record = other;
            }""",
            other,
        )
        wait_for(opened.page, "moved.state === 'shown'")
        opened.frames(5)
        colour = """() => {
            const context = new OffscreenCanvas(1, 1).getContext("2d");
            context.drawImage(moved.querySelector("img"), 0, 0, 1, 1);
            return [...context.getImageData(0, 0, 1, 1).data];
        }"""
        red, _, blue, _ = opened.page.evaluate(colour)
        assert blue > red
        assert opened.page.evaluate("moved.record.id") == other.id


def test_what_editors_are_told(browser: Browser, site: Site) -> None:
    """custom-elements.json has each attribute, property, method, event and slot that the element has, and no other."""
    manifest = json.loads((ROOT / "js_client" / "custom-elements.json").read_text())
    (told,) = (each for module in manifest["modules"] for each in module.get("declarations", ()))
    names = {kind: {each["name"] for each in told[kind]} for kind in ("attributes", "members", "events", "slots")}
    with visit(browser, site) as opened:
        opened.page.evaluate("void (breaks = true)")
        opened.page.evaluate(
            """() => {
              globalThis.dispatched = new Set();
              const { dispatchEvent } = EventTarget.prototype;
              EventTarget.prototype.dispatchEvent = function (event) {
                if (this.localName === "pix-image") dispatched.add(event.type);
                return dispatchEvent.call(this, event);
              };
            }"""
        )
        put(opened, record=site.save(plain(RED, 40)), text="not there", spy=True, loading="eager")
        opened.wait("a", "error")
        opened.page.evaluate("void (breaks = false)")
        element(opened, "element.retry()")
        opened.wait("a", "shown")
        seen = element(
            opened,
            """{
              tag: element.localName,
              attributes: element.constructor.observedAttributes,
              own: Object.keys(element),
              members: Object.entries(Object.getOwnPropertyDescriptors(element.constructor.prototype))
                .filter(([name]) => name !== "constructor" && !name.endsWith("Callback"))
                .map(([name, { get, set }]) => [name, get ? "field" : "method", Boolean(get && !set)]),
              dispatched: [...dispatched],
            }""".replace("\n", " "),
        )
    own = [[name, "field", False] for name in seen["own"] if name not in ("events", "told")]
    members = [[each["name"], each["kind"], each.get("readonly", False)] for each in told["members"]]
    assert told["tagName"] == seen["tag"]
    assert sorted(members) == sorted(own + seen["members"])
    assert names["attributes"] == set(seen["attributes"])
    assert names["events"] == set(seen["dispatched"])
    source = "".join(path.read_text() for path in (ROOT / "js_client" / "src" / "element").glob("*.js"))
    assert names["slots"] == set(re.findall(r"\[slot=(\w+)\]", source))
