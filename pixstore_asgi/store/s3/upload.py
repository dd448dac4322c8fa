"""Writes one body into a bucket: in one request if it is short, else in parts as it arrives."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

from ...core.events import event
from ...errors import StoreError
from .objects import Objects

_log = logging.getLogger("pixstore_asgi")
_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes for a part


class Uploads(NamedTuple):
    """Counts of uploads: begun, and ended in each way. The rest is still running.

    finished: the object exists; if its image was refused after that, a sweep removes the object. aborted: the bucket
    has no part of it. not_aborted: ended without confirmation from the bucket, so parts may be left.

    If the answer to an upload's first request is lost, that request is sent again. An upload without parts may then
    remain that no count includes.
    """

    begun: int = 0
    finished: int = 0
    aborted: int = 0
    not_aborted: int = 0


class _GivenUpError(Exception):
    """Raised from the iterator of parts, so that obstore aborts the upload. A cancelled upload would leave its
    parts.
    """


class S3Upload:
    """One body. Holds back bytes that are too few for a part, and one part while the previous one is sent.

    counts: the counts to update, by the fields of Uploads.
    """

    def __init__(self, objects: Objects, name: str, counts: Counter[str]) -> None:
        self._objects = objects
        self._name = name
        self._counts = counts
        self._counts["begun"] += 1
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
            self._sending = asyncio.create_task(self._send_whole(self._part))
        else:
            if self._part:
                await self._send(self._part)
            await self._send(None)
        await asyncio.shield(self._sending)

    async def abort(self) -> None:
        self._part = bytearray()
        if self._sending is None:
            self._counts["aborted"] += 1
            return
        self._sending.add_done_callback(_look_at)
        with suppress(_GivenUpError, StoreError):  # which is counted, and logged where something may be left
            await self._send(_GivenUpError())
            await asyncio.shield(self._sending)  # the parts are aborted even if the caller is cancelled

    async def _send(self, part: "bytearray | _GivenUpError | None") -> None:
        """Pass on a part, the end (None), or an abort. Raises the error that ended the upload."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_parts())
        handing = asyncio.ensure_future(self._parts.put(part))
        await asyncio.wait({handing, self._sending}, return_when=asyncio.FIRST_COMPLETED)
        if not handing.done():
            handing.cancel()
            await self._sending

    async def _send_whole(self, body: bytearray) -> None:
        outcome = "aborted"
        try:
            await self._objects.put(self._name, body)
            outcome = "finished"
        finally:
            self._counts[outcome] += 1

    async def _send_parts(self) -> None:
        outcome = "not_aborted"
        try:
            await self._objects.put_parts(self._name, self._taken())
            outcome = "finished"
        except _GivenUpError:
            outcome = "aborted"
            raise
        except StoreError as error:
            _log.warning(
                "parts of an upload may be left in the bucket, for its lifecycle rule: %s",
                error,
                extra=event("upload_parts_left"),
            )
            raise
        finally:
            self._counts[outcome] += 1

    async def _taken(self) -> AsyncIterator[bytearray]:
        while (part := await self._parts.get()) is not None:
            if isinstance(part, _GivenUpError):
                raise part
            yield part


def _look_at(sending: "asyncio.Task[None]") -> None:
    if not sending.cancelled():
        sending.exception()  # the caller got it, or was cancelled
