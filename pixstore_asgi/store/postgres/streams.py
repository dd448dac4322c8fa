"""Reading and writing one body of the PostgreSQL store: whole if it is small, else chunk by chunk.

A connection is held for one chunk only, so that slow readers and uploads hold none.
"""

import time

from ...core.images import StoredImage
from ...process import Clock
from ..chunk_stream import ChunkStream
from ..contract import ImageWriter
from ..group_writer import CommitWith
from ..groups import Chunks
from ..objects import TOUCHED_EVERY_S, Bodies, ObjectWriter
from ..staged_writer import StagedWriter
from ..tables import bodies as body_rows
from ..tables import images, objects
from ..tables.transaction import BodyState
from .database import Database


class PostgresStream(ChunkStream):
    """One version being read. Its body stays until `sweep_grace_s` after another version has replaced it."""

    def __init__(self, database: Database, image: StoredImage, body: int, chunks: list[bytes]) -> None:
        super().__init__(image, chunks)
        self._database = database
        self._body = body

    async def _read_chunk(self, number: int) -> bytes | None:
        return await self._database.read(body_rows.read_chunk, self._body, number)

    def _reason(self) -> str:
        return "the read took longer than sweep_grace_s, or a failover lost it: read again, or restore it from a backup"

    def _release(self) -> None:
        """Does nothing: the body expires by time only."""


class PostgresPending:
    """The row of an object that is being uploaded."""

    def __init__(self, database: Database, body: int) -> None:
        self.body = body
        self._database = database

    async def touch(self) -> None:
        await self._database.write(objects.touch, self.body)

    async def drop(self) -> None:
        await self._database.write(body_rows.drop_pending, self.body)


class PostgresWriter(StagedWriter):
    """One version being written. Staged chunks belong to a pending body."""

    def __init__(self, database: Database, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith) -> None:
        super().__init__(image_id, version, clock_ms, commit)
        self._database = database
        self._touched_s = 0.0

    async def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        if self._body is not None and time.monotonic() - self._touched_s > TOUCHED_EVERY_S:
            self._touched_s = time.monotonic()
            async with self._aborting():
                await self._database.write(objects.touch, self._body)
        await super().write(piece)

    async def _stage(self, first: int, chunks: Chunks) -> None:
        self._touched_s = time.monotonic()
        if self._body is None:
            self._body = await self._database.write(body_rows.add_body, chunks, BodyState.PENDING)
        else:
            await self._database.write(body_rows.add_chunks, self._body, first, chunks, BodyState.PENDING)

    async def _drop(self) -> None:
        if self._body is not None:
            await self._database.write(body_rows.drop_pending, self._body)

    def _release(self) -> None:
        """Does nothing: a pending body expires by time only."""


async def begin_write(
    database: Database,
    image_id: str,
    version: bytes,
    clock_ms: Clock,
    commit: CommitWith,
    bodies: Bodies | None,
) -> ImageWriter:
    """Begin a version, its body in the database or in `bodies`."""
    if bodies is None:
        return PostgresWriter(database, image_id, version, clock_ms, commit)
    row = PostgresPending(database, await database.write(objects.begin, version))
    return ObjectWriter(image_id, version, clock_ms, commit, row, bodies.upload(version.hex()))


async def open_stream(database: Database, image_id: str) -> PostgresStream | None:
    """Open the current version of an image, or None."""
    opened = await database.read(images.open_body, image_id)
    return PostgresStream(database, *opened) if opened else None
