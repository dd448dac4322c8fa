"""The pages of docs/tutorial.md as their users see them."""

import re
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.docs.tutorial import Reader


def sign_in(context: BrowserContext, url: str, name: str, password: str | None = None) -> Page:
    """Open the page and sign in."""
    page = context.new_page()
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password or Reader.PASSWORD.format(name))
    page.get_by_role("button", name="Sign in").click()
    if password is None:
        expect(page.get_by_label("Add photos")).to_be_visible()
    return page


def add_photos(page: Page, *paths: Path) -> None:
    """Choose files, and go on once the upload of the last one has ended."""
    before = photos(page).count()
    page.get_by_label("Add photos").set_input_files(paths)
    expect(photos(page)).to_have_count(before + len(paths))
    expect(page.get_by_role("progressbar")).to_have_count(0)


def photos(page: Page) -> Locator:
    """The pictures of the list."""
    return page.locator("#list pix-image")


def expect_shown(picture: Locator) -> None:
    """Wait until a picture is decrypted and painted."""
    expect(picture).to_have_js_property("state", "shown")
    expect(picture.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    expect(picture.locator("img")).not_to_have_js_property("naturalWidth", 0)


def slow_upload(page: Page, bytes_per_second: int) -> None:
    """Slow the uploads of a page down; -1 lifts the limit."""
    network = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    network.send("Network.emulateNetworkConditions", conditions)
