"""README.md: its commands, its first application, its links."""

import importlib.metadata
import re
import tomllib

import pytest
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord
from pixstore_asgi.store.sqlite.schema import MIN_SQLITE
from pixstore_asgi.testing import SAMPLES
from tests.docs.conftest import RunSnippet
from tests.docs.readme import FIRST_PICTURE, INSTALL, README, RUN, URL
from tests.support.paths import DOCS, ROOT
from tests.support.recipes import image_in, sent
from tests.support.samples import picture

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_snippet_has_a_test() -> None:
    """The only program is the first application, which tests/browser/test_newcomer.py also shows in a browser."""
    assert re.findall(r"```(?:python|js|html|json)\n(.*?)```", README, re.DOTALL) == [FIRST_PICTURE]
    lines = [line for line in FIRST_PICTURE.splitlines() if line]
    assert len(lines) <= 32


def test_the_first_application_saves_and_serves(run_snippet: RunSnippet) -> None:
    """It has no picture at first. Then each upload replaces the picture shown. No record may be stored, and a refused
    file has a reason.
    """
    with TestClient(run_snippet(FIRST_PICTURE)["app"]) as http:
        assert http.get("/picture").json() is None
        for kind in ("webp", "jpeg"):
            saved = ImageRecord.parse(http.post("/picture", content=picture(kind)).raise_for_status().json())
            response = http.get("/picture")
            record = ImageRecord.parse(response.json())
            assert record.id == saved.id
            assert response.headers["cache-control"] == "no-store"
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture(kind)
        refused = http.post("/picture", content=SAMPLES["gif"])
        assert refused.status_code == 400
        assert "GIF" in refused.json()["detail"]


def test_its_commands_install_this_checkout_and_run_the_file() -> None:
    """The packages besides this one are those that it imports and the server; the address is the server's default."""
    this, *others = INSTALL.removeprefix("pip install ").split()
    assert this == "."
    assert {"fastapi", "uvicorn"} == {importlib.metadata.metadata(name)["Name"] for name in others}
    assert RUN == "uvicorn app:app"
    assert URL == "http://127.0.0.1:8000"


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_commands_are_one_line(heading: str) -> None:
    """Each of the two headings holds one sh block of one command with an existing script."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (command,) = block.strip().splitlines()
    assert (ROOT / command.split()[1]).is_file()


def test_every_page_is_linked() -> None:
    """README, as the first page on a repository's host, leads to each page of docs."""
    assert [path.name for path in DOCS.glob("*.md") if f"(docs/{path.name}" not in README] == []


def test_the_extras_are_the_packages() -> None:
    """Each extra for an application is listed, and no other."""
    extras = set(PROJECT["optional-dependencies"]) - {"bench", "demo", "docs", "test"}
    assert set(re.findall(r"'\.\[(\w+)\]'", README)) == extras


def test_the_status_is_true() -> None:
    """Version, Python, SQLite and browsers are those of the package, its metadata and the client's README."""
    status = README.split("\n## Status\n")[1].split("\n## ")[0]
    pythons = [name.split()[-1] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d", name)]
    browsers = re.search(r"Chrome and Edge from \d+, Firefox from \d+, Safari from [\d.]+\d", status)
    assert f"**Version** {PROJECT['version']}," in status
    assert f"Python {pythons[0]} to {pythons[-1]}," in status
    assert f"SQLite from {'.'.join(map(str, MIN_SQLITE[:2]))}," in status
    assert browsers
    assert browsers[0] in (ROOT / "js_client" / "README.md").read_text().replace("\n", " ")


def test_it_is_short() -> None:
    """README is the first page of a user, who reads it in a few minutes. Everything else is in docs."""
    assert len(README.splitlines()) <= 180
    assert len(re.sub(r"```.*?```", "", README, flags=re.DOTALL).split()) <= 950
