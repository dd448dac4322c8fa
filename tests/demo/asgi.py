"""The demo through ASGI, without a server: a signed-in client, and the requests of the tests."""

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.demo.app import create_app

ORIGIN = "http://127.0.0.1:8000"
PICTURES = "/api/pictures"
RECORDS = "/api/records"
SESSION = "/api/session"
LIMIT = 300_000


@asynccontextmanager
async def demo_client(pix: Pixstore, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in client that sends the same requests as the demo's own page."""
    app = create_app(pix, **{"pictures": 6, **options})
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client,
    ):
        assert (await client.post(SESSION)).status_code == 200
        yield client


async def listed_ids(client: httpx.AsyncClient) -> list[str]:
    return [picture["id"] for picture in (await client.get(PICTURES)).json()["pictures"]]


async def first_id(client: httpx.AsyncClient) -> str:
    return (await listed_ids(client))[0]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for as long as it takes: the test's own limit ends it."""
    while True:
        if await condition():
            return
        await anyio.sleep(0.01)


async def painted(client: httpx.AsyncClient) -> list[str]:
    """Return the ids that are listed once the server is back and every picture is painted."""

    async def is_done() -> bool:
        answer = await client.get(PICTURES)
        return answer.status_code == 200 and answer.json()["toPaint"] == 0

    await until(is_done)
    return await listed_ids(client)


async def entries_of(client: httpx.AsyncClient, *image_ids: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (await client.get(RECORDS, params={"id": image_ids})).json()["pictures"]
    return entries


def headers_of(record: ImageRecord) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}


async def batch_of(client: httpx.AsyncClient, *image_ids: str) -> list[bytes]:
    """Return the bodies of several images that came in one answer."""
    records = [ImageRecord.parse(entry["record"]) for entry in await entries_of(client, *image_ids)]
    images = [{"id": each.id, "token": each.token, "proof": each.stateless_proof} for each in records]
    content = (await client.post("/images/-/batch", json={"images": images})).content
    bodies = []
    for expected in range(len(images)):
        index, status, length = struct.unpack_from("<BHI", content)
        assert (index, status) == (expected, 200)
        bodies.append(content[7 : 7 + length])
        content = content[7 + length :]
    assert content == b""
    return bodies


async def payload_of(client: httpx.AsyncClient, image_id: str) -> httpx.Response:
    (entry,) = await entries_of(client, image_id)
    return await client.get(f"/images/{image_id}", headers=headers_of(ImageRecord.parse(entry["record"])))
