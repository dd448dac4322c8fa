"""Reads one body from a bucket, or uploads one."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

from ...core.events import event
from ...core.images import StoredImage
from ...errors import StoreBusy, StoreDamaged, StoreError
from ..chunk_stream import ChunkStream
from ..contract import CHUNK_BYTES
from .objects import CUT_SHORT, BucketAway, NoSuchObject, Objects

_log = logging.getLogger("pixstore_asgi")
_MOST_BREAKS = 3  # of the connection, one after another, with no byte read in between
_PART_BYTES = 5 * 1024 * 1024  # the smallest part that S3 accepts


def open_object(objects: Objects, image: StoredImage, name: str) -> ChunkStream:
    """Return a stream of an image's object. gc leaves a replaced object in place for `sweep_grace_s`."""
    chunks = _Chunks(objects, image, name)
    reason = "its object is cut short: restore it from a backup"
    # obstore reads up to 400 KiB ahead of the last read, and the system's socket more.
    return ChunkStream(image, [], chunks.read, reason, chunks.close, reads_ahead=False)


class _Chunks:
    """Reads the chunks of one object in their order. If the connection breaks, it requests the rest again."""

    def __init__(self, objects: Objects, image: StoredImage, name: str) -> None:
        self._objects = objects
        self._image = image
        self._name = name
        self._read = bytearray()
        self._source: AsyncIterator[object] | None = None
        self._breaks = 0

    async def read(self, number: int) -> bytes:
        start = number * CHUNK_BYTES
        wanted = min(CHUNK_BYTES, self._image.meta.size - start)
        while len(self._read) < wanted:
            await self._read_on(start)
        chunk, self._read = bytes(self._read[:wanted]), self._read[wanted:]
        return chunk

    def close(self) -> None:
        self._read, self._source = bytearray(), None

    async def _read_on(self, start: int) -> None:
        try:
            piece = await self._next_piece(start + len(self._read))
        except StoreBusy:
            self._source = None
            self._breaks += 1
            if self._breaks == _MOST_BREAKS:
                raise
            return
        self._breaks = 0
        self._read += piece
        if start + len(self._read) > self._image.meta.size:
            raise self._damaged()

    async def _next_piece(self, start: int) -> memoryview:
        """Return the next bytes. Raises StoreBusy if the connection breaks before the last byte."""
        if self._source is None:
            self._source = await self._asked(start)
        async with self._objects.patiently():
            piece = await anext(self._source, None)
        if piece is None:
            raise BucketAway(CUT_SHORT)
        return memoryview(piece)  # type: ignore[arg-type]

    async def _asked(self, start: int) -> AsyncIterator[object]:
        try:
            answer = await self._objects.get(self._name, start)
        except NoSuchObject:
            raise NoSuchObject(
                f"the object of image {self._image.id} is missing from the bucket: check that blobs= "
                f"names the bucket and prefix of its save, or restore it from a backup"
            ) from None
        if answer.meta["size"] != self._image.meta.size:
            raise self._damaged()
        return aiter(answer.stream(min_chunk_size=CHUNK_BYTES))

    def _damaged(self) -> StoreDamaged:
        return StoreDamaged(
            f"the object of image {self._image.id} has another length than the image: restore it from a backup"
        )


class Uploads(NamedTuple):
    """Counts of uploads: all that were begun, and those that have ended, by outcome. The others are still running.

    finished: the object exists; if its image was refused after that, gc removes the object. aborted: the bucket kept no
    part. not_aborted: the upload ended without confirmation from the bucket, so parts may be left.

    If the answer to an upload's first request is lost, obstore sends that request again. Then an upload without parts
    may remain in the bucket, and no count includes it.
    """

    begun: int = 0
    finished: int = 0
    aborted: int = 0
    not_aborted: int = 0


class _GivenUpError(Exception):
    """Raised in the iterator of parts, so that obstore aborts the upload. Cancelling the upload would leave
    its parts.
    """


class S3Upload:
    """Uploads one body. It collects bytes until they make a part. It holds one part while the previous one is sent.

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
        with suppress(_GivenUpError, StoreError):  # it is counted already, and logged if parts may be left
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
