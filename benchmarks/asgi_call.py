"""One image request to an ASGI application without a server."""

import asyncio
from typing import Any, Self

from pixstore_asgi import ImageRecord, PixstoreApp


class AsgiCall:
    """Asks an application for the image of a record, as often as wanted."""

    def __init__(self, app: PixstoreApp, record: ImageRecord) -> None:
        self._app = app
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/{record.id}",
            "raw_path": f"/{record.id}".encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"x-pixstore-proof", record.stateless_proof.encode()),
                (b"x-pixstore-token", str(record.token).encode()),
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 80),
        }

    @classmethod
    def for_last_byte(cls, app: PixstoreApp, record: ImageRecord) -> Self:
        """Return the request for the last byte of a ciphertext, by the URL in the record."""
        call = cls(app, record)
        path, _, query = str(record.ciphertext_url).partition("?")
        headers = [(b"host", b"127.0.0.1"), (b"range", b"bytes=-1")]
        call._scope |= {"path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers}
        return call

    async def body(self) -> bytes:
        """Return the whole body of the answer."""
        return b"".join(await self._pieces())

    async def length(self) -> int:
        """Return the length of the answer's body in bytes."""
        return sum(map(len, await self._pieces()))

    async def _pieces(self) -> list[bytes]:
        pieces: list[bytes] = []

        async def send(message: Any) -> None:
            if body := message.get("body"):
                pieces.append(body)

        await self._app(dict(self._scope), _receive_nothing, send)
        return pieces


async def _receive_nothing() -> Any:
    await asyncio.get_running_loop().create_future()  # a client that stays to the end
