"""SyncPayload: the answer to one image request, for views that are not async."""

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from ..serving.payload import Payload
from .calls import Call


class SyncPayload(Iterator[bytes]):
    """A Payload as an iterator of bytes. Its stream closes after the last piece, on `close()` and at the end of `with`.

    Django sends and closes it: `StreamingHttpResponse(payload, status=payload.status, headers=payload.headers)`. Flask
    too: `Response(payload, payload.status, payload.headers)`.

    Attributes:
        state: The WireState.
        size: The number of bytes.
        status: The HTTP status.
        headers: The HTTP headers, by lower-case name.
    """

    def __init__(self, payload: Payload, loop: asyncio.AbstractEventLoop) -> None:
        self.state = payload.state
        self.size = payload.size
        self.status = payload.status
        self.headers = payload.headers
        self._whole = payload.whole
        self._payload = payload
        self._loop = loop

    def __next__(self) -> bytes:
        """Return the next piece.

        Raises:
            StoreError: The store has lost part of the image.
        """
        if self._whole is None:
            piece = Call[bytes]().run(_next(self._payload), self._loop)
        else:
            piece, self._whole = self._whole, b""
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Close the stream of the store. Repeated calls do nothing."""
        if self._whole is not None:
            self._whole = b""
        elif not self._loop.is_closed():  # the end of an event loop closes its streams
            Call[None]().run(self._payload.aclose(), self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sync{self._payload!r}"


async def _next(payload: Payload) -> bytes:
    return await anext(payload, b"")
