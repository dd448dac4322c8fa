"""ASGI lifespan: opens the Pixstore before the wrapped application starts, and closes it after its shutdown."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.types import Message, Receive, Send

from ..errors import PixstoreError
from ..pixstore import Pixstore

Inner = Callable[[Any, Any, Any], Awaitable[None]]


async def run_lifespan(
    pixstore: Pixstore, scope: MutableMapping[str, Any], receive: Receive, send: Send, inner: Inner | None = None
) -> None:
    """Serve the lifespan scope, with the wrapped application `inner` if there is one.

    If `inner` is None or does not support lifespan, this function answers the messages itself.
    """
    startup = await receive()
    try:
        await pixstore.open()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        if isinstance(error, PixstoreError):
            return
        raise
    life = _Lifespan(pixstore, startup, receive, send)
    try:
        if inner is not None:
            await life.run(scope, inner)
        if not life.was_answered:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await life.close()
            await send({"type": "lifespan.shutdown.complete"})
    finally:
        await life.close()


class _Lifespan:
    """Passes lifespan messages on to the wrapped application, and closes the Pixstore before the answer to shutdown
    is sent.
    """

    def __init__(self, pixstore: Pixstore, startup: Message, receive: Receive, send: Send) -> None:
        self._pixstore = pixstore
        self._startup: Message | None = startup
        self._receive = receive
        self._send = send
        self._is_open = True
        self.was_answered = False

    async def run(self, scope: MutableMapping[str, Any], inner: Inner) -> None:
        try:
            await inner(scope, self.receive, self.send)
        except Exception as error:
            # An application without lifespan support raises before it receives a message (ASGI, "Lifespan Protocol").
            # If it raises after it received the startup message, its start failed.
            if self.was_answered:
                raise
            if self._startup is None:
                await self.send({"type": "lifespan.startup.failed", "message": str(error)})
                raise

    async def receive(self) -> Message:
        startup, self._startup = self._startup, None
        return startup or await self._receive()

    async def send(self, message: Message) -> None:
        self.was_answered = True
        if message["type"] != "lifespan.startup.complete":
            await self.close()
        await self._send(message)

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            await self._pixstore.close()
