"""SqliteStore: images in one SQLite file, through aiosqlite; one writer and two reader connections per process."""

import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Concatenate, Self

import anyio

from ..errors import StoreError
from ..records import ImageMeta, StoredImage
from . import sqlite_rows as rows
from .base import CHUNK_BYTES, Clock, Expect, Expected, check_size, running_loop, wall_clock_ms
from .sqlite_connection import Connection, P, R, translated
from .sqlite_schema import prepare

_log = logging.getLogger("pixstore_asgi")
_READERS = 2
_STAGED_BYTES = 4 * CHUNK_BYTES
_SWEPT_PER_WRITE = 4


class SqliteStore:
    """Keeps images in the SQLite database at `path`, which is created with mode 0600 where it is missing.

    busy_timeout_s: how long a write waits for another process's write before StoreBusy. sweep_grace_s: how long a
    replaced, deleted or abandoned blob is kept for readers of other processes; longer than any stream may last.
    clock_ms: returns epoch milliseconds. asyncio only; open it after a fork, not before.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout_s: float = 5.0,
        sweep_grace_s: float = 600.0,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        self.path = Path(path).absolute()
        self.key_file = self.path.with_name(self.path.name + ".key")
        self._busy_timeout_s = busy_timeout_s
        self._sweep_grace_ms = int(sweep_grace_s * 1000)
        self._clock_ms = clock_ms
        self._connections: tuple[Connection, ...] = ()
        self._pid = 0
        self._in_use: Counter[int] = Counter()

    async def open(self) -> None:
        if self._connections:
            return
        running_loop()
        await anyio.to_thread.run_sync(self._prepare)
        opened: list[Connection] = []
        try:
            while len(opened) < 1 + _READERS:
                connection = await Connection.connect(self.path, self._busy_timeout_s, query_only=bool(opened))
                opened.append(connection)
        except BaseException:
            await _close(opened)
            raise
        self._connections = tuple(opened)
        self._pid = os.getpid()

    async def close(self) -> None:
        try:
            if self._connections and self._pid == os.getpid():
                await self.sweep()
        except StoreError as error:  # nothing is lost by it: the next write or close sweeps
            _log.info("%s was closed without a sweep: %s", self.path, error)
        finally:
            connections, self._connections = self._connections, ()
            await _close(connections[::-1])

    async def key_checks(self) -> frozenset[bytes]:
        return await self._read(rows.key_checks)

    async def claim_keys(self, checks: Sequence[bytes]) -> frozenset[bytes]:
        return await self._write(rows.claim_keys, checks)

    async def get(self, image_id: str) -> StoredImage | None:
        return await self._read(rows.get, image_id)

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        return await self._read(rows.get_many, image_ids)

    async def open_stream(self, image_id: str) -> "_SqliteStream | None":
        opened = await self._read(rows.open_blob, image_id)
        return _SqliteStream(self, *opened) if opened else None

    async def begin_write(self, image_id: str) -> "_SqliteWriter":
        self._checked_connections()
        return _SqliteWriter(self, image_id)

    async def update_meta(
        self, image_id: str, *, expect: Expected, wrapped_key: bytes | None = None, token: int | None = None
    ) -> StoredImage:
        return await self._write(rows.update_meta, image_id, expect, wrapped_key, token)

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        await self.sweep(limit=_SWEPT_PER_WRITE)
        return await self._write(rows.delete, image_id, expect, self._clock_ms())

    async def list(self, *, after: str | None = None, limit: int = 100) -> "list[StoredImage]":
        return await self._read(rows.list_images, after, limit)

    async def stamp(self) -> Hashable:
        # Always the same reader: the number is that connection's own, and it sees every commit but its own.
        return await self._checked_connections()[1].run(rows.data_version)

    async def sweep(self, *, limit: int = 100) -> int:
        before_ms = self._clock_ms() - self._sweep_grace_ms
        return await self._write(rows.sweep, before_ms, frozenset(self._in_use), limit)

    # What streams and writers of this module need of their store.

    async def read_chunk(self, blob: int, number: int) -> bytes | None:
        return await self._read(rows.read_chunk, blob, number)

    async def stage(self, blob: int | None, first: int, chunks: Sequence[bytes]) -> int:
        return await self._write(rows.stage, blob, first, chunks, self._clock_ms())

    async def commit(
        self, image_id: str, meta: ImageMeta, expect: Expected, staged: tuple[int | None, int, Sequence[bytes]]
    ) -> StoredImage:
        await self.sweep(limit=_SWEPT_PER_WRITE)
        return await self._write(rows.commit, image_id, meta, expect, staged, self._clock_ms())

    async def drop_pending(self, blob: int) -> None:
        await self._write(rows.drop_pending, blob, self._clock_ms())

    def pin(self, blob: int) -> None:
        """Keep a blob from this process's sweeps until it is unpinned."""
        self._in_use[blob] += 1

    def unpin(self, blob: int) -> None:
        self._in_use[blob] -= 1
        if not self._in_use[blob]:
            del self._in_use[blob]

    def _prepare(self) -> None:
        with translated(self.path):
            _create_private(self.path)
            prepare(os.fspath(self.path), busy_timeout_s=self._busy_timeout_s)

    def _checked_connections(self) -> tuple[Connection, ...]:
        if not self._connections:
            raise StoreError("the store is closed: open it first")
        if self._pid != os.getpid():
            raise StoreError("the store was opened before a fork: open it in each worker process, not before")
        return self._connections

    async def _read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        _, *readers = self._checked_connections()
        reader = min(readers, key=lambda connection: connection.queued)
        return await reader.run(function, *args, **kwargs)

    async def _write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._checked_connections()[0].run(function, *args, **kwargs)


class _SqliteStream:
    def __init__(self, store: SqliteStore, image: StoredImage, blob: int, first: bytes | None) -> None:
        self.image = image
        self._store = store
        self._blob: int | None = blob
        self._next = first
        self._number = 0
        self._left = image.meta.size
        store.pin(blob)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._blob is None:
            raise StopAsyncIteration
        if self._left == 0:
            await self.aclose()
            raise StopAsyncIteration
        chunk = self._next if self._number == 0 else await self._store.read_chunk(self._blob, self._number)
        if chunk is None or len(chunk) != min(CHUNK_BYTES, self._left):
            await self.aclose()
            raise StoreError(f"part of image {self.image.id} is missing from the store: restore it from a backup")
        self._next = None
        self._number += 1
        self._left -= len(chunk)
        return chunk

    async def aclose(self) -> None:
        self._free()

    def _free(self) -> None:
        if self._blob is not None:
            self._store.unpin(self._blob)
            self._blob = self._next = None

    __del__ = _free  # a stream that was dropped unread must not keep its blob for ever


class _SqliteWriter:
    """Holds back up to 1 MiB, then stages it under a pending blob: no lock is held while a client uploads."""

    def __init__(self, store: SqliteStore, image_id: str) -> None:
        self._store = store
        self._image_id = image_id
        self._blob: int | None = None
        self._staged_chunks = 0
        self._buffer = bytearray()
        self._size = 0
        self._ended = False

    async def write(self, piece: bytes) -> None:
        self._check_open()
        self._size += len(piece)
        self._buffer += piece
        if len(self._buffer) > _STAGED_BYTES:
            await self._stage()

    async def commit(self, meta: ImageMeta, *, expect: Expected = Expect.ANY) -> StoredImage:
        self._check_open()
        check_size(self._image_id, self._size, meta)
        staged = (self._blob, self._staged_chunks, self._take(len(self._buffer)))
        image = await self._store.commit(self._image_id, meta, expect, staged)
        self._end()
        return image

    async def abort(self) -> None:
        if self._ended:
            return
        self._end()
        if self._blob is not None:
            with anyio.CancelScope(shield=True):
                await self._drop(self._blob)

    async def _drop(self, blob: int) -> None:
        try:
            await self._store.drop_pending(blob)
        except StoreError as error:  # must not hide why the write was given up; a later sweep finds the blob
            _log.info("blob %s was not marked dead: %s", blob, error)

    def _end(self) -> None:
        self._ended = True
        self._buffer.clear()
        if self._blob is not None:
            self._store.unpin(self._blob)

    async def _stage(self) -> None:
        chunks = self._take(len(self._buffer) // CHUNK_BYTES * CHUNK_BYTES)
        blob = await self._store.stage(self._blob, self._staged_chunks, chunks)
        if self._blob is None:
            self._blob = blob
            self._store.pin(blob)
        self._staged_chunks += len(chunks)

    def _take(self, length: int) -> list[bytes]:
        with memoryview(self._buffer) as view:
            chunks = [bytes(view[i : min(i + CHUNK_BYTES, length)]) for i in range(0, length, CHUNK_BYTES)]
        del self._buffer[:length]
        return chunks

    def _check_open(self) -> None:
        if self._ended:
            raise StoreError("this write has ended: begin a new one")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()


async def _close(connections: Sequence[Connection]) -> None:
    with anyio.CancelScope(shield=True):
        for connection in connections:
            await connection.close()


def _create_private(path: Path) -> None:
    # Only ever created here, never opened: closing a descriptor of an open database would drop SQLite's locks on it.
    # SQLite gives its -wal and -shm files the database's mode.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
