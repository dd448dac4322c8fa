"""docs/recipes: the short applications, which need no server to be run."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.security.session_auth import SessionAuth
from litestar.testing import TestClient as LitestarClient
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord, Pixstore, RecordsApp, Variant
from pixstore_asgi.errors import SecretError, StoreConflict
from pixstore_asgi.store.connect import StoreTarget
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import SealedPage
from pixstore_asgi.transfer.variants import make_variants
from tests.docs.conftest import RunSnippet
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.recipes import FILES, OTHER_BLOCKS, image_in, sent
from tests.support.samples import OTHER_SECRET, SECRET, picture

KEY = "a-key-for-the-tests-of-the-recipes-0123456789"
PAGE = SealedPage()


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
        assert "not an image of a format" in http.post("/api/pictures", content=b"<html>").json()["detail"]
        assert http.get("/api/pictures/nobody").status_code == 404


def test_fastapi(run_snippet: RunSnippet) -> None:
    """A record is a response field, an update keeps its id, and the middleware serves its picture."""
    with TestClient(run_snippet(FILES["players_app.py"])["app"]) as http:
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


async def test_quart(run_snippet: RunSnippet) -> None:
    """Quart's body streams in, and the middleware serves the picture."""
    async with run_snippet(FILES["quart_pictures.py"])["app"].test_app() as running:
        http = running.test_client()
        answer = await http.post("/api/pictures", data=picture("jpeg"))
        record = ImageRecord.parse(await answer.get_json())
        payload = await http.get(f"/pixstore-image/{record.id}", headers=sent(record))
        assert payload.headers["x-pixstore-state"] == "Success"
        url = f"/api/pictures/{record.id}"
        assert PAGE.open(await (await http.get(url, headers=PAGE.headers)).get_json()).key == record.key
        saved = await http.post("/api/pictures", data=picture(), headers=PAGE.headers)
        assert PAGE.open(await saved.get_json())
        assert (await http.get(url, headers={"pixstore-recipient": "x"})).status_code == 400
        assert (await http.post("/api/pictures", data=b"<html>")).status_code == 400


def test_litestar_with_a_login(run_snippet: RunSnippet) -> None:
    """The rule of the page gets the user of Litestar's authentication, for records and images."""
    names = run_snippet(FILES["litestar_app.py"] + OTHER_BLOCKS["litestar"])

    async def user_of(session: dict[str, Any], connection: ASGIConnection[Any, Any, Any, Any]) -> Any:
        return session["user"]

    backend = CookieBackendConfig(secret=bytes(16))
    auth = SessionAuth[Any, Any](retrieve_user_handler=user_of, session_backend_config=backend)
    app = Litestar([], plugins=[names["plugin"]], on_app_init=[auth.on_app_init])
    with LitestarClient(app, "https://testserver.local", session_config=backend) as http, http.portal() as portal:
        image_id = portal.call(lambda: names["pix"].save_image(picture(), directory="ada")).id
        for user, found in (("bob", []), ("ada", [image_id])):
            http.set_session_data({"user": user})
            records = http.get("/records", params={"id": image_id}).json()
            assert list(records) == found
        record = ImageRecord.parse(records[image_id])
        assert http.get(f"/pixstore-image/{image_id}", headers=sent(record)).content[0] == 0
        http.set_session_data({"user": "bob"})
        assert http.get(f"/pixstore-image/{image_id}", headers=sent(record)).status_code == 403


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


def test_records_for_a_page_that_knows_ids(run_snippet: RunSnippet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Visitors get the records of their own pictures, by id or as an album, and see those alone."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    app = run_snippet(FILES["records_app.py"])["app"]
    with TestClient(app, "https://testserver") as ada, TestClient(app, "https://testserver") as bob:
        ids = {}
        for visitor, name in ((ada, "ada"), (bob, "bob")):
            assert visitor.post(f"/api/session/{name}").status_code == 204
            ids[name] = visitor.post("/api/pictures", content=picture()).json()
        wanted = {"id": [*ids.values(), "ada:none"]}
        for visitor, name in ((ada, "ada"), (bob, "bob")):
            for answer in (visitor.get("/api/records", params=wanted), visitor.get("/api/album")):
                assert answer.headers["cache-control"] == "no-store"
                assert list(answer.json()) == [ids[name]]
            record = ImageRecord.parse(answer.json()[ids[name]])
            for other, status in ((ada, 200 if name == "ada" else 403), (bob, 200 if name == "bob" else 403)):
                assert other.get(f"/pixstore-image/{record.id}", headers=sent(record)).status_code == status
        assert PAGE.open(ada.get("/api/album", headers=PAGE.headers).json()[ids["ada"]])
        assert ada.get("/api/album", params={"after": ids["ada"]}).json() == {}
        with TestClient(app, "https://testserver") as nobody:
            assert nobody.get("/api/records", params=wanted).json() == {}
            refused = [nobody.get("/api/album"), nobody.post("/api/pictures", content=picture())]
            assert [answer.status_code for answer in refused] == [401, 401]


async def test_records_by_a_route_in_openapi(run_snippet: RunSnippet) -> None:
    """The route answers as a RecordsApp does, and stands in OpenAPI with the record."""
    names = run_snippet(FILES["records_route.py"])
    pix = names["pix"]
    async with pix:
        shown, hidden = [await pix.save_image(picture(), directory=directory) for directory in ("public", "private")]
        async with client(names["app"]) as http:
            answer = await http.get("/api/records", params={"id": [shown.id, hidden.id, "nobody"]})
            sealed = await http.get("/api/records", params={"id": shown.id}, headers=PAGE.headers)
        async with client(RecordsApp(pix, names["may_see"])) as http:
            same = await http.get("/", params={"id": [shown.id, hidden.id, "nobody"]})
    assert answer.json().keys() == same.json().keys() == {shown.id}
    assert PAGE.open(sealed.json()[shown.id]).key == shown.key
    assert answer.headers["cache-control"] == "no-store"
    described = names["app"].openapi()["paths"]["/api/records"]["get"]["responses"]["200"]["content"]
    assert described["application/json"]["schema"]["additionalProperties"] == {
        "$ref": "#/components/schemas/ImageRecord"
    }


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


class Vault(BaseHTTPRequestHandler):
    """Vault's documented API for reading a secret of the KV engine, version 2."""

    secrets: ClassVar[list[str]] = [SECRET]
    reads = 0

    def do_GET(self) -> None:
        is_known = self.path == "/v1/secret/data/pixstore" and self.headers["x-vault-token"] == "a-token"
        Vault.reads += is_known
        found = {"data": {"data": {"secrets": " ".join(self.secrets)}, "metadata": {"version": 1}}}
        body = json.dumps(found if is_known else {"errors": ["permission denied"]}).encode()
        self.send_response(200 if is_known else 403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Vault]]:
    monkeypatch.setattr(Vault, "secrets", [SECRET])
    monkeypatch.setattr(Vault, "reads", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Vault) as server:
        monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("VAULT_TOKEN", "a-token")
        threading.Thread(target=server.serve_forever).start()
        yield Vault
        server.shutdown()


def test_secrets_from_vault(run_snippet: RunSnippet, vault: type[Vault]) -> None:
    """Vault is asked at start, and once more when a worker with a newer secret has come; no restart between."""
    with TestClient(run_snippet(FILES["vault_app.py"])["app"]) as http:
        first = ImageRecord.parse(http.post("/api/pictures", content=picture()).json())
        vault.secrets = [SECRET, OTHER_SECRET]
        with TestClient(run_snippet(FILES["vault_app.py"])["app"]) as newer:
            second = ImageRecord.parse(newer.post("/api/pictures", content=picture("webp")).json())
        for record, image in ((first, picture()), (second, picture("webp"))):
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == image
    assert vault.reads == 3


def test_vault_that_refuses_keeps_the_application_from_starting(
    run_snippet: RunSnippet, vault: type[Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that the source failed, and has Vault's answer as its cause."""
    monkeypatch.setenv("VAULT_TOKEN", "another")
    with pytest.raises(SecretError, match="source of secrets failed") as caught:  # noqa: SIM117
        with TestClient(run_snippet(FILES["vault_app.py"])["app"]):
            pass
    assert "403" in str(caught.value.__cause__)
    assert vault.reads == 0


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


@pytest.mark.slow
def test_gallery(run_snippet: RunSnippet) -> None:
    """The list has every picture with its thumbnail and placeholder; a deleted one is in no list and has no record."""
    Path("static").mkdir()
    with TestClient(run_snippet(FILES["gallery_app.py"])["app"]) as http:
        saved = [http.post("/api/pictures", content=picture(size=400, seed=seed)).json()["id"] for seed in range(3)]
        listed = http.get("/api/pictures")
        assert listed.headers["cache-control"] == "no-store"
        records = [ImageRecord.parse(record) for record in listed.json()]
        assert [record.id for record in records] == sorted(saved)
        for record in records:
            thumb = record.variants["thumb"]
            assert (record.width, thumb.width, bool(record["placeholder"])) == (400, 320, True)
            assert image_in(thumb, http.get(f"/pixstore-image/{thumb.id}", headers=sent(thumb)))
        assert http.delete(f"/api/pictures/{records[0].id}").status_code == 204
        assert http.get(f"/api/pictures/{records[0].id}").status_code == 404
        behind = http.get("/api/pictures", params={"after": records[1].id}).json()
        assert [record["id"] for record in behind] == [records[2].id]


def test_calls_that_are_not_async(run_snippet: RunSnippet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`def` routes call in the server's event loop, a task in the background, before, during and after the server."""
    names = run_snippet(FILES["sync_app.py"])
    file = tmp_path / "picture.png"
    file.write_bytes(picture())
    ids = names["import_pictures"]([file])
    with TestClient(names["app"]) as http:
        ids += names["import_pictures"]([file])
        saved = http.post("/api/pictures", content=picture())
        assert saved.headers["cache-control"] == "no-store"
        for image_id in [*ids, saved.json()["id"]]:
            answer = http.get(f"/api/pictures/{image_id}")
            assert answer.headers["cache-control"] == "no-store"
            record = ImageRecord.parse(answer.json())
            assert image_in(record, http.get(f"/pixstore-image/{record.id}", headers=sent(record))) == picture()
        assert http.get("/api/ids").json() == [saved.json()["id"]]
        assert http.get("/api/pictures/nobody").status_code == 404
        assert http.post("/api/pictures", content=b"text").status_code == 400
    assert len(names["import_pictures"]([file])) == 1
    assert capsys.readouterr().out == f"{len(picture())}\n" * 3


@pytest.mark.slow
async def test_taking_a_picture_over(run_snippet: RunSnippet, tmp_path: Path) -> None:
    """The same ciphertexts are under the other secret; sizes and placeholder come back; a maker of variants refuses."""
    take_picture = run_snippet(FILES["take_picture.py"])["take_picture"]
    target = tmp_path / "target.db"

    def making(store: StoreTarget, secret: str) -> Pixstore:
        return Pixstore(store, secret=secret, variants=(Variant("thumb", width=16),), placeholder=True)

    async with making(MemoryStore(), SECRET) as source:
        record = await source.save_image(picture())
        async with Pixstore(target, secret=OTHER_SECRET) as without_variants:
            assert await take_picture(record.id, source, without_variants)
            assert not await take_picture("nobody", source, without_variants)
        async with making(target, OTHER_SECRET) as application:
            for image_id in (record.id, record.variants["thumb"].id):
                before, after = await source.export_image(image_id), await application.export_image(image_id)
                assert before
                assert after
                assert (before.ciphertext, before.token) == (after.ciphertext, after.token)
            async for _ in make_variants(application, [record.id]):
                pass
            taken = await application.get_image_record(record.id)
            assert taken
            assert (taken.width, taken["placeholder"]) == (record.width, record["placeholder"])
            assert taken.variants["thumb"].width == 16
        async with making(MemoryStore(), OTHER_SECRET) as maker:
            with pytest.raises(StoreConflict):
                await take_picture(record.id, source, maker)
