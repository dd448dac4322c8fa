"""Rows and chunks of bodies, and the sinks that write a body: in chunks, or to an object store."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from ...core.images import ImageMeta
from ...errors import StoreBusy, StoreError
from ...process import Clock
from ..contract import CHUNK_BYTES
from ..objects import Bodies, Pieces, Upload, UploadGone, keep
from ..rules import Chunks, NewVersion
from ..writers import CommitWith, Sink, Writer
from .transaction import BodyState, Engine, Transaction

_TOUCHED_EVERY_S = 30.0
_STAGED_CHUNKS = 4

_MOVE_PENDING = f"UPDATE {{body}} SET state = $2, {{changed}} = {{now}} WHERE id = $1 AND state = {BodyState.PENDING:d}"
_BURY = f"UPDATE {{body}} SET state = {BodyState.DEAD:d}, {{changed}} = {{now}} WHERE id = $1"
_INSERT_CHUNK = "INSERT INTO {chunk} ({chunk_columns}) VALUES ({chunk_address}, $3)"
_ADD_CHUNKS = (
    # A failover may lose the newest chunks. Chunks are written in order, so the previous one shows it.
    f"{_MOVE_PENDING} AND ($3 = 0 OR EXISTS (SELECT 1 FROM {{chunk}} WHERE {{previous_chunk}}))"
)


async def read_chunk(tx: Transaction, body: int, number: int) -> bytes | None:
    """Return one chunk, or None if it is missing."""
    row = await tx.one("SELECT data FROM {chunk} WHERE {this_chunk}", body, number)
    return row[0] if row else None


async def is_live(tx: Transaction, body: int) -> bool:
    """Return whether a body is an image's current one. If it is not, gc may have removed chunks of it."""
    return await tx.one("SELECT 1 FROM {body} WHERE id = $1 AND state = 1", body) is not None


async def add_body(tx: Transaction, chunks: Chunks, state: BodyState) -> int:
    """Write a new body with its first chunks, or with all of them. Return its id."""
    _require_room(tx, len(chunks))
    body = await tx.add_row(state)
    await _insert_chunks(tx, body, 0, chunks)
    return body


async def add_chunks(tx: Transaction, body: int, first: int, chunks: Chunks, state: BodyState) -> None:
    """Write further chunks of a pending body, from number `first` on, and set its state.

    state: LIVE in the commit, else PENDING. Raises UploadGone if the body, or the chunk before these, is missing.
    """
    _require_room(tx, first + len(chunks))
    if not await tx.run(_ADD_CHUNKS, body, state, first):
        raise UploadGone
    await _insert_chunks(tx, body, first, chunks)


async def bury(tx: Transaction, bodies: Sequence[int]) -> None:
    """Mark replaced or deleted bodies as dead, and overwrite their keys. No image points to them any longer."""
    await tx.drop_keys(bodies)
    # One by one: with its first array of a type, a PostgreSQL connection needs three more round trips.
    await tx.each(_BURY, [(body,) for body in bodies])


async def drop_pending(tx: Transaction, body: int) -> None:
    """Mark the body of an aborted write as dead. If the commit came first, the body stays live."""
    await tx.run(_MOVE_PENDING, body, BodyState.DEAD)


def _require_room(tx: Transaction, chunks: int) -> None:
    # Before the first statement: a refused commit of one version has no savepoint that could take a statement back.
    if chunks > tx.most_chunks:
        raise StoreError(f"an image has at most {tx.most_chunks} chunks of 256 KiB")


async def _insert_chunks(tx: Transaction, body: int, first: int, chunks: Chunks) -> None:
    rows = [(body, number, chunk) for number, chunk in enumerate(chunks, first)]
    await tx.each(_INSERT_CHUNK, rows)


async def touch(tx: Transaction, body: int) -> None:
    """Record that a pending body is still being written, so that gc keeps it. Raises UploadGone if gc removed it."""
    if not await tx.run(_MOVE_PENDING, body, BodyState.PENDING):
        raise UploadGone


async def has_object(tx: Transaction, body: int) -> bool:
    """Return whether a body is in an object store."""
    return await tx.one("SELECT 1 FROM {body} WHERE id = $1 AND object IS NOT NULL", body) is not None


async def has_objects(tx: Transaction, *, live: bool) -> bool:
    """Return whether any body is in an object store. live: whether to count current bodies only."""
    which = " AND state = 1" if live else ""
    return await tx.one(f"SELECT 1 FROM {{body}} WHERE object IS NOT NULL{which} LIMIT 1") is not None


async def begin_object(tx: Transaction, version: bytes) -> int:
    """Insert the row of an object that is about to be uploaded. Return the row's id."""
    await tx.lock("objects", shared=True)  # else gc, which has just found the name unused, could remove the object
    if await tx.one("SELECT 1 FROM {body} WHERE object = $1 AND removing", version):
        raise StoreBusy("an earlier write of this version is being removed: try again")
    return await tx.add_row(BodyState.PENDING, version)


async def begin_write(
    engine: Engine, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith, bodies: Bodies | None
) -> Writer:
    """Return the writer of a new version. The body goes to the object store `bodies`. If `bodies` is None, or the body
    is shorter than `bodies.smallest_bytes`, it goes to the database.
    """
    sink: Sink
    if bodies is None:
        sink = ChunkSink(engine)
    elif bodies.smallest_bytes:
        sink = SizedSink(engine, version, bodies)
    else:
        sink = await ObjectSink.begin(engine, version, bodies)
    return Writer(image_id, version, clock_ms, commit, sink)


class _PendingBody:
    """The row of a body while it is written. gc keeps the row while `touch` or a lease shows that the write goes on."""

    def __init__(self, engine: Engine, body: int | None) -> None:
        self._engine = engine
        self._body = body
        self._touched_s = time.monotonic()

    async def touch(self) -> None:
        if self._body is not None and time.monotonic() - self._touched_s > _TOUCHED_EVERY_S:
            self._touched_s = time.monotonic()
            await self._engine.write(touch, self._body)

    async def drop(self) -> None:
        try:
            await self._stop()
            if self._body is not None:
                await self._engine.write(drop_pending, self._body)
        finally:
            self.release()

    async def _stop(self) -> None:
        """Let the running part of the write end, before its body is dropped."""

    def release(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            self._engine.release_body(body)


class ChunkSink(_PendingBody):
    """Writes a body to the database in chunks.

    It collects up to 1 MiB, then writes it in one transaction as chunks of a PENDING body, while the next MiB arrives.
    So no lock is held while a client uploads.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, None)
        self._chunks: list[bytes | bytearray] = []
        self._rest = bytearray()
        self._staged_chunks = 0
        self._staging: asyncio.Task[None] | None = None

    async def write(self, piece: bytes | memoryview) -> None:
        await self.touch()
        left = memoryview(piece)
        while left:
            if len(self._chunks) == _STAGED_CHUNKS:
                await self._stage_soon()
            left = self._keep(left)

    async def finish(self, image_id: str, meta: ImageMeta) -> NewVersion:
        await self.staged()
        chunks = [*self._take(), *filter(None, [self._rest])]
        return NewVersion(image_id, meta, self._body, self._staged_chunks, chunks)

    async def staged(self) -> None:
        """Wait until the chunks on their way to the database are there. Raises StoreError if they are lost."""
        if self._staging is not None:
            await asyncio.shield(self._staging)  # if it were cancelled, its body would be unknown, and stay held
            self._staging = None

    async def _stop(self) -> None:
        self._take()
        if self._staging is not None:
            await asyncio.gather(asyncio.shield(self._staging), return_exceptions=True)

    async def _stage_soon(self) -> None:
        await self.staged()  # one at a time, so that memory is bounded
        chunks = self._take()
        self._staging = asyncio.create_task(self._stage(self._staged_chunks, chunks))
        self._staged_chunks += len(chunks)

    async def _stage(self, first: int, chunks: Chunks) -> None:
        self._touched_s = time.monotonic()
        try:
            await self._engine.write(self._add, first, chunks)
        except BaseException:
            if first == 0:
                self.release()  # its row was rolled back
            raise

    async def _add(self, tx: Any, first: int, chunks: Chunks) -> None:
        if self._body is not None:
            await add_chunks(tx, self._body, first, chunks, BodyState.PENDING)
            return
        body = await add_body(tx, chunks, BodyState.PENDING)
        self._engine.hold_body(body)  # before others see it
        self._body = body

    def _keep(self, piece: memoryview) -> memoryview:
        """Copy bytes of the piece until a chunk is full. Return the rest of the piece."""
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


class ObjectSink(_PendingBody):
    """Uploads a body to an object store. A row in the database names the object."""

    def __init__(self, engine: Engine, body: int, upload: Upload) -> None:
        super().__init__(engine, body)
        self._upload = upload
        self._syncing = asyncio.ensure_future(engine.sync())  # while the body arrives

    @classmethod
    async def begin(cls, engine: Engine, version: bytes, bodies: Bodies) -> "ObjectSink":
        """Insert the row of the object and begin its upload."""
        return cls(engine, await engine.write(begin_object, version), bodies.upload(version.hex()))

    async def write(self, piece: bytes | memoryview) -> None:
        await self.touch()
        await self._upload.write(piece)

    async def finish(self, image_id: str, meta: ImageMeta) -> NewVersion:
        await self.touch()  # raises if the row is gone: an object without a row would stay forever
        await asyncio.shield(self._syncing)  # after a power failure, gc finds the object by its row only
        await self._upload.finish()
        return NewVersion(image_id, meta, self._body)

    async def _stop(self) -> None:
        await asyncio.gather(asyncio.shield(self._syncing), return_exceptions=True)
        await self._upload.abort()


class SizedSink:
    """Writes a short body to the database, and a long one to an object store. It holds the bytes in memory until there
    are `bodies.smallest_bytes` of them or the body ends.
    """

    def __init__(self, engine: Engine, version: bytes, bodies: Bodies) -> None:
        self._engine = engine
        self._version = version
        self._bodies = bodies
        self._pieces: Pieces = []
        self._bytes = 0
        self._sink: ObjectSink | ChunkSink | None = None

    async def write(self, piece: bytes | memoryview) -> None:
        if self._sink is None and self._bytes + len(piece) >= self._bodies.smallest_bytes:
            await self._begin(await ObjectSink.begin(self._engine, self._version, self._bodies))
        if self._sink is None:
            keep(self._pieces, piece)
            self._bytes += len(piece)
        else:
            await self._sink.write(piece)

    async def finish(self, image_id: str, meta: ImageMeta) -> NewVersion:
        if self._sink is None:
            await self._begin(ChunkSink(self._engine))
        assert self._sink is not None
        return await self._sink.finish(image_id, meta)

    async def drop(self) -> None:
        self._pieces = []
        if self._sink is not None:
            await self._sink.drop()

    def release(self) -> None:
        if self._sink is not None:
            self._sink.release()

    async def _begin(self, sink: ObjectSink | ChunkSink) -> None:
        self._sink = sink
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            await sink.write(piece if isinstance(piece, bytes) else memoryview(piece))
