"""PixstoreApp: its routes, methods and options, spoken to in ASGI itself."""

from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.memory import MemoryStore
from tests.support.asgi import Wire, client
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png, picture


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


async def test_websockets_are_closed(pix: Pixstore) -> None:
    """A WebSocket that comes to the app is closed."""
    wire = Wire()
    await PixstoreApp(pix)({"type": "websocket", "path": "/x"}, wire.receive, wire.send)
    assert [message["type"] for message in wire.sent] == ["websocket.close"]


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
        PixstoreApp(pix, authorize=lambda scope, image_id: True, authorize_many=lambda scope, image_ids: image_ids)


@pytest.mark.parametrize("options", [{"send_timeout_s": 0}, {"max_stream_s": -1}])
def test_limits_must_be_above_zero(options: dict[str, float]) -> None:
    """A limit of no time is a ConfigError."""
    with pytest.raises(ConfigError, match="above 0"):
        PixstoreApp(Pixstore(MemoryStore(), secret=SECRET), **options)  # type: ignore[arg-type]


async def test_a_store_that_cannot_open_is_an_internal_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the store of a mount can't open, the mount answers InternalError and logs a remedy, and the process
    continues.
    """
    app = PixstoreApp(Pixstore(tmp_path / "nowhere" / "pixstore.db", secret=SECRET))
    async with client(app) as http:
        response = await http.get("/x", headers={"x-pixstore-proof": "A" * 48, "x-pixstore-token": "1"})
    assert response.content == b"\x06"
    assert "nowhere" in caplog.text
