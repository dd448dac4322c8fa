"""PixstoreApp, PayloadResponse and PixstoreMiddleware, spoken to in ASGI itself."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.background import BackgroundTask
from starlette.requests import Request

from pixstore_asgi import ConfigError, ImageRecord, PayloadResponse, Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore, rows
from tests.support.samples import SECRET, large_png, picture


def client(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, **options), base_url="http://testserver")


def headers(record: ImageRecord) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}


def scope_of(record: ImageRecord, **changes: Any) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers(record).items()]
    scope = {"type": "http", "method": "GET", "path": f"/{record.id}", "root_path": "", "headers": raw}
    return {**scope, **changes}


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "pixstore.db")


@pytest.fixture
def cache_bytes() -> int:
    return 64 * 1024 * 1024


from_store = pytest.mark.parametrize("cache_bytes", [0])
"""For what must hold while a body is read from the store."""


@pytest.fixture
async def pix(store: SqliteStore, cache_bytes: int) -> AsyncIterator[Pixstore]:
    async with Pixstore(store, secret=SECRET, cache_bytes=cache_bytes) as opened:
        yield opened


async def test_success_has_its_headers(pix: Pixstore) -> None:
    """A payload is an octet stream of exact length that no cache keeps, no middleware compresses, no page embeds."""
    record = await pix.save_image(picture())
    async with client(PixstoreApp(pix)) as http:
        response = await http.get(f"/{record.id}", headers=headers(record))
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "application/octet-stream",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-encoding": "identity",
        "cross-origin-resource-policy": "same-origin",
        "content-length": str(2 + len(picture())),
        "x-pixstore-state": "Success",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-pixstore-state",
    }


async def test_head_is_get_without_a_body(pix: Pixstore) -> None:
    """HEAD has the status and headers of GET, for every state, and no body."""
    record = await pix.save_image(large_png(2 * CHUNK_BYTES))
    old = await pix.save_image(picture())
    await pix.update_image(old.id, picture("jpeg"))
    gone = await pix.save_image(picture())
    await pix.delete_image(gone.id)
    requests = [(r.id, headers(r)) for r in (record, old, gone)] + [("", {}), ("x", {}), ("x", headers(record))]
    states = []
    async with client(PixstoreApp(pix)) as http:
        for path, sent in requests:
            get, head = await http.get(f"/{path}", headers=sent), await http.head(f"/{path}", headers=sent)
            assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")
            states.append(get.headers["x-pixstore-state"])
    assert states == ["Success", "Updated", "NotFound", "MissingID", "MissingProof", "InvalidProof"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
async def test_other_methods_are_refused(pix: Pixstore, method: str) -> None:
    """405 with Allow for every other method, and CORS headers so that a page may read it."""
    async with client(PixstoreApp(pix)) as http:
        response = await http.request(method, "/x")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/-/", "/-/other", "/-/client/", "/-/client/missing.js", "/-/client/../app.py"])
async def test_reserved_paths_are_not_found(pix: Pixstore, path: str) -> None:
    """Below /-/ there are the client's files and nothing else."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    await PixstoreApp(pix)(scope, receive, send)
    assert sent[0]["status"] == 404


async def test_the_browser_client_is_served(pix: Pixstore) -> None:
    """The client's modules come as JavaScript, for pages of every origin, checked again after an upgrade."""
    async with client(PixstoreApp(pix)) as http:
        response = await http.get("/-/client/index.js")
        again = await http.get("/-/client/index.js", headers={"if-none-match": response.headers["etag"]})
        assert (await http.head("/-/client/index.js")).status_code == 200
    assert response.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    assert "getImage" in response.text
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


# Cross-origin requests


async def test_preflight_names_what_a_page_may_send(pix: Pixstore) -> None:
    """OPTIONS answers 204 and allows the proof and token headers, and authorization, for single images and batches."""
    for path in ("/x", "/-/batch"):
        async with client(PixstoreApp(pix)) as http:
            response = await http.options(path, headers={"origin": "https://a.example"})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        for name in ("authorization", "x-pixstore-proof", "x-pixstore-token"):
            assert name in response.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", True),
        ("https://b.example:8443", True),
        ("https://a.example.evil", False),
        ("http://a.example", False),
        ("null", False),
        (None, False),
    ],
)
async def test_listed_origins_may_read(pix: Pixstore, origin: str | None, allowed: bool) -> None:
    """With a list, exactly its origins may read, with credentials, and every response varies by origin."""
    app = PixstoreApp(pix, allow_origins=["https://a.example", "https://b.example:8443"], authorize=lambda *_: False)
    record = await pix.save_image(picture())
    sent = {"origin": origin} if origin else {}
    async with client(app) as http:
        responses = [
            await http.get("/x", headers=sent),
            await http.get("/", headers=sent),
            await http.get(f"/{record.id}", headers={**headers(record), **sent}),
            await http.post("/x", headers=sent),
            await http.get("/-/x", headers=sent),
            await http.options("/x", headers=sent),
        ]
    assert [response.status_code for response in responses] == [200, 400, 403, 405, 404, 204]
    for response in responses:
        assert response.headers["vary"] == "Origin"
        assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert response.headers.get("access-control-allow-credentials") == ("true" if allowed else None)


async def test_none_leaves_cors_to_the_host(pix: Pixstore) -> None:
    """With allow_origins=None there is no CORS header at all."""
    async with client(PixstoreApp(pix, allow_origins=None)) as http:
        for response in (await http.get("/x"), await http.options("/x"), await http.post("/x")):
            assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://a.example",
        ["null"],
        ["a.example"],
        ["https://"],
        ["https://a.example/"],
        ["https://A.example"],
        ["*", "https://a.example"],
    ],
)
def test_origins_that_are_none_are_refused(origins: Any) -> None:
    """A string in the list's place, null, a host, a path, or a star among others: a ConfigError."""
    with pytest.raises(ConfigError, match="allow_origins"):
        PixstoreApp(Pixstore(MemoryStore(), secret=SECRET), allow_origins=origins)


@pytest.mark.parametrize("origins", [("*",), ("https://app.example",), None])
@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/ID", b"", 200),
        ("HEAD", "/ID", b"", 200),
        ("GET", "/nobody", b"", 200),
        ("GET", "/", b"", 400),
        ("GET", "/REFUSED", b"", 403),
        ("POST", "/ID", b"", 405),
        ("DELETE", "/ID", b"", 405),
        ("GET", "/-/batch", b"", 405),
        ("GET", "/-/nothing", b"", 404),
        ("GET", "/-/client/nothing.js", b"", 404),
        ("POST", "/-/client/index.js", b"", 405),
        ("POST", "/-/batch", b"", 400),
        ("POST", "/-/batch", b'{"images": [{"id": "nobody"}]}', 200),
    ],
)
async def test_no_answer_may_be_stored(
    pix: Pixstore, origins: Any, method: str, path: str, content: bytes, status: int
) -> None:
    """Whatever is no file of the browser client has no-store, refusals too: a cache would refuse for good."""
    record, refused = await pix.save_image(picture()), await pix.save_image(picture())
    app = PixstoreApp(pix, allow_origins=origins, authorize=lambda scope, image_id: image_id == record.id)
    proof = headers(refused if "REFUSED" in path else record)
    path = path.replace("ID", record.id).replace("REFUSED", refused.id)
    async with client(app) as http:
        response = await http.request(method, path, content=content, headers=proof)
    assert (response.status_code, response.headers["cache-control"]) == (status, "no-store")


async def test_a_batch_from_elsewhere_may_not_be_stored(pix: Pixstore) -> None:
    """The 403 of a batch from a page of another origin has no-store."""
    async with client(PixstoreApp(pix, allow_origins=["https://app.example"])) as http:
        response = await http.post("/-/batch", headers={"origin": "https://evil.example"})
    assert (response.status_code, response.headers["cache-control"]) == (403, "no-store")


# authorize


async def never(scope: Any, image_id: str) -> bool:
    return False


@pytest.mark.parametrize("answer", [False, None, 1, "yes", object()])
async def test_only_true_passes_authorize(pix: Pixstore, answer: Any) -> None:
    """Whatever is not True itself is 403 without a body, plain or async."""
    record = await pix.save_image(picture())

    async def later(scope: Any, image_id: str) -> Any:
        return answer

    for authorize in (lambda scope, image_id: answer, later):
        async with client(PixstoreApp(pix, authorize=authorize)) as http:
            response = await http.get(f"/{record.id}", headers=headers(record))
        assert (response.status_code, response.content) == (403, b"")
        assert "x-pixstore-state" not in response.headers


async def test_authorize_sees_scope_and_id_of_proven_requests_only(pix: Pixstore, monkeypatch: Any) -> None:
    """It runs after the proof and before the store, with the request's scope and the image id."""
    record = await pix.save_image(picture())
    seen: list[tuple[str, str]] = []

    async def authorize(scope: Any, image_id: str) -> bool:
        seen.append((scope["path"], image_id))
        return len(seen) == 1

    async with client(PixstoreApp(pix, authorize=authorize)) as http:
        assert (await http.get(f"/{record.id}")).content == b"\x04"
        assert (await http.get(f"/{record.id}", headers={"x-pixstore-proof": "A" * 48})).content == b"\x05"
        assert (await http.get("/")).status_code == 400
        assert seen == []
        assert (await http.get(f"/{record.id}", headers=headers(record))).content[0] == 0
        monkeypatch.setattr(
            "pixstore_asgi.serving.answer.load_payload", lambda *_, **__: pytest.fail("the store was asked")
        )
        assert (await http.get(f"/{record.id}", headers=headers(record))).status_code == 403
    assert seen == [(f"/{record.id}", record.id)] * 2


async def test_an_error_in_authorize_is_an_internal_error(pix: Pixstore, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in the application's own check is logged and answers InternalError: no image, no crash."""
    record = await pix.save_image(picture())

    def authorize(scope: Any, image_id: str) -> bool:
        raise ZeroDivisionError

    async with client(PixstoreApp(pix, authorize=authorize)) as http:
        response = await http.get(f"/{record.id}", headers=headers(record))
    assert (response.status_code, response.content) == (200, b"\x06")
    assert "ZeroDivisionError" in caplog.text
    assert record.stateless_proof not in caplog.text


@pytest.mark.parametrize("key", ["session", "user", "auth"])
@pytest.mark.parametrize("read", [lambda scope, key: scope[key], lambda scope, key: getattr(Request(scope), key)])
async def test_a_scope_without_its_session_names_the_order(
    pix: Pixstore, caplog: pytest.LogCaptureFixture, key: str, read: Any
) -> None:
    """Where a rule misses what a middleware within PixstoreMiddleware sets, the log says how to order them."""
    record = await pix.save_image(picture())
    app = PixstoreMiddleware(PixstoreApp(pix), pix, authorize=lambda scope, image_id: read(scope, key))
    async with client(app) as http:
        response = await http.get(f"/pixstore-image/{record.id}", headers=headers(record))
    assert response.content == b"\x06"
    assert f'no middleware has set scope["{key}"]; add the one that sets it after PixstoreMiddleware' in caplog.text


@pytest.mark.parametrize("error", [KeyError("session"), KeyError("sid"), KeyError(), ValueError("session")])
async def test_another_error_of_a_rule_names_no_order(
    pix: Pixstore, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """An error that is not for want of a middleware, be it a KeyError, is logged as it is."""
    record = await pix.save_image(picture())

    def authorize(scope: Any, image_id: str) -> bool:
        raise error

    images = PixstoreApp(pix, authorize=authorize)

    async def with_session(scope: Any, receive: Any, send: Any) -> None:
        await images({**scope, "session": {}}, receive, send)

    async with client(with_session) as http:
        assert (await http.get(f"/{record.id}", headers=headers(record))).content == b"\x06"
    assert "authorize failed" in caplog.text
    assert "PixstoreMiddleware" not in caplog.messages[0]


def test_unproven_needs_saying_so() -> None:
    """App and middleware refuse a Pixstore that checks no proofs, unless told that it is meant."""
    pix = Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1)
    for make in (PixstoreApp, lambda pix: PixstoreMiddleware(PixstoreApp(pix), pix)):
        with pytest.raises(ConfigError, match="allow_unproven=True"):
            make(pix)
    PixstoreApp(pix, allow_unproven=True)


def test_arguments_of_another_kind_are_refused_at_once() -> None:
    """A path in the Pixstore's place, or an authorize that is no function, is a ConfigError at start."""
    with pytest.raises(ConfigError, match="must be a Pixstore, not str"):
        PixstoreApp("pixstore.db")  # type: ignore[arg-type]
    pix = Pixstore(MemoryStore(), secret=SECRET)
    with pytest.raises(ConfigError, match="authorize must be a function"):
        PixstoreApp(pix, authorize="yes")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="authorize_many must be a function of scope and a list"):
        PixstoreApp(pix, authorize_many=["a"])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="authorize or authorize_many, not both"):
        PixstoreApp(pix, authorize=never, authorize_many=lambda scope, image_ids: image_ids)


@pytest.mark.parametrize("options", [{"send_timeout_s": 0}, {"max_stream_s": -1}])
def test_limits_must_be_above_zero(options: dict[str, float]) -> None:
    """A limit of no time is a ConfigError."""
    with pytest.raises(ConfigError, match="above 0"):
        PixstoreApp(Pixstore(MemoryStore(), secret=SECRET), **options)  # type: ignore[arg-type]


async def test_a_store_that_cannot_open_is_an_internal_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mount whose store can't open answers InternalError and logs what to do; the process lives."""
    app = PixstoreApp(Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET))
    async with client(app) as http:
        response = await http.get("/x", headers={"x-pixstore-proof": "A" * 48, "x-pixstore-token": "1"})
    assert response.content == b"\x06"
    assert "nowhere" in caplog.text


# Streaming


class Wire:
    """The server's side of one request: records what is sent, can stall, and can disconnect."""

    def __init__(self, stall_after: int | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.stall_after = stall_after
        self.has_stalled = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if self.stall_after is not None and len(self.sent) > self.stall_after:
            self.has_stalled.set()
            await asyncio.Event().wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        return self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body")


@pytest.mark.parametrize("size", [300, 3 * CHUNK_BYTES])
@pytest.mark.parametrize(
    "scope_around", [lambda: anyio.Lock(), lambda: anyio.CancelScope(), lambda: anyio.fail_after(9)]
)
async def test_a_send_inside_a_cancel_scope(pix: Pixstore, size: int, scope_around: Callable[[], Any]) -> None:
    """A host's middleware may wrap `send` in cancel scopes of anyio, or wait for its locks there."""
    record, wire = await pix.save_image(large_png(size)), Wire()

    async def send(message: Any) -> None:
        around = scope_around()
        if isinstance(around, anyio.Lock):
            async with around:
                await wire.send(message)
            return
        with around:
            await asyncio.sleep(0)
            await wire.send(message)

    await PixstoreApp(pix)(scope_of(record), wire.receive, send)
    assert wire.is_complete


async def test_a_cancel_scope_around_send_keeps_the_time_limit(pix: Pixstore) -> None:
    """A client that takes nothing is cut off in time, whatever scope `send` is in."""
    record, wire = await pix.save_image(picture()), Wire(stall_after=0)

    async def send(message: Any) -> None:
        with anyio.CancelScope():
            await wire.send(message)

    app = PixstoreApp(pix, send_timeout_s=0.05)
    await asyncio.wait_for(app(scope_of(record), wire.receive, send), 5)
    assert [message["type"] for message in wire.sent] == ["http.response.start"]


@from_store
async def test_a_large_image_is_sent_chunk_by_chunk(pix: Pixstore, store: SqliteStore) -> None:
    """One send per chunk of 256 KiB, of exact length together, and the blob is freed at the end."""
    record = await pix.save_image(large_png(4 * CHUNK_BYTES))
    wire = Wire()
    await PixstoreApp(pix)(scope_of(record), wire.receive, wire.send)
    assert wire.is_complete
    sizes = [len(message["body"]) for message in wire.sent[1:]]
    assert sizes == [1 + CHUNK_BYTES, *[CHUNK_BYTES] * 3, 1]
    assert dict(wire.sent[0]["headers"])[b"content-length"] == str(sum(sizes)).encode()
    assert not store.in_use


@from_store
async def test_backpressure_holds_one_chunk(pix: Pixstore, monkeypatch: pytest.MonkeyPatch, store: SqliteStore) -> None:
    """While a client takes nothing, no further chunk is read: at most the one that waits to be sent."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    reads = 0
    read_chunk = rows.read_chunk

    def counted(db: sqlite3.Connection, blob: int, number: int) -> bytes | None:
        nonlocal reads
        reads += 1
        return read_chunk(db, blob, number)

    monkeypatch.setattr(rows, "read_chunk", counted)
    wire = Wire(stall_after=3)
    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, wire.send))
    await wire.has_stalled.wait()
    await asyncio.sleep(0.05)
    assert (len(wire.sent), reads) == (4, 2)
    task.cancel()
    await asyncio.wait([task])
    assert not store.in_use


@from_store
async def test_a_client_that_is_gone_ends_its_stream(pix: Pixstore, store: SqliteStore) -> None:
    """A disconnect that shows in receive alone ends the stream and frees the blob."""
    record = await pix.save_image(large_png(20 * CHUNK_BYTES))
    wire = Wire(stall_after=3)
    task = asyncio.create_task(PixstoreApp(pix)(scope_of(record), wire.receive, wire.send))
    await wire.has_stalled.wait()
    assert store.in_use
    wire.gone.set()
    await asyncio.wait_for(task, 5)
    assert not wire.is_complete
    assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
@pytest.mark.parametrize("options", [{"send_timeout_s": 0.05}, {"max_stream_s": 0.05}])
@pytest.mark.parametrize("size", [300, 9 * CHUNK_BYTES])
async def test_a_client_that_stalls_is_cut_off(
    pix: Pixstore, store: SqliteStore, options: Any, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that takes nothing for too long is cut off short of Content-Length, and the log says by which limit."""
    caplog.set_level(logging.INFO)
    record = await pix.save_image(large_png(size))
    wire = Wire(stall_after=1)
    await asyncio.wait_for(PixstoreApp(pix, **options)(scope_of(record), wire.receive, wire.send), 5)
    assert len(wire.sent) == 2
    assert next(iter(options)) in caplog.text
    assert not store.in_use


@pytest.mark.parametrize("cache_bytes", [0, 64 * 1024 * 1024])
async def test_a_send_that_fails_ends_the_stream(pix: Pixstore, store: SqliteStore) -> None:
    """A server that raises OSError for a lost client ends the stream without an error."""
    record = await pix.save_image(large_png(9 * CHUNK_BYTES))
    wire = Wire()

    async def send(message: Any) -> None:
        await wire.send(message)
        if len(wire.sent) == 3:
            raise OSError

    await PixstoreApp(pix)(scope_of(record), wire.receive, send)
    assert len(wire.sent) == 3
    assert not store.in_use


@from_store
async def test_a_lost_chunk_cuts_the_body_short(
    pix: Pixstore, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a chunk is missing the body ends before it: nothing is padded, and the log says what to do."""
    record = await pix.save_image(large_png(4 * CHUNK_BYTES))
    with sqlite3.connect(store.path) as edited:
        edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
    edited.close()
    wire = Wire()
    await PixstoreApp(pix)(scope_of(record), wire.receive, wire.send)
    assert not wire.is_complete
    assert len(wire.body) == 1 + 2 * CHUNK_BYTES
    assert "restore it from a backup" in caplog.text


async def test_websockets_are_closed(pix: Pixstore) -> None:
    """A WebSocket that comes to the app is closed."""
    wire = Wire()
    await PixstoreApp(pix)({"type": "websocket", "path": "/x"}, wire.receive, wire.send)
    assert [message["type"] for message in wire.sent] == ["websocket.close"]


# PayloadResponse


async def test_a_payload_response_serves_any_payload(pix: Pixstore, store: SqliteStore) -> None:
    """As a response of an application's own endpoint: the same body and headers, without CORS, for GET and HEAD."""
    record = await pix.save_image(large_png(2 * CHUNK_BYTES))
    done: list[str] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
        response = PayloadResponse(payload, background=BackgroundTask(done.append, scope["method"]))
        response.headers["x-request"] = "7"
        await response(scope, receive, send)

    async with client(endpoint) as http:
        get, head = await http.get("/"), await http.head("/")
    assert len(get.content) == int(get.headers["content-length"]) == 2 + 2 * CHUNK_BYTES
    assert get.headers == head.headers
    assert get.headers["x-request"] == "7"
    assert "access-control-allow-origin" not in get.headers
    assert done == ["GET", "HEAD"]
    assert not store.in_use


# Middleware


async def passed_on(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.mark.parametrize(
    "path", ["/", "/pixstore-images", "/pixstore-imageX/a", "/a/pixstore-image/b", "/PIXSTORE-IMAGE/a"]
)
async def test_other_routes_pass_through_untouched(pix: Pixstore, path: str) -> None:
    """A path that is not the route goes to the application with the very same scope, receive and send."""
    seen: list[tuple[Any, ...]] = []

    async def inner(*arguments: Any) -> None:
        seen.append(arguments)

    wire = Wire()
    for kind in ("http", "websocket", "something-new"):
        scope: dict[str, Any] = {"type": kind, "method": "GET", "path": path, "headers": []}
        await PixstoreMiddleware(inner, pix)(scope, wire.receive, wire.send)
        assert seen.pop() == (scope, wire.receive, wire.send)


async def test_the_route_is_served(pix: Pixstore) -> None:
    """The route and all below it is the images' app, options included."""
    record = await pix.save_image(picture(), directory="players")
    app = PixstoreMiddleware(passed_on, pix, route="/my/images", allow_origins=None)
    async with client(app) as http:
        response = await http.get(f"/my/images/{record.id.replace(':', '%3A')}", headers=headers(record))
        assert (response.status_code, response.content[0]) == (200, 0)
        assert "access-control-allow-origin" not in response.headers
        assert (await http.get("/my/images")).content == b"\x03"
        assert (await http.get("/my/images/-/client/index.js")).status_code == 200
        assert (await http.get("/my/other")).status_code == 299


@pytest.mark.parametrize("route", ["", "/", "images", "/images/"])
def test_a_route_that_cannot_be_is_refused(route: str) -> None:
    """A route starts with a slash and ends without one."""
    with pytest.raises(ConfigError, match="route must"):
        PixstoreMiddleware(passed_on, Pixstore(MemoryStore(), secret=SECRET), route=route)


# Lifespan


class Life:
    """A server's side of the lifespan protocol, in the order of a run."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive(self) -> dict[str, str]:
        return {"type": next(self._messages)}

    async def send(self, message: Any) -> None:
        self.said.append(message["type"])

    async def run(self, app: Callable[..., Any]) -> list[str]:
        await app({"type": "lifespan", "asgi": {}, "state": {}}, self.receive, self.send)
        return self.said


COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def unopened(tmp_path: Path) -> Pixstore:
    return Pixstore(tmp_path / "pixstore.db", secret=SECRET)


async def test_an_app_alone_answers_lifespan(tmp_path: Path) -> None:
    """A PixstoreApp served by itself opens at startup and closes at shutdown."""
    pix = unopened(tmp_path)
    assert await Life().run(PixstoreApp(pix)) == COMPLETE
    assert pix._life._closed_on


async def test_the_store_is_open_around_the_applications_life(tmp_path: Path) -> None:
    """Open before the application's startup, closed after its shutdown, and before the server hears of it."""
    pix = unopened(tmp_path)
    life = Life()
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        record = await pix.save_image(picture())
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        seen.append(str(await pix.image_exists(record.id)))
        await send({"type": "lifespan.shutdown.complete"})
        seen.append(str(pix._life._closed_on is not None))

    assert await life.run(PixstoreMiddleware(inner, pix)) == COMPLETE
    assert seen == ["True", "True"]


async def raises(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"


async def returns(scope: Any, receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize("inner", [raises, returns])
async def test_lifespan_is_answered_where_the_application_does_not(tmp_path: Path, inner: Any) -> None:
    """An application without lifespan, raising or silent, gets one all the same."""
    pix = unopened(tmp_path)
    assert await Life().run(PixstoreMiddleware(inner, pix)) == COMPLETE
    assert pix._life._closed_on


async def test_a_failed_startup_closes_the_store(tmp_path: Path) -> None:
    """An application whose startup fails is reported as failed, and the store is closed."""
    pix = unopened(tmp_path)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})
        raise ZeroDivisionError

    life = Life()
    with pytest.raises(ZeroDivisionError):
        await life.run(PixstoreMiddleware(inner, pix))
    assert life.said == ["lifespan.startup.failed"]
    assert pix._life._closed_on


async def test_a_store_that_cannot_open_fails_the_startup(tmp_path: Path) -> None:
    """The server is told, with the text of the error, before the application starts."""
    pix = Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET)
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message)

    await PixstoreMiddleware(raises, pix)({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in messages] == ["lifespan.startup.failed"]
    assert "nowhere" in messages[0]["message"]
