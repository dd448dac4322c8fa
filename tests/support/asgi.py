"""An ASGI app asked as a server asks it: by httpx, and by a wire that records, stalls and disconnects."""

import asyncio
from typing import Any

import httpx

from pixstore_asgi import ImageRecord
from tests.support.requests import headers


def client(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, **options), base_url="http://testserver")


def scope_of(record: ImageRecord, **changes: Any) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers(record).items()]
    scope = {"type": "http", "method": "GET", "path": f"/{record.id}", "root_path": "", "headers": raw}
    return {**scope, **changes}


class Wire:
    """The server's side of one request: records the messages, can stall, and can disconnect.

    It does not record an empty piece that is not the last one: such a message only waits for room.
    """

    def __init__(self, stall_after: int | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.stall_after = stall_after
        self.has_stalled = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message.get("more_body") and not message["body"]:
            return
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
