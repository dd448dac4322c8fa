"""The page for everyone: checked by axe-core in every state and theme, and walked through by keyboard."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.demo.browsing import IMAGES, browsing, expect_pictures, sign_in, tile, title, violations
from tests.demo.process import Server

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A browser in one of the two themes, without the animations that axe would catch half-way."""
    with browsing(browser, color_scheme=request.param, reduced_motion="reduce") as opened:
        yield opened


def test_axe_finds_nothing_in_any_state(themed: BrowserContext, server: Server) -> None:
    """Welcome, gallery with panel and a sealed record, a picture large, a refused upload, a failure and the farewell
    have no violation.
    """
    page = themed.new_page()
    page.goto(server.url)
    expect(page.get_by_role("button", name="Sign in as a guest")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Sign in as a guest").click()
    expect_pictures(page, 6)
    page.get_by_text("How to read them").click()
    page.get_by_role("switch", name="Sealed records").check()
    expect(page.get_by_text("A reader of this log sees noise.").first).to_be_visible()
    expect_pictures(page, 6)
    page.get_by_label("Add pictures").set_input_files(FilePayload(name="x.png", mimeType="image/png", buffer=b"x"))
    expect(page.get_by_role("button", name="Dismiss the message on x.png")).to_be_visible()
    assert violations(page) == []
    tile(page, 0).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    page.route(IMAGES, lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Fetch again").click()
    expect(page.get_by_role("dialog").get_by_text("there is no such endpoint")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_attribute("aria-busy", "false")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(tile(page, 0)).to_contain_text("FetchError")
    assert violations(page) == []
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out").first).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_on_a_phone(themed: BrowserContext, server: Server) -> None:
    """Narrow, with the panel closed and open, there is no violation, and nothing is wider than the screen."""
    page = sign_in(themed, server)
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    expect_pictures(page, 6)
    toggle = page.get_by_role("button", name="Behind the scenes")
    for expanded in ("false", "true"):
        expect(toggle).to_have_attribute("aria-expanded", expanded)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        toggle.click()


def test_the_page_works_by_keyboard_alone(browser: Browser, server: Server) -> None:
    """Tab reaches everything in the order it is seen, with a visible focus, and a link skips the pictures."""
    with browsing(browser) as context:
        page = sign_in(context, server)
        expect_pictures(page, 6)
        page.reload()
        expect_pictures(page, 6)
        first = title(page, 0)
        reached = [_tab(page) for _ in range(7)]
        assert [name for name, _ in reached] == [
            "Skip the pictures",
            "Second tab",
            "Behind the scenes",
            "Sign out",
            "Add pictures",
            "Remove metadata",
            first,
        ]
        assert all(outline for _, outline in reached)
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=first)
        expect(dialog.get_by_role("button", name="Show again")).to_be_focused()
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Skip the pictures").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("complementary")).to_be_focused()
        assert _tab(page)[0] == "Sealed records"


def _tab(page: Page) -> tuple[str, bool]:
    """Press Tab. Return the first words of the focused element, and whether an outline shows it."""
    page.keyboard.press("Tab")
    found: list[Any] = page.evaluate(
        """() => {
          const element = document.activeElement;
          const shown = element.closest("label") ?? element;
          const name = (shown.querySelector(".title") ?? shown).textContent.trim();
          return [name, getComputedStyle(shown).outlineStyle !== "none"];
        }"""
    )
    return found[0], found[1]


def test_who_prefers_less_motion_gets_none(browser: Browser, server: Server) -> None:
    """With reduced motion no picture fades in or grows, and the line of a proof stands still until its end."""
    with browsing(browser, reduced_motion="reduce") as context:
        page = sign_in(context, server)
        expect_pictures(page, 6)
        motion = page.evaluate(
            """() => document.getAnimations().map((one) => one.effect.getTiming().easing
              + " " + one.effect.target.className)"""
        )
        assert motion
        assert all(re.match(r"steps\(1\b.*\) life", one) for one in motion)


def test_a_phone_shows_the_sign_in_on_its_first_screen(browser: Browser, server: Server) -> None:
    """The button is above the explanation."""
    with browsing(browser, viewport={"width": 390, "height": 664}) as context:
        page = context.new_page()
        page.goto(server.url)
        expect(page.get_by_role("button", name="Sign in as a guest")).to_be_in_viewport(ratio=1)


def test_the_theme_is_the_systems(browser: Browser, server: Server) -> None:
    """Light and dark differ in their paper, and each is as bright as its name."""
    brightness = {}
    for scheme in ("light", "dark"):
        with browsing(browser, color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(server.url)
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            brightness[scheme] = sum(map(int, re.findall(r"\d+", colour)))
    assert brightness["light"] > 700
    assert brightness["dark"] < 100
