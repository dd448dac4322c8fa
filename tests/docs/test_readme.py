"""README.md: its commands, its Python snippets run as they stand, its record is one."""

import base64
import json
import re

import pytest
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord
from tests.docs.conftest import RunSnippet
from tests.docs.readme import FASTAPI, MOUNT, README, SNIPPETS
from tests.support.paths import ROOT
from tests.support.recipes import image_in, sent
from tests.support.samples import picture


def test_every_snippet_has_a_test() -> None:
    """A snippet that is added gets its test here."""
    assert len(SNIPPETS) == 2


def test_the_first_mount_serves(run_snippet: RunSnippet) -> None:
    """The mount on the first screen, under ten lines, answers requests."""
    assert len(SNIPPETS[MOUNT].strip().splitlines()) < 10
    with TestClient(run_snippet(SNIPPETS[MOUNT])["app"]) as http:
        assert http.get("/pixstore-image/").content == b"\x03"


def test_fastapi_snippet(run_snippet: RunSnippet) -> None:
    """A record is a response field, an update keeps its id, and the middleware serves its picture."""
    with TestClient(run_snippet(SNIPPETS[FASTAPI])["app"]) as http:
        assert http.get("/api/players/Ada").json() == {"name": "Ada", "picture": None}
        ids = set()
        for kind in ("webp", "jpeg"):
            assert http.put("/api/players/Ada/picture", content=picture(kind)).status_code == 200
            response = http.get("/api/players/Ada")
            record = ImageRecord.parse(response.json()["picture"])
            ids.add(record.id)
            assert response.headers["cache-control"] == "no-store"
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture(kind)
        assert len(ids) == 1
        assert http.put("/api/players/Ada/picture", content=b"<html>").status_code == 400


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_commands_are_one_line(heading: str) -> None:
    """Each of the two headings holds one sh block of one command with an existing script."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (command,) = block.strip().splitlines()
    assert (ROOT / command.split()[1]).is_file()


def test_the_record_shown_is_one() -> None:
    """The record that README shows parses, and its proof ends when the record says, by windows of 20 s."""
    (block,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    shown = json.loads(block)
    record = ImageRecord.parse(shown)
    window = int.from_bytes(base64.b64decode(record.stateless_proof)[5:11], "big")
    assert shown["proofExpiresAt"] == (window + 2) * 20_000


def test_it_is_short() -> None:
    """README is the first page of a user. A text longer than a first hour needs is in docs."""
    assert len(README.splitlines()) < 250
