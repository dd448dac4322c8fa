"""RefusedUploads: the rest of an upload is read before an error answer, within bounds, and before no other answer."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import litestar
import pytest
from fastapi import FastAPI, HTTPException
from litestar import Litestar
from litestar.exceptions import NotAuthorizedException
from quart import Quart, abort
from starlette.types import Message, Receive, Scope, Send

from pixstore_asgi.asgi import refused_uploads
from pixstore_asgi.asgi.refused_uploads import RefusedUploads
from pixstore_asgi.integrations.litestar import PixstorePlugin
from pixstore_asgi.integrations.quart import add_pixstore
from pixstore_asgi.integrations.starlette import add_error_handlers
from pixstore_asgi.testing import MemoryPixstore

PIECES: list[Message] = [
    *({"type": "http.request", "body": bytes(1000), "more_body": True} for _ in range(9)),
    {"type": "http.request", "body": b"end"},
]


class Client:
    """A client that sends these pieces, then nothing more. It counts those that were taken before the answer."""

    def __init__(self, pieces: Sequence[Message] = PIECES, **headers: str) -> None:
        self.left = list(pieces)
        self.taken = 0
        self.status = 0
        sent = {"content_length": "9003", **headers}
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/",
            "query_string": b"",
            "http_version": "1.1",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items() if value],
        }

    async def receive(self) -> Message:
        await asyncio.sleep(0)
        if not self.left:
            await asyncio.Event().wait()
        self.taken += 1
        return self.left.pop(0)

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)

    async def ask(self, status: int, reads: int = 1) -> int:
        """Ask an application that answers with a status after so many pieces. Return the number of pieces taken."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            for _ in range(reads):
                await receive()
            await send({"type": "http.response.start", "status": status, "headers": []})

        async with asyncio.timeout(20):
            await RefusedUploads(app)(self.scope, self.receive, self.send)
        assert self.status == status
        return self.taken


@pytest.mark.parametrize(("status", "taken"), [(200, 2), (303, 2), (400, 10), (401, 10), (413, 10), (507, 10)])
async def test_the_rest_is_read_before_an_error(status: int, taken: int) -> None:
    """Before an error answer all pieces are taken, before any other one no more than the application took."""
    assert await Client().ask(status, reads=2) == taken


async def test_a_body_at_its_end_is_not_read_on() -> None:
    """After the last piece, a disconnect, or without a body, no piece is waited for."""
    assert await Client().ask(400, reads=10) == 10
    assert await Client([{"type": "http.disconnect"}]).ask(400, reads=1) == 1
    assert await Client([PIECES[0], {"type": "http.disconnect"}]).ask(400, reads=1) == 2
    assert await Client([], content_length="").ask(400, reads=0) == 0


async def test_a_client_that_waits_for_a_go_is_refused_at_once() -> None:
    """A client with an Expect header is not asked for its body only to drop it. If it sends already, it is read."""
    assert await Client(expect="100-continue").ask(401, reads=0) == 0
    assert await Client(expect="100-continue").ask(401, reads=1) == 10


async def test_reading_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is sent after so many bytes, after a pause, and after the whole time, whichever is first."""
    monkeypatch.setattr(refused_uploads, "MOST_BYTES", 3000)
    assert await Client().ask(413, reads=2) == 5
    monkeypatch.setattr(refused_uploads, "LONGEST_PAUSE_S", 0.01)
    assert await Client(PIECES[:2]).ask(413, reads=1) == 2
    monkeypatch.setattr(refused_uploads, "LONGEST_PAUSE_S", 1000)
    monkeypatch.setattr(refused_uploads, "LONGEST_S", 0.01)
    assert await Client(PIECES[:2]).ask(413, reads=1) == 2


async def test_a_reader_of_the_application_reads_on() -> None:
    """If another task of the application reads the body, the answer waits until that task has read all of it."""
    client, status = Client(), 400

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def read() -> None:
            while (await receive()).get("more_body"):
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        assert client.taken == 10
        await reading

    async with asyncio.timeout(20):
        await RefusedUploads(app)(client.scope, client.receive, client.send)
    assert client.status == status


def fastapi_app() -> Any:
    app = FastAPI()
    add_error_handlers(app)

    @app.post("/")
    async def upload() -> None:
        raise HTTPException(401)

    return app


def litestar_app() -> Any:
    @litestar.post("/")
    async def upload() -> None:
        raise NotAuthorizedException

    return Litestar([upload], plugins=[PixstorePlugin(MemoryPixstore())], logging_config=None)


def quart_app() -> Any:
    app = Quart(__name__)
    add_pixstore(app, MemoryPixstore())

    @app.post("/")
    async def upload() -> str:
        abort(401)

    return app


@pytest.mark.parametrize("make", [fastapi_app, litestar_app, quart_app])
async def test_the_integrations_read_refused_uploads(make: Callable[[], Any]) -> None:
    """In an application with the integration of its framework, a login that refuses with 401 has the upload read
    first.
    """
    client = Client()
    async with asyncio.timeout(20):
        await make()(client.scope, client.receive, client.send)
    assert (client.status, client.taken) == (401, 10)
