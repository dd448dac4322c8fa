"""The pages of the applications in Chromium."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.applications.api_applications import API_APPLICATIONS, ApiApplication
from tests.browser.engines.chromium import chromium
from tests.browser.engines.page import Browser, Page
from tests.browser.support import open_page, wait_for
from tests.support.paths import ROOT
from tests.support.recipes import recipe, write_files
from tests.support.servers import running

pytestmark = [pytest.mark.browser, pytest.mark.servers]

SIGN_IN = """([name, password]) => {
  const form = document.querySelector("form");
  Object.assign(form.elements.name, { value: name });
  Object.assign(form.elements.password, { value: password });
  form.requestSubmit();
}"""
CHOOSE_FILE = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 500, height: 250 });
  canvas.getContext("2d");
  const files = new DataTransfer();
  files.items.add(new File([await new Promise((resolve) => canvas.toBlob(resolve))], "Rex"));
  const input = document.querySelector("input[type=file]");
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
}"""
SEND_FORM = """async (values) => {
  const form = document.querySelector("form[method=POST i]");
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  await fetch(form.action, { method: "POST", body: new FormData(form) });
}"""
SHOWN = "document.querySelector('pix-image[data-state=shown] > img')?.naturalWidth === 500"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as engine, engine.launch() as opened:
        yield opened


@contextlib.contextmanager
def signed_in(browser: Browser, folder: Path, application: ApiApplication) -> Iterator[Page]:
    """Run an application, and open its page as a new user."""
    environment = {application.folder: str(folder)}
    with running("uvicorn", f"{application.module}:app", folder, cwd=ROOT, environment=environment) as server:
        credentials = {"name": "Ada", "password": "Ada's password"}
        httpx.post(f"{server.url}/api/{application.users}", json=credentials).raise_for_status()
        with open_page(browser) as page:
            page.goto(server.url)
            wait_for(page, "document.querySelector('form').onsubmit !== null")
            page.evaluate(SIGN_IN, list(credentials.values()))
            wait_for(page, "!document.querySelector('input[type=file]').hidden")
            yield page


@pytest.mark.parametrize("application", API_APPLICATIONS, ids=lambda each: each.package)
def test_a_picture_is_added_shown_and_deleted(browser: Browser, tmp_path: Path, application: ApiApplication) -> None:
    """A chosen file is uploaded and shown by `<pix-image>`, also after a reload of the list, until it is deleted."""
    with signed_in(browser, tmp_path, application) as page:
        page.evaluate(CHOOSE_FILE)
        wait_for(page, SHOWN)
        page.evaluate("document.querySelector('figure').remove()")
        page.evaluate(SIGN_IN, ["Ada", "Ada's password"])
        wait_for(page, SHOWN)
        page.evaluate("document.querySelector('figure button').click()")
        wait_for(page, "document.querySelector('figure') === null")


def test_the_admin_of_the_recipe_shows_a_picture(browser: Browser, tmp_path: Path) -> None:
    """In SQLAdmin, a picture is uploaded in a form and shown by `<pix-image>` in the list."""
    project = write_files(tmp_path)
    with (
        recipe(project, "posts_admin", SESSION_KEY="a key of tests", ADMIN_PASSWORD="letmein") as server,
        open_page(browser) as page,
    ):
        page.goto(f"{server.url}/admin/login")
        page.evaluate(SEND_FORM, {"username": "admin", "password": "letmein"})
        page.goto(f"{server.url}/admin/post/create")
        page.evaluate(CHOOSE_FILE)
        page.evaluate(SEND_FORM, {"text": "hello"})
        page.goto(f"{server.url}/admin/post/list")
        wait_for(page, SHOWN)
