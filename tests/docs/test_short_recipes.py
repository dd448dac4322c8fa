"""recipes.md: its short applications, which need no server to be run."""

from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord
from tests.docs.conftest import RunSnippet
from tests.support.recipes import FILES, image_in, sent
from tests.support.samples import picture


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
