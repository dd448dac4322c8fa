"""PayloadResponse, for endpoints of an application's own."""

from typing import Any

from starlette.background import BackgroundTask

from pixstore_asgi import PayloadResponse, Pixstore
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.asgi import client
from tests.support.samples import large_png


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
