"""pixstore_asgi.integrations.litestar: the plugin in applications as Litestar's users write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Controller, Litestar, Request, Response, Router, get, post, put
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.dto import DataclassDTO, DTOConfig
from litestar.exceptions import NotAuthorizedException, WebSocketDisconnect
from litestar.handlers import BaseRouteHandler
from litestar.logging import LoggingConfig, StructLoggingConfig
from litestar.middleware.logging import LoggingMiddlewareConfig
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import FromPath
from litestar.plugins.structlog import StructlogConfig, StructlogPlugin
from litestar.security.session_auth import SessionAuth
from litestar.testing import AsyncTestClient, TestClient
from litestar.types import Scope
from msgspec import Struct

from pixstore_asgi import ImageNotFound, ImageRecord, Pixstore, PixstoreApp, PixstoreError, StoreError
from pixstore_asgi.errors import ConfigError, StoreBusy, StoreConflict, StoreFull, UploadTimeout
from pixstore_asgi.integrations.litestar import ImageUpload, PageRecipient, PixstorePlugin, no_store
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.testing import SealedPage, image_in, proof_headers
from tests.support.life import is_closed
from tests.support.samples import SECRET, large_png, picture

MAX_BYTES = 12_000_000  # above Litestar's own limit of 10 MB
RAISED: dict[str, PixstoreError] = {
    "missing": ImageNotFound("no such image"),
    "slow": UploadTimeout("too slow"),
    "changed": StoreConflict("another token"),
    "full": StoreFull("/srv/pixstore.db: the disk is full"),
    "busy": StoreBusy("/srv/pixstore.db is locked"),
    "broken": StoreError("/srv/pixstore.db is damaged"),
}


@dataclass
class Player:
    name: str
    picture: ImageRecord | None
    secret: str = ""


class PlayerDTO(DataclassDTO[Player]):
    config = DTOConfig(exclude={"secret"})


class Album(Struct):
    pictures: list[ImageRecord]
    by_name: dict[str, ImageRecord]


@pytest.fixture
def pix() -> Pixstore:
    return Pixstore(MemoryStore(), secret=SECRET, image_formats=["png", "jpg"], max_image_bytes=MAX_BYTES)


def application(pix: Pixstore, *, plugins: list[Any] | None = None, **options: Any) -> Litestar:
    """An application with a controller, a router, and each kind of value that may contain a record."""

    class Pictures(Controller):
        path = "/pictures"

        @post()
        async def upload(self, image_upload: ImageUpload, page_recipient: PageRecipient) -> ImageRecord:
            return await pix.save_image(image_upload, recipient=page_recipient)

        @put("/{image_id:str}")
        async def change(self, image_id: FromPath[str], image_upload: ImageUpload) -> ImageRecord:
            return await pix.update_image(image_id, image_upload)

        @post("/small", request_max_body_size=100)
        async def small(self, image_upload: ImageUpload) -> ImageRecord:
            return await pix.save_image(image_upload)

    @get("/players/{image_id:str}", return_dto=PlayerDTO)
    async def player(image_id: FromPath[str]) -> Player:
        return Player("Ada", await pix.get_image_record(image_id), "hidden")

    @get("/albums/{image_id:str}")
    async def album(image_id: FromPath[str]) -> Album:
        record = await pix.get_image_record(image_id)
        assert record is not None
        return Album([record], {"first": record})

    @get("/raise/{name:str}")
    async def fail(name: FromPath[str]) -> None:
        raise RAISED[name]

    @get("/leak/{image_id:str}")
    async def leak(image_id: FromPath[str]) -> None:
        record = await pix.get_image_record(image_id)  # a local of the traceback
        raise RuntimeError("boom") from ValueError(str(record))

    api = Router("/api", route_handlers=[Pictures, player, album], cache_control=no_store)
    plugin = PixstorePlugin(pix, records_route="/records", authorize=lambda scope, image_id: True)
    return Litestar([api, fail, leak], plugins=[*(plugins or []), plugin], **options)


@pytest.fixture
def http(pix: Pixstore) -> Iterator[TestClient[Litestar]]:
    with TestClient(application(pix)) as http:
        yield http


def saved(http: TestClient[Litestar], data: bytes | None = None) -> ImageRecord:
    answer = http.post("/api/pictures", content=data or picture())
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    return ImageRecord.parse(answer.json())


def test_an_upload_streams_and_its_image_is_served(pix: Pixstore) -> None:
    """An image above Litestar's limit streams in, and the mount serves it; the plugin opens and closes the Pixstore."""
    with TestClient(application(pix)) as http:
        record = saved(http, large_png(11_000_000))
        payload = http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))
        assert image_in(record, payload.content) == large_png(11_000_000)
        changed = http.put(f"/api/pictures/{record.id}", content=picture())
        assert changed.json()["token"] > record.token
        assert http.get("/pixstore-image/-/client/index.js").status_code == 200
    assert is_closed(pix)


async def test_the_async_test_client_works_too(pix: Pixstore) -> None:
    """The same application answers Litestar's AsyncTestClient, beside calls of the test itself."""
    async with AsyncTestClient(application(pix)) as http:
        record = await pix.save_image(picture())
        assert (await http.get(f"/pixstore-image/{record.id}", headers=proof_headers(record))).content[0] == 0


def test_records_are_encoded_in_every_kind_of_value(http: TestClient[Litestar]) -> None:
    """A record is the same in a dataclass with a DTO, in a msgspec Struct, and in the answer of the records route."""
    record = saved(http)
    player = http.get(f"/api/players/{record.id}")
    assert player.headers["cache-control"] == "no-store"
    assert player.json().keys() == {"name", "picture"}
    album = http.get(f"/api/albums/{record.id}").json()
    records = http.get("/records", params={"id": [record.id, "none"]}).json()
    for found in (player.json()["picture"], album["pictures"][0], album["by_name"]["first"], records[record.id]):
        assert ImageRecord.parse(found).key == record.key
    assert http.get("/api/players/none").json() == {"name": "Ada", "picture": None}
    assert list(records) == [record.id]
    assert http.get("/records").status_code == 400


def test_records_are_sealed_to_the_page_that_asks(http: TestClient[Litestar]) -> None:
    """The dependency `page_recipient` and the records route seal to the header; an invalid one is a 400."""
    page = SealedPage()
    record = http.post("/api/pictures", content=picture(), headers=page.headers).json()
    assert page.open(record)
    assert page.open(http.get("/records", params={"id": record["id"]}, headers=page.headers).json()[record["id"]])
    assert http.post("/api/pictures", content=picture(), headers={"pixstore-recipient": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "status", "detail"),
    [
        ("missing", 404, "no such image"),
        ("slow", 408, "too slow"),
        ("changed", 409, "another token"),
        ("full", 507, "the server has no room for more images: try again later"),
        ("busy", 503, "the store is busy: try again"),
    ],
)
def test_each_error_of_a_client_has_its_answer(http: TestClient[Litestar], name: str, status: int, detail: str) -> None:
    """The statuses and texts are those of the handlers for Starlette."""
    answer = http.get(f"/raise/{name}")
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert answer.headers["cache-control"] == "no-store"


def test_other_errors_stay_with_litestar(http: TestClient[Litestar]) -> None:
    """A failing store is a 500 without its text; a changed image is a 412 for a request with If-Match."""
    broken = http.get("/raise/broken")
    assert (broken.status_code, "damaged" in broken.text) == (500, False)
    assert http.get("/raise/changed", headers={"if-match": '"1"'}).status_code == 412


def test_uploads_are_refused_with_a_reason(http: TestClient[Litestar]) -> None:
    """No image, a too long image and a form get their status; a limit that the handler sets applies."""
    assert http.post("/api/pictures", content=b"<html>").status_code == 400
    too_large = http.post("/api/pictures", content=large_png(MAX_BYTES + 1))
    assert (too_large.status_code, "12,000,000" in too_large.json()["detail"]) == (413, True)
    form = http.post("/api/pictures", files={"image": picture()})
    assert (form.status_code, "multipart form" in form.json()["detail"]) == (415, True)
    assert http.post("/api/pictures/small", content=picture()).status_code == 413


def test_the_applications_own_handler_comes_first(pix: Pixstore) -> None:
    """An exception handler of the application replaces the plugin's."""

    def own(request: Request[Any, Any, Any], error: ImageNotFound) -> Response[str]:
        return Response("gone", status_code=410)

    with TestClient(application(pix, exception_handlers={ImageNotFound: own})) as http:
        assert http.get("/raise/missing").status_code == 410


def test_openapi_describes_records_and_uploads(pix: Pixstore) -> None:
    """A record is one schema that refers to itself; an upload has its media types and its errors."""
    schema = application(pix).openapi_schema.to_schema()
    record = schema["components"]["schemas"]["ImageRecord"]
    reference = {"$ref": "#/components/schemas/ImageRecord"}
    assert record["properties"]["variants"]["additionalProperties"] == reference
    assert record["required"] == ["id", "token", "meta", "statelessProof"]
    upload = schema["paths"]["/api/pictures"]["post"]
    assert list(upload["requestBody"]["content"]) == ["image/jpeg", "image/png"]
    assert list(upload["responses"]) == ["201", "400", "408", "413", "415", "507"]
    assert upload["responses"]["201"]["content"]["application/json"]["schema"] == reference
    records = schema["paths"]["/records"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert records["additionalProperties"] == reference
    assert schema["components"]["schemas"]["Album"]["properties"]["pictures"]["items"] == reference
    (player,) = (each for name, each in schema["components"]["schemas"].items() if "Player" in name)
    assert reference in player["properties"]["picture"]["oneOf"]


def test_a_login_applies_to_images_but_not_to_public_paths(pix: Pixstore) -> None:
    """Session auth protects images and records; the rule sees its user; load balancers and the client need no login."""

    async def user(session: dict[str, Any], connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
        return session.get("user")

    @post("/login/{name:str}")
    async def login(name: FromPath[str], request: Request[Any, Any, Any]) -> None:
        request.set_session({"user": name})

    def may_see(scope: Scope, image_id: str) -> bool:
        return scope["user"] == "ada" and image_id.startswith("ada:")

    def tenant(scope: Scope) -> str | None:
        return scope["user"] if isinstance(scope["user"], str) else None

    auth = SessionAuth[str, Any](
        retrieve_user_handler=user, session_backend_config=CookieBackendConfig(secret=b"s" * 16), exclude=["/login"]
    )
    plugin = PixstorePlugin(pix, records_route="/records", authorize=may_see, audience=tenant)
    app = Litestar([login], plugins=[plugin], on_app_init=[auth.on_app_init])
    with TestClient(app, "https://testserver.local") as http, http.portal() as portal:
        image_id = portal.call(lambda: pix.save_image(picture(), directory="ada")).id
        assert http.get("/records", params={"id": image_id}).status_code == 401
        assert http.get(f"/pixstore-image/{image_id}").status_code == 401
        versioned = PixstoreApp(pix).client_path("element.js").removeprefix("/-/")
        open_to_all = ("live", "ready", "client/index.js", versioned)
        assert {http.get(f"/pixstore-image/-/{name}").status_code for name in open_to_all} == {200}
        closed = ("-/batch", "-/other", "-/client", "-", "", "an-id/-/live", "-/live/x")
        assert {http.get(f"/pixstore-image/{name}").status_code for name in closed} == {401}
        http.post("/login/bob")
        assert http.get("/records", params={"id": image_id}).json() == {}
        http.post("/login/ada")
        record = ImageRecord.parse(http.get("/records", params={"id": image_id}).json()[image_id])
        assert http.get(f"/pixstore-image/{image_id}", headers=proof_headers(record)).content[0] == 0


@pytest.mark.parametrize("key", [None, "uncompressed"])
def test_csrf_check_and_compression_leave_images_out(pix: Pixstore, key: str | None) -> None:
    """A batch, which is a POST, needs no CSRF token, and ciphertext is not compressed, also below a path."""
    other = Pixstore(MemoryStore(), secret="b" * 43)
    compression = CompressionConfig(backend="gzip", minimum_size=1, exclude_opt_key=key)
    app = application(
        pix,
        path="/site",
        csrf_config=CSRFConfig(secret="c" * 32),
        compression_config=compression,
        plugins=[PixstorePlugin(other, route="/other", records_route="/other-records", authorize=lambda *_: False)],
    )
    with TestClient(app) as http, http.portal() as portal:
        record = portal.call(lambda: pix.save_image(large_png(300_000)))
        image = http.get(f"/site/pixstore-image/{record.id}", headers=proof_headers(record))
        assert image.headers["content-encoding"] == "identity"
        assert http.get("/site/records", params={"id": record.id}).headers["content-encoding"] == "gzip"
        asked = {"images": [{"id": record.id, "token": record.token, "proof": record.stateless_proof}]}
        assert http.post("/site/pixstore-image/-/batch", json=asked).status_code == 200
        assert http.post("/site/api/pictures", content=picture()).status_code == 403
        assert http.get("/site/other/-/ready").status_code == 200
        assert http.get("/site/other-records", params={"id": record.id}).json() == {}


def test_a_web_socket_is_closed_at_every_address(pix: Pixstore) -> None:
    """Images are served over HTTP: a WebSocket to the mount or to an address for load balancers is closed."""
    with TestClient(application(pix)) as http:
        for path in ("an-id", "-/ready"):
            with pytest.raises(WebSocketDisconnect), http.websocket_connect(f"/pixstore-image/{path}"):
                pass


def test_a_guard_applies_to_images(pix: Pixstore) -> None:
    """A guard of the whole application protects the mount."""

    def refuse(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        raise NotAuthorizedException

    with TestClient(Litestar(plugins=[PixstorePlugin(pix)], guards=[refuse])) as http:
        assert http.get("/pixstore-image/an-id").status_code == 401


async def aborted(app: Litestar) -> list[Any]:
    """Send the beginning of an upload, and disconnect."""
    messages = iter([{"type": "http.request", "body": b"\x89PNG\r\n\x1a\n", "more_body": True}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/pictures", "raw_path": b"/api/pictures"}
    scope |= {"headers": [], "query_string": b"", "root_path": "", "http_version": "1.1", "scheme": "http", "state": {}}
    await app({**scope, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)}, receive, send)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("kind", [LoggingConfig, StructLoggingConfig])
async def test_an_aborted_upload_is_no_error_of_the_server(pix: Pixstore, kind: type[Any]) -> None:
    """It is answered with 400 and logged nowhere, also if Litestar logs all exceptions."""
    logged: list[list[str]] = []
    config = kind(log_exceptions="always", exception_logging_handler=lambda _, __, lines: logged.append(lines))
    app = application(pix, logging_config=config)
    async with app.lifespan():
        sent = await aborted(app)
    assert (sent[0]["status"], logged) == (400, [])


async def test_a_body_that_was_read_before_is_an_error_of_the_server(pix: Pixstore) -> None:
    """A handler that has read the body itself gets Litestar's own error, not the one of a client that disconnects."""

    @post("/twice")
    async def twice(image_upload: ImageUpload, request: Request[Any, Any, Any]) -> None:
        async for _ in request.stream():
            pass
        await pix.save_image(image_upload)

    async with AsyncTestClient(Litestar([twice], plugins=[PixstorePlugin(pix)])) as http:
        assert (await http.post("/twice", content=picture())).status_code == 500


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_no_error_page_or_log_has_a_key(pix: Pixstore, accept: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither Litestar's page for debugging nor its logs have the key or the proof of a record in a traceback."""
    app = application(pix, logging_config=StructLoggingConfig(log_exceptions="always"), debug=True)
    with TestClient(app, raise_server_exceptions=False) as http:
        record = saved(http)
        page = http.get(f"/leak/{record.id}", headers={"accept": accept})
    logged = "".join(capfd.readouterr())
    assert (page.status_code, "boom" in page.text, "boom" in logged) == (500, True, True)
    for secret in (record["meta"]["key"], record.stateless_proof):
        assert secret not in page.text + logged


async def is_refused_by_plugin(app: Litestar) -> bool:
    """Return whether an application does not start because of its LoggingMiddleware."""
    try:
        async with app.lifespan():
            return False
    except* ConfigError as group:  # Litestar starts a task group
        assert "LoggingMiddleware logs bodies or headers" in str(group.exceptions[0])  # noqa: PT017
    return True


def middleware(**fields: Any) -> Any:
    return LoggingMiddlewareConfig(**fields).middleware


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({}, True),
        ({"request_log_fields": ("method", "path")}, True),
        ({"response_log_fields": ("status_code",)}, True),
        ({"request_log_fields": ("headers",), "response_log_fields": ()}, True),
        ({"request_log_fields": ("method", "path"), "response_log_fields": ("status_code",)}, False),
        (
            {
                "request_log_fields": ("headers",),
                "request_headers_to_obfuscate": {"X-Pixstore-Proof"},
                "response_log_fields": ("status_code", "headers"),
            },
            False,
        ),
    ],
)
async def test_a_middleware_that_logs_keys_is_refused(pix: Pixstore, fields: Any, is_refused: bool) -> None:
    """The application does not start if Litestar's LoggingMiddleware would log bodies or proofs."""
    assert await is_refused_by_plugin(application(pix, middleware=[middleware(**fields)])) is is_refused


async def test_the_structlog_plugin_is_checked_in_any_order(pix: Pixstore) -> None:
    """The middleware of StructlogPlugin logs bodies unless it is told not to, also if its plugin comes later."""
    quiet = LoggingMiddlewareConfig(request_log_fields=["path"], response_log_fields=["status_code"])
    for config, is_refused in ((StructlogConfig(), True), (StructlogConfig(middleware_logging_config=quiet), False)):
        assert (
            await is_refused_by_plugin(Litestar(plugins=[PixstorePlugin(pix), StructlogPlugin(config)])) is is_refused
        )


def test_records_need_a_rule(pix: Pixstore) -> None:
    """A records route without a rule would give every key to every client."""
    with pytest.raises(ConfigError, match="authorize"):
        PixstorePlugin(pix, records_route="/records")
