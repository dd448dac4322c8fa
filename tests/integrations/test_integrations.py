"""pixstore_asgi.integrations: uploads, proof headers, no-store and errors in FastAPI and Starlette."""

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pixstore_asgi import (
    ImageNotFound,
    ImageRecord,
    ImageTooLarge,
    InvalidImage,
    PayloadResponse,
    Pixstore,
    PixstoreError,
    StoreError,
    WireState,
)
from pixstore_asgi.errors import (
    DirectoryFull,
    ImageExists,
    InputError,
    StoreBusy,
    StoreConflict,
    StoreFull,
    UploadTimeout,
)
from pixstore_asgi.integrations.fastapi import (
    ImageUpload,
    PageRecipient,
    ProofHeaders,
    SentProof,
    add_error_handlers,
    no_store,
    payload_docs,
    records_response,
    upload_docs,
)
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.s3.objects import BucketAway
from pixstore_asgi.testing import MemoryPixstore, SealedPage
from tests.support.asgi import client
from tests.support.samples import SECRET, large_png, picture

MAX_BYTES = 4_000_000


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """An application with each part that the integration offers."""
    pix = Pixstore(
        tmp_path / "pixstore.db", secret=SECRET, image_formats=["png", "jpg", "avif"], max_image_bytes=MAX_BYTES
    )
    api = APIRouter(prefix="/api", dependencies=[no_store])

    @api.post("/pictures", openapi_extra=upload_docs(pix))
    async def upload(image: ImageUpload) -> ImageRecord:
        return await pix.save_image(image, directory="players")

    @api.put("/pictures/{image_id}", openapi_extra=upload_docs(pix))
    async def update(image_id: str, image: ImageUpload, if_token: int | None = None) -> ImageRecord:
        return await pix.update_image(image_id, image, if_token=if_token)

    made = FastAPI(lifespan=pix.lifespan)
    add_error_handlers(made)
    made.include_router(api)

    @made.get("/my-images/{image_id}", **payload_docs)
    async def image(image_id: str, sent: ProofHeaders) -> PayloadResponse:
        return PayloadResponse(await pix.open_payload(image_id, token=sent.token, proof=sent.proof))

    return made


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", None])
def test_an_upload_streams(app: FastAPI, content_type: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body is saved with any Content-Type, without a temporary file, and the endpoint reads it back."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    headers = {"content-type": content_type} if content_type else {}
    with TestClient(app) as http:
        saved = http.post("/api/pictures", content=large_png(3_000_000), headers=headers)
        assert saved.headers["cache-control"] == "no-store"
        record = ImageRecord.parse(saved.json())
        assert record.id.startswith("players:")
        proof = {"x-pixstore-token": str(record.token), "x-pixstore-proof": record.stateless_proof}
        assert len(http.get(f"/my-images/{record.id}", headers=proof).content) == 3_000_002
        assert http.get(f"/my-images/{record.id}").content == b"\x04"


def test_a_test_client_needs_no_with_after_one_that_had_it(app: FastAPI) -> None:
    """An application that one test ran with its lifespan serves the next test without: on another event loop."""
    with TestClient(app) as http:
        saved = http.post("/api/pictures", content=picture()).json()
    bare = TestClient(app)
    headers = {"x-pixstore-token": str(saved["token"]), "x-pixstore-proof": saved["statelessProof"]}
    for _ in range(2):
        assert bare.get(f"/my-images/{saved['id']}", headers=headers).content[0] == 0
        assert bare.post("/api/pictures", content=picture()).status_code == 200
    with TestClient(app) as http:
        assert http.get(f"/my-images/{saved['id']}", headers=headers).content[0] == 0


def test_a_multipart_form_is_refused(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form gets 415 with advice, and is not parsed to a temporary file."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with TestClient(app) as http:
        answer = http.post("/api/pictures", files={"file": ("a.png", large_png(3_000_000), "image/png")})
    assert answer.status_code == 415
    assert "send the image itself as the request's body" in answer.json()["detail"]


def test_a_bad_upload_gets_its_status(app: FastAPI) -> None:
    """No image, one too large, an unknown id, another token: each its status and a text, never stored by caches."""
    with TestClient(app) as http:
        record = http.post("/api/pictures", content=picture()).json()
        url = f"/api/pictures/{record['id']}"
        stale = {"if_token": 1}
        answers = [
            (400, http.post("/api/pictures", content=b"<html>")),
            (400, http.post("/api/pictures", content=b"")),
            (400, http.post("/api/pictures", content=picture("gif"))),
            (413, http.post("/api/pictures", content=large_png(MAX_BYTES + 1))),
            (404, http.put("/api/pictures/nobody", content=picture())),
            (409, http.put(url, content=picture(), params=stale)),
            (412, http.put(url, content=picture(), params=stale, headers={"if-match": '"1"'})),
        ]
        assert http.put(url, content=picture(), params={"if_token": record["token"]}).status_code == 200
    for status, answer in answers:
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.json()["detail"]) > 10


@pytest.mark.parametrize("is_declared", [True, False])
async def test_an_upload_without_room_is_refused_by_its_length(is_declared: bool) -> None:
    """A body whose declared length does not fit into its directory is refused before its first piece, else at the
    piece that does not fit.
    """
    pix, app, image, encrypted = MemoryPixstore(), FastAPI(), large_png(500_000), list[int]()
    add_error_handlers(app)

    @app.post("/pictures")
    async def upload(image: ImageUpload) -> ImageRecord:
        return await pix.save_image(
            image, directory="ada", max_directory_bytes=500_000, on_progress=lambda done: encrypted.append(done)
        )

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(image), 100_000):
            yield image[start : start + 100_000]

    headers = {"content-length": str(len(image))} if is_declared else {}
    async with client(app) as http:
        answer = await http.post("/pictures", content=pieces(), headers=headers)
    assert (answer.status_code, "more space than is left" in answer.json()["detail"]) == (507, True)
    assert bool(encrypted) == (not is_declared)


def test_openapi_tells_what_a_client_sends(app: FastAPI) -> None:
    """The upload's body has the accepted types, the endpoint its two headers and a binary body, both their errors."""
    paths = app.openapi()["paths"]
    upload = paths["/api/pictures"]["post"]
    binary = {"schema": {"type": "string", "format": "binary"}}
    assert upload["requestBody"] == {
        "required": True,
        "content": {"image/avif": binary, "image/jpeg": binary, "image/png": binary},
    }
    assert {"200", "400", "408", "413", "415", "507"} <= set(upload["responses"])
    assert "parameters" not in upload
    assert "422" not in upload["responses"]
    image = paths["/my-images/{image_id}"]["get"]
    assert {parameter["name"]: parameter["required"] for parameter in image["parameters"]} == {
        "image_id": True,
        "x-pixstore-token": False,
        "x-pixstore-proof": False,
    }
    assert list(image["responses"]["200"]["content"]) == ["application/octet-stream"]


def test_openapi_names_the_record(app: FastAPI) -> None:
    """A record is one schema of that name wherever it occurs, so that a generated client has one type for it."""

    class Player(BaseModel):
        picture: ImageRecord | None
        others: list[ImageRecord]

    @app.post("/players")
    async def create(record: ImageRecord) -> Player:
        return Player(picture=record, others=[record])

    api = app.openapi()
    named = {"$ref": "#/components/schemas/ImageRecord"}
    upload, player = api["paths"]["/api/pictures"]["post"], api["paths"]["/players"]["post"]
    assert upload["responses"]["200"]["content"]["application/json"]["schema"] == named
    assert player["requestBody"]["content"]["application/json"]["schema"] == named
    properties = api["components"]["schemas"]["Player"]["properties"]
    assert properties["picture"]["anyOf"] == [named, {"type": "null"}]
    assert properties["others"]["items"] == named
    record = api["components"]["schemas"]["ImageRecord"]
    assert record["required"] == ["id", "token", "meta", "statelessProof"]
    assert record["properties"]["meta"]["required"] == ["iv", "tag"]
    variant = record["properties"]["variants"]["additionalProperties"]  # a record, or <PixImage record> would refuse it
    assert variant["required"] == record["required"]
    assert {**variant["properties"], "variants": record["properties"]["variants"]} == record["properties"]
    with TestClient(app) as http:
        saved = http.post("/api/pictures", content=picture()).json()
        assert http.post("/players", json=saved).json() == {"picture": saved, "others": [saved]}
        assert http.post("/players", json={**saved, "token": 0}).status_code == 422


@pytest.mark.parametrize("make", [Starlette, FastAPI])
def test_error_handlers_serve_both_frameworks(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """One line in Starlette or FastAPI answers the errors that clients cause; all others stay a 500.

    Why a store is busy or full is in the log, once for requests that come together.
    """
    errors: dict[str, PixstoreError] = {
        "400": InvalidImage("no image"),
        "413": ImageTooLarge("too long"),
        "408": UploadTimeout("too slow"),
        "404": ImageNotFound("no such image"),
        "409": StoreConflict("updated meanwhile"),
        "409 ": ImageExists("there is already an image posts:7"),
        "507": DirectoryFull("directory ada is full: raise max_directory_bytes", "ada"),
        "507 ": DirectoryFull("directory ada is full: raise max_directory_images", "ada", "images"),
        "507  ": StoreFull("the database /srv/secret.db can't be used: the disk is full"),
        "503": StoreBusy("the database /srv/secret.db is locked"),
        "503 ": BucketAway("the bucket at /srv is away"),
        "500": StoreError("the database /srv/secret.db is damaged"),
        "500 ": InputError("a wrong argument"),
    }

    async def fail(request: Request) -> JSONResponse:
        raise errors[request.path_params["kind"]]

    app = make(routes=[Route("/{kind}", fail)])
    add_error_handlers(app)
    http = TestClient(app, raise_server_exceptions=False)
    for kind in errors:
        answer = http.get(f"/{kind}")
        assert answer.status_code == int(kind)
        assert not any(word in answer.text for word in ("/srv", "max_directory"))
    assert http.get("/404").json() == {"detail": "no such image"}
    assert http.get("/507  ").json() == {"detail": "the server has no room for more images: try again later"}
    assert http.get("/503").headers["retry-after"] == "1"
    assert http.get("/503").json() == {"detail": "the store is busy: try again"}
    assert http.get("/503 ").json() == {"detail": "the bucket can't be reached: try again later"}
    assert [record.message for record in caplog.records if record.message.startswith("answered")] == [
        "answered 507, once or more: the database /srv/secret.db can't be used: the disk is full",
        "answered 503, once or more: the database /srv/secret.db is locked",
    ]


def test_a_sent_proof_shows_no_proof() -> None:
    """The parameters of a request can be logged: their repr has no proof."""
    assert repr(SentProof("7", "A" * 48)) == "SentProof(token='7')"


def test_a_missing_framework_names_itself() -> None:
    """Without FastAPI the import names the package to install; the package itself never imports it."""
    code = """
import sys
import pixstore_asgi
assert not any(name.startswith(("fastapi", "pixstore_asgi.integrations")) for name in sys.modules)
sys.modules["fastapi"] = None
import pixstore_asgi.integrations.starlette
import pixstore_asgi.integrations.fastapi
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        "ImportError: pixstore_asgi.integrations.fastapi needs FastAPI: pip install fastapi"
    )


async def test_a_list_pages_records_are_kept_by_nobody() -> None:
    """The records of the images that are there come by id, in the order of the ids, with no-store, for one audience.

    No page of another origin can embed them.
    """
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        ids = [(await pix.save_image(picture(seed=seed))).id for seed in range(3)]

        async def pictures(request: Request) -> JSONResponse:
            return await records_response(pix, [*ids, "none"], audience=request.query_params.get("audience"))

        app = Starlette(routes=[Route("/pictures", pictures)])
        async with client(app) as http:
            got = await http.get("/pictures")
            bound = (await http.get("/pictures", params={"audience": "ada"})).json()[ids[0]]
        assert (got.status_code, got.headers["cache-control"], list(got.json())) == (200, "no-store", ids)
        embedding = ("x-content-type-options", "cross-origin-resource-policy")
        assert [got.headers[name] for name in embedding] == ["nosniff", "same-origin"]
        assert ImageRecord.parse(got.json()[ids[0]]).id == ids[0]
        token, proof = bound["token"], bound["statelessProof"]
        for audience, state in (("ada", WireState.SUCCESS), (None, WireState.INVALID_PROOF)):
            async with await pix.open_payload(ids[0], token=token, proof=proof, audience=audience) as payload:
                assert payload.state is state


def test_a_page_names_itself_in_fastapi() -> None:
    """PageRecipient seals an answer to the page, and answers 400 to a bad or repeated header."""
    pix, page, app = Pixstore(MemoryStore(), secret=SECRET), SealedPage(), FastAPI()
    add_error_handlers(app)

    @app.post("/pictures")
    async def upload(image: ImageUpload, recipient: PageRecipient) -> ImageRecord:
        return await pix.save_image(image, recipient=recipient)

    with TestClient(app) as http:
        sealed, plain = (http.post("/pictures", content=picture(), headers=h).json() for h in (page.headers, {}))
        bad = [{"pixstore-recipient": "x"}, list(page.headers.items()) * 2]
        assert [http.post("/pictures", content=picture(), headers=each).status_code for each in bad] == [400, 400]
    assert len(page.open(sealed).key) == 32
    assert "key" in plain["meta"]


@pytest.mark.parametrize(("module", "package"), [("sqladmin", "sqladmin"), ("starlette_admin", "starlette-admin")])
def test_an_admin_names_its_package(module: str, package: str) -> None:
    """Without the admin, which brings markupsafe, the import fails with the package to install."""
    code = f"import sys; sys.modules.update(dict.fromkeys(['markupsafe', '{module}'])); "
    code += f"import pixstore_asgi.integrations.{module}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.rstrip().endswith(f": pip install {package}")
