"""recipes.md: its short applications, which need no server to be run."""

import time

import jwt
import pytest
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord
from tests.docs.conftest import RunSnippet
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.recipes import FILES, image_in, sent
from tests.support.samples import picture

KEY = "a-key-for-the-tests-of-the-recipes-0123456789"


def test_starlette(run_snippet: RunSnippet) -> None:
    """Upload, fresh record, picture; a bad upload and an unknown id get their answers."""
    with TestClient(run_snippet(FILES["starlette_app.py"])["app"]) as http:
        uploaded = http.post("/api/pictures", content=picture())
        again = http.get(f"/api/pictures/{uploaded.json()['id']}")
        for response in (uploaded, again):
            assert response.headers["cache-control"] == "no-store"
        record = ImageRecord.parse(again.json())
        assert record.id.startswith("players:")
        assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert "no image of a format" in http.post("/api/pictures", content=b"<html>").json()["error"]
        assert http.get("/api/pictures/nobody").status_code == 404


async def test_quart(run_snippet: RunSnippet) -> None:
    """Quart's body streams in, and the middleware serves the picture."""
    async with run_snippet(FILES["quart_pictures.py"])["app"].test_app() as running:
        http = running.test_client()
        answer = await http.post("/api/pictures", data=picture("jpeg"))
        record = ImageRecord.parse(await answer.get_json())
        payload = await http.get(f"/pixstore-image/{record.id}", headers=sent(record))
        assert payload.headers["x-pixstore-state"] == "Success"
        assert (await http.post("/api/pictures", data=b"<html>")).status_code == 400


def test_proofs_for_one_session(run_snippet: RunSnippet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record serves the session that it was made for, in a request of its own and in a batch, and no other."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    app = run_snippet(FILES["session_app.py"])["app"]
    with TestClient(app, "https://testserver") as ada, TestClient(app, "https://testserver") as bob:
        image_id = ada.post("/api/pictures", content=picture()).json()
        assert ada.get(f"/api/pictures/{image_id}").status_code == 401
        for visitor in (ada, bob):
            assert visitor.post("/api/session").status_code == 204
        shown = ada.get(f"/api/pictures/{image_id}")
        assert shown.headers["cache-control"] == "no-store"
        record = ImageRecord.parse(shown.json())
        assert image_in(record, ada.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert bob.get(f"/pixstore-image/{record.id}", headers=sent(record)).content == b"\x05"
        for visitor, state in ((ada, 0), (bob, 5)):
            batch = visitor.post("/pixstore-image/-/batch", content=body_of(entry_of(record)))
            assert [body[0] for _, _, body in frames_of(batch.content)] == [state]


def test_proofs_for_one_tenant(run_snippet: RunSnippet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record serves the tenant that the JWT names; a JWT that is no good has no good proof."""
    monkeypatch.setenv("JWT_KEY", KEY)

    def bearer(tenant: str, key: str = KEY) -> dict[str, str]:
        token = jwt.encode({"tenant": tenant, "exp": time.time() + 60}, key, "HS256")
        return {"authorization": f"Bearer {token}"}

    with TestClient(run_snippet(FILES["tenant_app.py"])["app"]) as http:
        image_id = http.post("/api/pictures", content=picture(), headers=bearer("acme")).json()
        record = ImageRecord.parse(http.get(f"/api/pictures/{image_id}", headers=bearer("acme")).json())
        url = f"/pixstore-image/{record.id}"
        assert image_in(record, http.get(url, headers=sent(record, **bearer("acme")))) == picture()
        for other in (bearer("zoo"), bearer("acme", "another-" + KEY), {}):
            assert http.get(url, headers=sent(record, **other)).content == b"\x05"
        assert http.get(f"/api/pictures/{image_id}", headers=bearer("zoo")).status_code == 404
        assert http.get(f"/api/pictures/{image_id}").status_code == 401


def test_an_endpoint_of_ones_own(run_snippet: RunSnippet) -> None:
    """The application's own rule comes first, then the payload."""
    names = run_snippet(FILES["own_endpoint.py"])
    with TestClient(names["app"]) as http:
        portal = http.portal
        assert portal is not None
        record = portal.call(names["pix"].save_image, picture())
        url = f"/my-images/{record.id}"
        assert image_in(record, http.get(url, headers=sent(record, authorization="Bearer letmein"))) == picture()
        assert http.get(url, headers=sent(record, authorization="x")).status_code == 403
