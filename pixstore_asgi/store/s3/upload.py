"""One body on its way into a bucket: in one request where it is short, else in parts while it comes in."""

import asyncio
import logging
from collections.abc import AsyncIterator

from ...errors import StoreError
from .objects import Objects

_log = logging.getLogger("pixstore_asgi")
_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes for a part


class _GivenUpError(Exception):
    """Tells obstore, out of the parts that it asks for, to abort an upload: being cancelled it would leave them."""


class S3Upload:
    """One body. Holds back what makes no part yet, and one part while the one before it is sent."""

    def __init__(self, objects: Objects, name: str) -> None:
        self._objects = objects
        self._name = name
        self._part = bytearray()
        self._parts: asyncio.Queue[bytearray | _GivenUpError | None] = asyncio.Queue(1)
        self._sending: asyncio.Task[None] | None = None

    async def write(self, piece: bytes | memoryview) -> None:
        self._part += piece
        if len(self._part) >= _PART_BYTES:
            part, self._part = self._part, bytearray()
            await self._send(part)

    async def finish(self) -> None:
        if self._sending is None:
            self._sending = asyncio.create_task(self._objects.put(self._name, self._part))
        else:
            if self._part:
                await self._send(self._part)
            await self._send(None)
        await asyncio.shield(self._sending)

    async def abort(self) -> None:
        self._part = bytearray()
        if self._sending is None:
            return
        try:
            await self._send(_GivenUpError())
            await self._sending
        except (_GivenUpError, StoreError) as error:
            if not isinstance(error, _GivenUpError):
                _log.warning("parts of an upload may be left in the bucket, for its lifecycle rule: %s", error)

    async def _send(self, part: "bytearray | _GivenUpError | None") -> None:
        """Hand on a part, the end (None), or that there is none. Raises what has ended the sending."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._objects.put_parts(self._name, self._taken()))
        handing = asyncio.ensure_future(self._parts.put(part))
        await asyncio.wait({handing, self._sending}, return_when=asyncio.FIRST_COMPLETED)
        if not handing.done():
            handing.cancel()
            await self._sending

    async def _taken(self) -> AsyncIterator[bytearray]:
        while (part := await self._parts.get()) is not None:
            if isinstance(part, _GivenUpError):
                raise part
            yield part
