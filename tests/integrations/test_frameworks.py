"""Mounted in and wrapped around the frameworks that people use."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Header
from pydantic import BaseModel, ValidationError
from quart import Quart
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from pixstore_asgi import ImageRecord, PayloadResponse, Pixstore, PixstoreApp, PixstoreMiddleware, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.support.life import is_closed
from tests.support.samples import SECRET, large_png, picture


def headers(record: ImageRecord) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}


def opened(record: ImageRecord, response: httpx.Response) -> bytes:
    assert response.status_code == 200
    payload = decode_payload(response.content)
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=payload.ciphertext)[1]


def encoded(record: ImageRecord) -> str:
    return record.id.replace(":", "%3A")


async def get(app: Any, url: str, record: ImageRecord, **transport: Any) -> bytes:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, **transport), base_url="http://testserver") as http:
        return opened(record, await http.get(url, headers=headers(record)))


@pytest.fixture
def pix(tmp_path: Path) -> Pixstore:
    """Not opened: each application opens its own."""
    return Pixstore(tmp_path / "pixstore.db", secret=SECRET)


async def test_starlette_mount_in_a_mount_with_a_space(pix: Pixstore) -> None:
    """Nested mounts, one with a space in its path, and its client files."""
    app = Starlette(routes=[Mount("/my files", routes=[Mount("/deep/images", app=PixstoreApp(pix))])])
    async with pix:
        record = await pix.save_image(picture(), directory="players")
        assert await get(app, f"/my%20files/deep/images/{encoded(record)}", record) == picture()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
            assert (await http.get("/my%20files/deep/images/-/client/index.js")).status_code == 200
            assert (await http.get("/my%20files/deep/images/")).content == b"\x03"


@pytest.mark.parametrize("end", ["", "/"])
async def test_a_slash_at_the_end_changes_nothing(pix: Pixstore, end: str) -> None:
    """Below a mount that ends every path with a slash, as Litestar's does, images and client files are the same."""
    async with pix:
        record = await pix.save_image(picture(), directory="players")
        assert await get(PixstoreApp(pix), f"/{encoded(record)}{end}", record) == picture()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(PixstoreApp(pix)), base_url="http://x") as http:
            assert (await http.get(f"/-/client/index.js{end}")).status_code == 200
            assert (await http.get(f"/{encoded(record)}/{end}more", headers=headers(record))).content == b"\x05"
            assert (await http.get(f"/-{end}", headers=headers(record))).status_code == (404 if end else 200)


async def test_two_mounts_of_two_pixstores(tmp_path: Path) -> None:
    """Two Pixstores in one application never answer for each other, with any proof."""
    first, second = Pixstore(tmp_path / "a.db", secret=SECRET), Pixstore(tmp_path / "b.db", secret="b" * 43)
    app = Starlette(routes=[Mount("/a", PixstoreApp(first)), Mount("/b", PixstoreApp(second))])
    async with first, second:
        record = await first.save_image(picture())
        assert await get(app, f"/a/{record.id}", record) == picture()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
            assert (await http.get(f"/b/{record.id}", headers=headers(record))).content == b"\x05"


async def test_fastapi_mount(pix: Pixstore) -> None:
    """app.mount in FastAPI."""
    app = FastAPI()
    app.mount("/images", PixstoreApp(pix))
    async with pix:
        record = await pix.save_image(picture("webp"))
        assert await get(app, f"/images/{record.id}", record) == picture("webp")


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
@pytest.mark.parametrize("strips", [True, False], ids=["stripped", "passed-on"])
@pytest.mark.parametrize("mounted", [True, False], ids=["mount", "middleware"])
async def test_behind_a_proxy_with_a_prefix(pix: Pixstore, strips: bool, mounted: bool) -> None:
    """FastAPI(root_path=…) behind a proxy that strips the prefix, and one that passes it on."""
    app = FastAPI(root_path="/api/v1")
    if mounted:
        app.mount("/images", PixstoreApp(pix))
    else:
        app.add_middleware(PixstoreMiddleware, pixstore=pix, route="/images")
    async with pix:
        record = await pix.save_image(picture(), directory="players")
        prefix = "" if strips else "/api/v1"
        assert await get(app, f"{prefix}/images/{encoded(record)}", record) == picture()


async def test_a_root_path_set_by_the_server(pix: Pixstore) -> None:
    """A server's own root path, part of the path as ASGI has it, or cut off as some proxies do."""
    app = Starlette(routes=[Mount("/images", PixstoreApp(pix))])
    async with pix:
        record = await pix.save_image(picture())
        assert await get(app, f"/api/images/{record.id}", record, root_path="/api") == picture()
        assert await get(app, f"/images/{record.id}", record, root_path="/api") == picture()


def test_fastapi_middleware_opens_and_closes_with_the_application(pix: Pixstore) -> None:
    """add_middleware: open from startup to shutdown, and every other route is the application's."""
    app = FastAPI()
    app.add_middleware(PixstoreMiddleware, pixstore=pix)

    @app.post("/save")
    async def save() -> dict[str, Any]:
        return {"picture": await pix.save_image(picture())}

    with TestClient(app) as http:
        record = ImageRecord.parse(http.post("/save").json()["picture"])
        assert opened(record, http.get(f"/pixstore-image/{record.id}", headers=headers(record))) == picture()
        assert http.get("/docs").status_code == 200
    assert is_closed(pix)


def test_a_mount_without_lifespan_opens_on_its_first_request(pix: Pixstore) -> None:
    """A bare mount works under a client that runs every request in an event loop of its own."""
    app = Starlette(routes=[Mount("/images", PixstoreApp(pix))])
    http = TestClient(app)
    for _ in range(3):
        response = http.get("/images/abc", headers={"x-pixstore-proof": "A" * 48, "x-pixstore-token": "1"})
        assert response.content == b"\x05"


def test_a_record_is_a_fastapi_response_field(pix: Pixstore) -> None:
    """A model may have an ImageRecord field, in a response and in OpenAPI; a plain dict may hold one too."""
    app = FastAPI(lifespan=pix.lifespan)

    class Player(BaseModel):
        name: str
        picture: ImageRecord
        more: dict[str, ImageRecord] = {}
        maybe: ImageRecord | None = None

    @app.get("/model")
    async def model() -> Player:
        record = await pix.save_image(picture())
        return Player(name="A", picture=record, more={"x": record})

    @app.get("/dict")
    async def plain() -> dict[str, Any]:
        return {"name": "A", "pictures": [await pix.save_image(picture())]}

    @app.get("/record")
    async def bare() -> ImageRecord:
        return await pix.save_image(picture())

    with TestClient(app) as http:
        from_model, from_dict = http.get("/model").json(), http.get("/dict").json()
        schema = http.get("/openapi.json").json()
        bare_record = http.get("/record").json()
    for found in (from_model["picture"], from_model["more"]["x"], from_dict["pictures"][0], bare_record):
        assert set(found) == {"id", "token", "meta", "statelessProof", "proofExpiresAt"}
        assert ImageRecord.parse(found) == found
    assert schema["components"]["schemas"]["Player"]["properties"]["picture"]["$ref"].endswith("/ImageRecord")
    field = schema["components"]["schemas"]["ImageRecord"]
    assert field["properties"]["token"]["maximum"] == 2**53 - 1
    assert field["required"] == ["id", "token", "meta", "statelessProof"]
    with pytest.raises(ValidationError):
        Player(name="A", picture={"id": "../x"})  # type: ignore[arg-type]


def test_a_record_survives_every_json_encoder(pix: Pixstore) -> None:
    """json and FastAPI's own encoder write the same record."""

    async def check() -> None:
        from fastapi.encoders import jsonable_encoder

        async with pix:
            record = await pix.save_image(picture())
        assert json.loads(json.dumps({"r": record}))["r"] == record == jsonable_encoder(record)

    import asyncio

    asyncio.run(check())


def test_an_endpoint_of_the_applications_own(pix: Pixstore) -> None:
    """open_payload and PayloadResponse make an endpoint in FastAPI, with its own rules before it."""
    app = FastAPI(lifespan=pix.lifespan)
    saved: list[ImageRecord] = []

    @app.post("/save")
    async def save() -> ImageRecord:
        saved.append(await pix.save_image(large_png(900_000)))
        return saved[0]

    @app.get("/my-image/{image_id}")
    async def serve(
        image_id: str, x_pixstore_token: str = Header(), x_pixstore_proof: str = Header()
    ) -> PayloadResponse:
        return PayloadResponse(await pix.open_payload(image_id, token=x_pixstore_token, proof=x_pixstore_proof))

    with TestClient(app) as http:
        http.post("/save")
        record = saved[0]
        assert opened(record, http.get(f"/my-image/{record.id}", headers=headers(record))) == large_png(900_000)


async def test_a_hosts_compressing_middleware_leaves_payloads_alone(pix: Pixstore) -> None:
    """GZip in the host does not compress ciphertext, and the length stays exact."""
    app = Starlette(
        routes=[Mount("/images", PixstoreApp(pix)), Route("/text", lambda _: PlainTextResponse("a" * 9999))]
    )
    app.add_middleware(GZipMiddleware)
    async with pix:
        record = await pix.save_image(large_png(600_000))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
            assert (await http.get("/text")).headers["content-encoding"] == "gzip"
            response = await http.get(f"/images/{record.id}", headers=headers(record))
    assert response.headers["content-encoding"] == "identity"
    assert int(response.headers["content-length"]) == len(response.content)
    assert opened(record, response) == large_png(600_000)


async def test_base_http_middleware_around_a_mount(pix: Pixstore) -> None:
    """A host's @app.middleware("http") passes a streamed payload through whole."""
    app = FastAPI()
    app.mount("/images", PixstoreApp(pix))

    @app.middleware("http")
    async def tag(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-host"] = "yes"
        return response

    async with pix:
        record = await pix.save_image(large_png(2_000_000))
        assert await get(app, f"/images/{record.id}", record) == large_png(2_000_000)


async def test_quart(pix: Pixstore) -> None:
    """app.asgi_app = PixstoreMiddleware(app.asgi_app, pix): images, Quart's own routes, and its lifespan."""
    app = Quart(__name__)
    app.asgi_app = PixstoreMiddleware(app.asgi_app, pix)  # type: ignore[method-assign, assignment]
    started: list[bool] = []

    @app.before_serving
    async def start() -> None:
        started.append(await pix.image_exists("nobody"))

    @app.get("/record")
    async def record() -> Any:
        return {"picture": await pix.save_image(picture("jpeg"))}

    async with app.test_app() as running:
        answer = await running.test_client().get("/record")
        saved = ImageRecord.parse((await answer.get_json())["picture"])
        assert await get(app, f"/pixstore-image/{saved.id}", saved) == picture("jpeg")
    assert started == [False]
    assert is_closed(pix)
