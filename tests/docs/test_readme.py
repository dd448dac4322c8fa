"""README.md: its commands, its Python snippets run as they stand, its bytes are the code's."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord, WireState, decode_payload
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.core.formats.names import FORMAT_BYTES
from tests.support.paths import ROOT
from tests.support.samples import picture

README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
MOUNT, STARLETTE, FASTAPI, QUART, OWN_ENDPOINT = range(5)


@pytest.fixture
def snippet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a snippet in a folder of its own, as a newcomer would, and return what it defines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)

    def run(number: int) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "snippet"}
        exec(compile(SNIPPETS[number], f"README snippet {number}", "exec", dont_inherit=True), names)  # noqa: S102
        return names

    return run


def headers(record: ImageRecord) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}


def shown(http: Any, url: str, record: ImageRecord, **more: str) -> bytes:
    body = http.get(url, headers={**headers(record), **more}).content
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=decode_payload(body).ciphertext)[1]


def test_every_snippet_has_a_test() -> None:
    """A snippet that is added gets its test here."""
    assert len(SNIPPETS) == 5


def test_the_first_mount_serves(snippet: Any) -> None:
    """The mount on the first screen, under ten lines, answers requests."""
    assert len(SNIPPETS[MOUNT].strip().splitlines()) < 10
    with TestClient(snippet(MOUNT)["app"]) as http:
        assert http.get("/pixstore-image/").content == b"\x03"


def test_starlette_snippet(snippet: Any) -> None:
    """Upload, fresh record, picture; a bad upload and an unknown id get their answers."""
    with TestClient(snippet(STARLETTE)["app"]) as http:
        uploaded = http.post("/api/pictures", content=picture())
        again = http.get(f"/api/pictures/{uploaded.json()['id']}")
        for response in (uploaded, again):
            assert response.headers["cache-control"] == "no-store"
        record = ImageRecord.parse(again.json())
        assert record.id.startswith("players:")
        assert shown(http, f"/pixstore-image/{record.id}", record) == picture()
        assert "no image of a format" in http.post("/api/pictures", content=b"<html>").json()["error"]
        assert http.get("/api/pictures/nobody").status_code == 404


def test_fastapi_snippet(snippet: Any) -> None:
    """A record is a response field, an update keeps its id, and the middleware serves its picture."""
    with TestClient(snippet(FASTAPI)["app"]) as http:
        assert http.get("/api/players/Ada").json() == {"name": "Ada", "picture": None}
        ids = set()
        for kind in ("webp", "jpeg"):
            assert http.put("/api/players/Ada/picture", content=picture(kind)).status_code == 200
            response = http.get("/api/players/Ada")
            record = ImageRecord.parse(response.json()["picture"])
            ids.add(record.id)
            assert response.headers["cache-control"] == "no-store"
            assert shown(http, f"/pixstore-image/{record.id}", record) == picture(kind)
        assert len(ids) == 1
        assert http.put("/api/players/Ada/picture", content=b"<html>").status_code == 400


async def test_quart_snippet(snippet: Any) -> None:
    """Quart's body streams in, and the middleware serves the picture."""
    async with snippet(QUART)["app"].test_app() as running:
        http = running.test_client()
        answer = await http.post("/api/pictures", data=picture("jpeg"))
        record = ImageRecord.parse(await answer.get_json())
        payload = await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
        assert decode_payload(await payload.get_data()).state == WireState.SUCCESS


def test_own_endpoint_snippet(snippet: Any) -> None:
    """The application's own rule comes first, then the payload."""
    names = snippet(OWN_ENDPOINT)
    names["app"].post("/save")(lambda: None)
    with TestClient(names["app"]) as http:
        portal = http.portal
        assert portal is not None
        record = portal.call(names["pix"].save_image, picture())
        url = f"/my-images/{record.id}"
        assert shown(http, url, record, authorization="Bearer letmein") == picture()
        assert http.get(url, headers={**headers(record), "authorization": "x"}).status_code == 403


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_commands_are_one_line(heading: str) -> None:
    """Each of the two headings holds one sh block of one command, whose script exists."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (command,) = block.strip().splitlines()
    assert (ROOT / command.split()[1]).is_file()


def test_format_bytes_and_states_are_the_codes() -> None:
    """The format bytes and states that README lists are those of the code."""
    listed = dict(re.findall(r"\b(\w+) (\d)\b", README.split("over one format byte (")[1].split(")")[0]))
    assert {name: int(byte) for name, byte in listed.items()} == FORMAT_BYTES
    for state in WireState:
        assert state.label in README
