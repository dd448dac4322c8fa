"""Reading and writing one blob of the SQLite store: whole where it is small, else chunk by chunk, under a lease."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

import anyio

from ...core.images import ImageMeta, StoredImage
from ...errors import StoreError
from ..clock import Clock
from ..contract import CHUNK_BYTES, WHOLE_BYTES, Expect, Expected, ImageWriter
from ..rules import check_meta
from . import blobs, rows
from .commits import Commit
from .connection import translated
from .schema import Writer
from .session import Session

_log = logging.getLogger("pixstore_asgi")
_STAGED_CHUNKS = 4
_MAX_TRIES = 100


async def open_stream(session: Session, image_id: str) -> "SqliteStream | None":
    """Open the current version of an image, or None. Takes a lease where not all of it came with its row."""
    for _ in range(_MAX_TRIES):
        opened = await session.read(rows.open_blob, image_id)
        if opened is None:
            return None
        image, blob, chunks = opened
        if image.meta.size <= WHOLE_BYTES:
            if len(chunks) * CHUNK_BYTES < image.meta.size:  # no sweep can have taken one: see rows.open_blob
                raise _missing(image_id, "restore it from a backup")
            return SqliteStream(session, image, None, chunks)
        with translated(session.path):
            is_leased = session.leases.acquire(blob)
        if is_leased:
            stream = SqliteStream(session, image, blob, chunks)
            try:
                # Before the lease was there, the image could be updated and this blob swept: then start over.
                if await session.read(blobs.is_live, blob):
                    return stream
            except BaseException:
                await stream.aclose()
                raise
            await stream.aclose()
    raise StoreError(f"image {image_id} points to a body that is not there: restore the database from a backup")


class SqliteStream:
    """One version being read, whose first chunks are in memory.

    `blob` is leased and freed by this stream, or None where these chunks are all. Of the others each is read while the
    one before it is used, so that a reader who stops holds two.
    """

    def __init__(self, session: Session, image: StoredImage, blob: int | None, chunks: list[bytes]) -> None:
        self.image = image
        self._session = session
        self._blob = blob
        self._chunks = chunks
        self._number = 0
        self._left = image.meta.size
        self._ahead: asyncio.Task[bytes | StoreError | None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0:
            await self.aclose()
            raise StopAsyncIteration
        # Shielded, so that who was cancelled here may go on.
        chunk = self._take() if self._ahead is None else await asyncio.shield(self._ahead)
        if not isinstance(chunk, bytes) or len(chunk) != min(CHUNK_BYTES, self._left):
            await self.aclose()
            if isinstance(chunk, StoreError):
                raise chunk
            raise _missing(self.image.id, self._reason())
        self._number += 1
        self._left -= len(chunk)
        self._read_ahead()
        return chunk

    async def aclose(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
        self._free()

    def _take(self) -> bytes | None:
        return self._chunks.pop(0) if self._chunks else None

    def _read_ahead(self) -> None:
        self._ahead = None
        if self._left and self._blob is not None and not self._chunks:
            self._ahead = asyncio.create_task(_outcome(self._session, self._blob, self._number))

    def _reason(self) -> str:
        if self._session.leases.are_shared:
            return "restore it from a backup"
        return "it was read for longer than sweep_grace_s, or restore it from a backup"

    def _free(self) -> None:
        self._left, self._chunks, self._ahead = 0, [], None
        blob, self._blob = self._blob, None
        if blob is not None:
            self._session.leases.release(blob)

    __del__ = _free  # a stream that was dropped unread must not keep its blob for ever


def _missing(image_id: str, reason: str) -> StoreError:
    return StoreError(f"part of image {image_id} is missing from the store: {reason}")


async def _outcome(session: Session, blob: int, number: int) -> bytes | StoreError | None:
    """Return a chunk that may never be asked for, and so what kept it from being read too."""
    try:
        return await session.read(blobs.read_chunk, blob, number)
    except StoreError as error:
        return error


class SqliteWriter(ImageWriter):
    """One version being written. Holds back up to 1 MiB, then stages it under a pending, leased blob while the next
    MiB comes in: no lock is held while a client uploads."""

    def __init__(self, session: Session, image_id: str, version: bytes, clock_ms: Clock) -> None:
        self._session = session
        self._image_id = image_id
        self._version = version
        self._clock_ms = clock_ms
        self._blob: int | None = None
        self._staged_chunks = 0
        self._staging: asyncio.Future[None] | None = None
        self._chunks: list[bytes | bytearray] = []
        self._rest = bytearray()
        self._size = 0
        self._has_ended = False

    async def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        self._size += len(piece)
        left = memoryview(piece)
        while left:
            if len(self._chunks) == _STAGED_CHUNKS:
                await self._stage()
            left = self._keep(left)

    async def commit(
        self,
        meta: ImageMeta,
        *,
        checks: Sequence[bytes] = (),
        expect: Expected = Expect.ANY,
        token: int | None = None,
    ) -> StoredImage:
        self._check_open()
        async with self._aborting():
            check_meta(self._image_id, meta, version=self._version, size=self._size)
            await self._end_stage()
            chunks = [*self._take(), *filter(None, [self._rest])]
            position = (self._blob, self._staged_chunks)
            commit = Commit(self._image_id, meta, checks, expect, token, *position, chunks, self._clock_ms())
            image = await self._session.commit(commit)
        self._has_ended = True
        self._free()
        return image

    async def abort(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._take()
        if self._size > _STAGED_CHUNKS * CHUNK_BYTES:
            with anyio.CancelScope(shield=True):
                await self._drop()

    async def _stage(self) -> None:
        await self._end_stage()  # one at a time: what waits for the writer is bounded
        chunks = self._take()
        self._staging = asyncio.ensure_future(self._session.write(self._stage_in_turn, self._staged_chunks, chunks))
        self._staged_chunks += len(chunks)

    async def _end_stage(self) -> None:
        """Wait for what is being staged. Raises what kept it from being written."""
        staging, self._staging = self._staging, None
        if staging is not None:
            async with self._aborting():
                await staging

    def _stage_in_turn(self, db: Writer, first: int, chunks: list[bytes | bytearray]) -> None:
        is_new = self._blob is None
        try:
            blobs.stage(db, self._blob, first, chunks, self._clock_ms(), self._own)
        except BaseException:
            if is_new:
                self._free()  # what was rolled back gives its id to the next upload
            raise

    @asynccontextmanager
    async def _aborting(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            # The chunks that were under way are gone from the buffer: going on would leave a hole.
            await self.abort()
            raise

    def _own(self, blob: int) -> None:
        self._session.leases.acquire(blob)
        self._blob = blob

    async def _drop(self) -> None:
        # In the writer's turn: a stage may be under way there, and only then is its blob known.
        try:
            if self._staging is not None:
                await asyncio.gather(self._staging, return_exceptions=True)
            await self._session.write(self._mark_dead)
        except StoreError as error:  # must not hide why the write was given up; a later sweep finds the blob
            _log.info("an upload given up was not marked dead: %s", error)
        finally:
            self._free()

    def _mark_dead(self, db: Writer) -> None:
        if self._blob is not None:
            blobs.drop_pending(db, self._blob, self._clock_ms())

    def _free(self) -> None:
        blob, self._blob = self._blob, None
        if blob is not None:
            self._session.leases.release(blob)

    def _keep(self, piece: memoryview) -> memoryview:
        """Copy as much as goes into one chunk; return what is left of the piece."""
        room = CHUNK_BYTES - len(self._rest)
        if not self._rest and len(piece) >= CHUNK_BYTES:
            self._chunks.append(bytes(piece[:room]))
        else:
            self._rest += piece[:room]
            if len(self._rest) == CHUNK_BYTES:
                self._chunks.append(self._rest)
                self._rest = bytearray()
        return piece[room:]

    def _take(self) -> list[bytes | bytearray]:
        chunks, self._chunks = self._chunks, []
        return chunks

    def _check_open(self) -> None:
        if self._has_ended:
            raise StoreError("this write has ended: begin a new one")
