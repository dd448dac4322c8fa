"""The museum, an application of Django with REST framework and the admin: its own tests, and its pages in Chromium."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Error

from pixstore_asgi import Pixstore
from tests.browser.engines.chromium import chromium
from tests.browser.engines.page import Page
from tests.browser.support import open_page, wait_for, wait_until
from tests.support.paths import ROOT
from tests.support.recipes import OTHER_BLOCKS
from tests.support.servers import Server, running

SETTINGS = "tests.applications.django_site.settings"
MIGRATE = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
get_user_model().objects.create_superuser("ada", password="ada's password")
"""
OWN_TESTS = """
import django
django.setup()
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("makemigrations", check_changes=True, dry_run=True)
call_command("test", "tests.applications.django_site")
"""
SIGN_IN = """() => {
  const form = document.querySelector("#login-form");
  form.elements.username.value = "ada";
  form.elements.password.value = "ada's password";
  setTimeout(() => form.requestSubmit());
}"""
SAVE = """async ([title, size]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  canvas.getContext("2d").fillRect(0, 0, size / 2, size);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const files = new DataTransfer();
  files.items.add(new File([blob], "vase.png", { type: "image/png" }));
  document.querySelector("input[type=file]").files = files.files;
  document.querySelector("input[name=title]").value = title;
  setTimeout(() => document.querySelector("input[name=_save]").click());
}"""
SHOWN = "document.querySelector('pix-image[data-state=shown] > img')?.naturalWidth === "
IMPORT_AGAIN = "async () => (await (await import('/pixstore-image/-/page.js')).stats()).memoryImages"
SHOW_API = OTHER_BLOCKS["django"].replace("import {", "const {").replace("photos", "exhibits")
SHOW_API = re.sub(r" from (\S+);", r" = await import(\1);", SHOW_API)  # evaluate takes no module
TWICE = "document.querySelectorAll('pix-image[data-state=shown]').length === 2"
RECORD = "async (id) => (await (await fetch(`/pixstore-image/-/records?id=${id}`)).json())[id]"
ANSWERS = """async (record) => {
  const headers = { "x-pixstore-proof": record.statelessProof, "x-pixstore-token": record.token };
  const image = await fetch(`/pixstore-image/${record.id}`, { headers });
  const records = await fetch(`/pixstore-image/-/records?id=${record.id}`);
  return [image.headers.get("x-pixstore-state"), records.status];
}"""


def run_django(folder: Path, *arguments: str) -> None:
    """Run Python with the settings of the museum, in a process of its own: Django has one set of settings in each."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS, "MUSEUM_FOLDER": str(folder)}
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=True, timeout=100)


@pytest.mark.slow
def test_the_museums_own_tests(tmp_path: Path) -> None:
    """They pass under Django's test runner, its checks find no mistake, and no migration is missing."""
    run_django(tmp_path, "-W", "error", "-c", OWN_TESTS)


@pytest.fixture
def museum(tmp_path: Path) -> Iterator[Server]:
    run_django(tmp_path, "-c", MIGRATE)
    application = "tests.applications.django_site.asgi:application"
    with running("uvicorn", application, tmp_path, cwd=ROOT, environment={"MUSEUM_FOLDER": str(tmp_path)}) as server:
        yield server
        assert "Traceback" not in server.log


def stored(folder: Path) -> list[str]:
    async def ids() -> list[str]:
        async with Pixstore(folder / "pictures.db") as pix:
            return [image.id for image in await pix.list_images()]

    with start_blocking_portal() as portal:  # the browser's driver has an event loop in this thread
        return portal.call(ids)


def go(page: Page, action: str, argument: Any = None, *, to: str) -> None:
    """Do something that leads to another path of the site, and wait for its page."""

    def has_arrived() -> bool:
        try:
            arrived: bool = page.evaluate(f"location.pathname === {to!r} && document.readyState === 'complete'")
        except Error:  # the page is left at this moment
            return False
        return arrived

    page.evaluate(action, argument)
    wait_until(has_arrived, f"at {to}")


@pytest.mark.browser
@pytest.mark.servers
def test_a_picture_from_the_admin_to_the_logout(museum: Server, tmp_path: Path) -> None:
    """Staff adds a picture and sees it in the admin and on the page, replaces it, and gets nothing after the logout.

    All pages have a strict Content-Security-Policy.
    """
    with chromium() as engine, engine.launch() as browser, open_page(browser) as page:
        page.goto(f"{museum.url}/admin/")
        go(page, SIGN_IN, to="/admin/")
        page.goto(f"{museum.url}/admin/exhibits/exhibit/add/")
        go(page, SAVE, ["Vase", 500], to="/admin/exhibits/exhibit/")
        wait_for(page, f"{SHOWN} 320")
        (first,) = stored(tmp_path)
        page.goto(f"{museum.url}/admin/exhibits/exhibit/1/change/")
        wait_for(page, f"{SHOWN} 320")
        page.goto(museum.url)
        wait_for(page, f"{SHOWN} 320")
        assert page.evaluate("document.querySelector('pix-image').hasAttribute('record')")
        page.goto(f"{museum.url}/admin/exhibits/exhibit/1/change/")
        go(page, SAVE, ["Vase", 200], to="/admin/exhibits/exhibit/")
        (second,) = stored(tmp_path)
        assert second != first
        page.goto(museum.url)
        wait_for(page, f"{SHOWN} 200")
        page.goto(f"{museum.url}/pixstore-image/-/view/{second}")
        wait_for(page, f"{SHOWN} 200")
        page.goto(museum.url)
        wait_for(page, f"{SHOWN} 200")
        assert page.evaluate(IMPORT_AGAIN) == 1  # a script of the page shares the client, by another URL too
        page.evaluate(f"async () => {{ {SHOW_API} }}")
        wait_for(page, TWICE)
        record = page.evaluate(RECORD, second)
        assert page.evaluate(ANSWERS, record) == ["Success", 200]
        go(page, "() => void setTimeout(() => document.querySelector('form').requestSubmit())", to="/admin/login/")
        assert page.evaluate(ANSWERS, record) == ["InvalidProof", 403]
