"""Reading and writing one body of the SQLite store: whole if it is small, else chunk by chunk, under a lease."""

import asyncio

from ...core.images import StoredImage
from ...errors import StoreBusy, StoreDamaged
from ...process import Clock
from ..chunk_stream import ChunkStream, missing_part
from ..contract import CHUNK_BYTES, WHOLE_BYTES, ImageWriter
from ..groups import Chunks
from ..objects import Bodies, ObjectWriter
from ..staged_writer import StagedWriter
from ..tables import bodies as body_rows
from ..tables import images, objects
from ..tables.transaction import BodyState
from .connection import translated
from .engine import Engine, transact
from .transaction import run
from .writer import Writer, write_transaction

_RESTORE = "restore it from a backup"
_MAX_TRIES = 100
_PAUSE_S = 0.01


async def open_stream(engine: Engine, image_id: str) -> "SqliteStream | None":
    """Open the current version of an image, or None. Takes a lease unless the whole body came with its row."""
    is_leased = True
    for _ in range(_MAX_TRIES):
        opened = await engine.read(images.open_body, image_id)
        if opened is None:
            return None
        image, blob, chunks = opened
        if image.meta.size <= WHOLE_BYTES:
            if len(chunks) * CHUNK_BYTES < image.meta.size:  # gc can have taken none: see images.open_body
                raise missing_part(image_id, _RESTORE)
            return SqliteStream(engine, image, None, chunks)
        with translated(engine.path):
            is_leased = engine.leases.acquire(blob)
        if not is_leased:  # gc is checking whether to remove it, or removes a version that was current a moment ago
            await asyncio.sleep(_PAUSE_S)
            continue
        if stream := await _leased_stream(engine, image, blob, chunks):
            return stream
    if not is_leased:
        raise StoreBusy(f"a sweep holds the body of image {image_id}: try again")
    raise StoreDamaged(f"image {image_id} points to a body that is not there: restore the database from a backup")


async def _leased_stream(engine: Engine, image: StoredImage, blob: int, chunks: list[bytes]) -> "SqliteStream | None":
    """Return a stream of a leased body; None, with the lease released, if it is not live."""
    stream = SqliteStream(engine, image, blob, chunks)
    try:
        # Before the lease was there, the image could be updated and this blob swept.
        if await engine.read(body_rows.is_live, blob):
            return stream
    except BaseException:
        await stream.aclose()
        raise
    await stream.aclose()
    return None


class SqliteStream(ChunkStream):
    """One version being read. blob: the leased body, released by this stream, or None if all chunks are in memory."""

    def __init__(self, engine: Engine, image: StoredImage, blob: int | None, chunks: list[bytes]) -> None:
        super().__init__(image, chunks)
        self._engine = engine
        self._blob = blob

    async def _read_chunk(self, number: int) -> bytes | None:
        return None if self._blob is None else await self._engine.read(body_rows.read_chunk, self._blob, number)

    def _reason(self) -> str:
        if self._engine.leases.are_shared:
            return _RESTORE
        return f"it was read for longer than sweep_grace_s, or {_RESTORE}"

    def _release(self) -> None:
        blob, self._blob = self._blob, None
        if blob is not None:
            self._engine.leases.release(blob)


class SqlitePending:
    """The row of an object that is being uploaded."""

    def __init__(self, engine: Engine, blob: int) -> None:
        self.body = blob
        self._engine = engine

    async def touch(self) -> None:
        await self._engine.write(objects.touch, self.body)

    async def drop(self) -> None:
        await self._engine.write(body_rows.drop_pending, self.body)


class SqliteWriter(StagedWriter):
    """One version being written. Staged chunks belong to a pending body with a lease."""

    def __init__(self, engine: Engine, image_id: str, version: bytes, clock_ms: Clock) -> None:
        super().__init__(image_id, version, clock_ms, engine.commit)
        self._engine = engine

    async def _stage(self, first: int, chunks: Chunks) -> None:
        await self._engine.on_writer(self._stage_in_turn, first, chunks)

    async def _drop(self) -> None:
        # On the writer's thread: a stage may be running there, and its body is known only after it.
        await self._engine.on_writer(self._mark_dead)

    def _release(self) -> None:
        blob, self._body = self._body, None
        if blob is not None:
            self._engine.leases.release(blob)

    def _stage_in_turn(self, db: Writer, first: int, chunks: Chunks) -> None:
        is_new = self._body is None
        try:
            with write_transaction(db) as tx:
                if self._body is None:
                    self._own(run(body_rows.add_body(tx, chunks, BodyState.PENDING)))  # before others see it
                else:
                    run(body_rows.add_chunks(tx, self._body, first, chunks, BodyState.PENDING))
        except BaseException:
            if is_new:
                self._release()  # the id is rolled back, and the next upload gets it
            raise

    def _own(self, blob: int) -> None:
        self._engine.leases.acquire(blob)
        self._body = blob

    def _mark_dead(self, db: Writer) -> None:
        if self._body is not None:
            transact(db, body_rows.drop_pending, self._body)


async def begin_write(
    engine: Engine, image_id: str, version: bytes, clock_ms: Clock, bodies: Bodies | None
) -> ImageWriter:
    """Begin a version, its body in the database or in `bodies`."""
    if bodies is None:
        return SqliteWriter(engine, image_id, version, clock_ms)
    pending = SqlitePending(engine, await engine.write(objects.begin, version))
    upload = bodies.upload(version.hex())
    return ObjectWriter(image_id, version, clock_ms, engine.commit, pending, upload)
