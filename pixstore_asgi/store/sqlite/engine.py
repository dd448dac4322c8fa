"""One open SQLite database: its writer, its readers, its leases and its write lock."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate

from ...core.events import event
from ...core.images import StoredImage
from ...errors import StoreBusy, StoreError
from ...process import Clock, generation, in_thread, no_fork
from ...threads import SimpleQueue
from ..rules import GroupCommit
from ..tables.transaction import Operation
from .connection import Connection, P, R, keep_freed_memory, text_of, translated
from .files import OpenFiles, check_in_place, check_one_name, check_regular, check_shared
from .leases import IN_USE, Leases
from .reads import DataVersion, Pace, connect_reader
from .schema import prepare
from .transaction import Transaction, run
from .write_lock import WriteLock
from .writer import (
    Commit,
    Deletion,
    Outcome,
    commit_together,
    connect_writer,
    empty_log,
    hold_files,
    rescue_log,
    write_transaction,
)

_log = logging.getLogger("pixstore_asgi")
_READERS = 2
_FOREIGN_S = 1.0  # a commit by another program is noticed within this time


class Engine:
    """A database that is open in one event loop, until `close`. Works under asyncio only, and not in a forked child."""

    def __init__(self, path: Path, write_lock: WriteLock, leases: Leases) -> None:
        self.path = path
        self.leases = leases
        self._write_lock = write_lock
        self._files: OpenFiles | None = None
        self._connections: list[Connection] = []
        self._data_version: DataVersion | None = None
        self._near: sqlite3.Connection | None = None
        self._pace = Pace()
        self._waiting: SimpleQueue[Commit] = SimpleQueue()
        self._is_rescued = False
        self._generation = generation()
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, path: Path, clock_ms: Clock, *, busy_timeout_s: float, durability: str) -> "Engine":
        """Create or migrate the database and connect to it."""
        keep_freed_memory()
        engine = await in_thread(cls._prepare, path, busy_timeout_s)
        try:
            await engine._connect(clock_ms, busy_timeout_s, durability)
        except BaseException:
            await engine.close()
            raise
        return engine

    @classmethod
    def _prepare(cls, path: Path, busy_timeout_s: float) -> "Engine":
        with translated(path):
            check_regular(path)
            check_one_name(path)
            _create_private(path)
            side_file = path.with_name(path.name + ".lock")
            leases = _used(path, side_file)  # first: from then on no process removes the side file
            try:
                engine = cls(path, WriteLock(side_file, timeout_s=busy_timeout_s), leases)
            except BaseException:
                leases.close()
                raise
            try:
                engine._write_lock.map_counters()
                check_in_place(path, busy_timeout_s)
                check_shared(path, engine._write_lock, leases, busy_timeout_s)
                database = prepare(path, engine._write_lock, busy_timeout_s=busy_timeout_s)
                engine._files = OpenFiles(path, database)
                every_s = _FOREIGN_S if engine._write_lock.counters else 0
                engine._data_version = DataVersion(
                    path, connect_reader(os.fspath(path), busy_timeout_s=0), engine._files.check, every_s=every_s
                )
                engine._near = connect_reader(os.fspath(path), busy_timeout_s=0)
            except BaseException:
                engine._release()
                raise
        return engine

    async def _connect(self, clock_ms: Clock, busy_timeout_s: float, durability: str) -> None:
        assert self._files is not None
        self._files.commits_are_synced = durability == "FULL"
        path = os.fspath(self.path)
        write = partial(
            connect_writer, path, self._write_lock, clock_ms, busy_timeout_s=busy_timeout_s, durability=durability
        )
        read = partial(connect_reader, path, busy_timeout_s=busy_timeout_s)
        self._connections.append(await Connection.connect(self.path, write))
        await self._connections[0].run(hold_files, self._files, self.leases, busy_timeout_s)
        for _ in range(_READERS):
            self._connections.append(await Connection.connect(self.path, read, only_reads=True))
        with translated(self.path):
            self._check_files()

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation of `tables` that only reads."""
        return await self._reader().run(self._query, operation, *args, **kwargs)

    def _query(self, db: Any, operation: Operation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._check_files()
        return query(db, operation, *args, **kwargs)

    async def on_reader(self, function: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function on the reader with the shortest queue."""
        return await self._reader().run(self._read, function, *args, **kwargs)

    def _reader(self) -> Connection:
        _, *readers = self._checked()
        return min(readers, key=lambda reader: reader.queued)

    @property
    def reads_are_quick(self) -> bool:
        """Whether `read_nowait` may read now."""
        return self._pace.is_quick()

    def read_nowait(
        self, function: Callable[Concatenate[Any, P], R | None], *args: P.args, **kwargs: P.kwargs
    ) -> R | None:
        """Run a short read on the caller's own thread. Return None if reads may have to wait for the disk now, or if
        this read fails.
        """
        self._checked()
        if not self.reads_are_quick:
            return None
        before = self._pace.waits()
        try:
            with no_fork(is_short=True):
                self._look()
                return function(self._near, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            # The caller reads again on a reader's thread, which may wait for a busy database and translates errors.
            _log.debug(
                "a read of %s is tried again: %s",
                self.path,
                text_of(error),
                extra=event("read_again", path=str(self.path)),
            )
            return None
        finally:
            self._pace.has_read(before)

    def _read(self, db: Any, function: Callable[Concatenate[Any, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._check_files()
        return function(db, *args, **kwargs)

    def _check_files(self) -> None:
        assert self._files is not None
        with self._rescuing():
            self._files.check()

    @contextmanager
    def _rescuing(self) -> Iterator[None]:
        """If the block fails because the log was removed, queue `rescue_log` once: the next write may never come."""
        try:
            yield
        except StoreError:
            if self._connections and not self._is_rescued and self._files and self._files.has_lost_log():
                self._is_rescued = True
                self._connections[0].post(rescue_log)
            raise

    def stamps(self, image_ids: Sequence[str]) -> list[Hashable]:
        """Return the version stamps of these images; no two engines share one. Never waits, so any thread may
        call it.
        """
        self._checked()
        current = self._look().generation
        counters = self._write_lock.counters
        return counters.stamps(image_ids, current) if counters else [current] * len(image_ids)

    def _look(self) -> DataVersion:
        """Return the DataVersion. If a check is due, first check whether another program has changed the file."""
        assert self._data_version is not None
        if time.monotonic() >= self._data_version.due:
            with self._rescuing(), no_fork(is_short=True):
                self._data_version.look()
        return self._data_version

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation of `tables` in one transaction."""
        return await self.on_writer(transact, operation, *args, **kwargs)

    read_all, write_all = read, write  # no operation has a time limit here

    async def sync(self) -> None:
        """Wait until no power failure can undo the commits before this call."""
        assert self._files is not None
        with translated(self.path):
            await in_thread(self._files.sync_log)

    async def on_writer(self, function: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function on the writer's thread. If it made keys obsolete, also remove these from SQLite's log."""
        return await self._checked()[0].run(self._write, function, *args, **kwargs)

    def _write(self, db: Any, function: Callable[Concatenate[Any, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        # In one call: if the caller is cancelled, the log must still be emptied.
        result = function(db, *args, **kwargs)
        empty_log(db)
        return result

    async def commit(self, new: GroupCommit) -> Sequence[StoredImage]:
        """Make versions current on the writer's thread, in one transaction with other waiting changes."""
        outcome = await self._commit(Commit(new))
        assert not isinstance(outcome, bool)
        return outcome

    async def delete(self, deletion: Deletion, afterwards: Callable[[Any], object]) -> bool:
        """Delete an image on the writer's thread, together with other waiting changes. Then call `afterwards` there."""
        return bool(await self._commit(Commit(deletion), afterwards))

    async def _commit(self, commit: Commit, afterwards: Callable[[Any], object] = lambda db: None) -> Outcome:
        writer = self._checked()[0]  # first: if it raises, no other commit may run this change
        self._waiting.put(commit)

        def run(db: Any) -> Outcome:
            outcome = commit_together(db, self._waiting, commit)
            afterwards(db)
            return outcome

        try:
            return await writer.run(self._write, run)
        except asyncio.CancelledError:
            commit.is_withdrawn = True
            raise

    def write_soon(self, function: Callable[Concatenate[Any, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Queue a function for the writer's thread. Do not wait for it."""
        self._checked()[0].post(function, *args, **kwargs)

    def hold_body(self, body: int) -> None:
        """Take a lease on a body that is being written."""
        self.leases.acquire(body)

    def release_body(self, body: int) -> None:
        """Release the lease on a body."""
        self.leases.release(body)

    async def close(self) -> None:
        """Close the connections, the writer last, and release locks and leases. Repeated calls do nothing."""
        connections, self._connections = self._connections[::-1], []
        # In its own task: if the caller is cancelled, the close still runs to its end.
        self._closing = asyncio.ensure_future(self._close(connections))
        await asyncio.shield(self._closing)

    async def _close(self, connections: list[Connection]) -> None:
        try:
            if not self.is_inherited:
                self._close_own()  # before the writer: the last connection to close writes the log into the database
            for connection in [] if self.is_inherited else connections:
                await connection.close()
        finally:
            self._release()

    @property
    def is_inherited(self) -> bool:
        """Whether this is a copy in a forked child, which must not touch the parent's connections."""
        return self._generation != generation()

    def _close_own(self) -> None:
        for connection in (self._data_version, self._near):
            if connection is not None:
                connection.close()

    def _release(self) -> None:
        if not self.is_inherited:
            self._close_own()
        self._write_lock.close()
        self.leases.close()

    def abandon(self) -> None:
        """Close everything after the engine's event loop has ended: each connection on its own thread."""
        connections, self._connections = self._connections, []
        if self.is_inherited or not connections:
            return
        self._close_own()
        writer, *readers = connections
        for reader in readers:
            reader.abandon()
        writer.abandon(self._write_lock.close, self.leases.close)  # in this order: the writer closes under the lock

    def __del__(self) -> None:
        # A mount without lifespan never closes its store. The leases are not closed here: that waits for their mutex,
        # which this thread may hold while the garbage collector runs. Their descriptors close themselves.
        self.abandon()
        if not self.is_inherited:
            self._close_own()

    def _checked(self) -> list[Connection]:
        if not self._connections:
            raise StoreError("the store is closed: open it first")
        if self._generation != generation():
            raise StoreError("the store was opened before a fork: open it in each worker process, not before")
        return self._connections


def query(db: Any, operation: Operation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation of `tables` that only reads, on the connection's thread."""
    return run(operation(Transaction(db), *args, **kwargs))


def transact(db: Any, operation: Operation[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation of `tables` in one transaction on the writer's thread."""
    with write_transaction(db) as tx:
        return run(operation(tx, *args, **kwargs))


def _used(path: Path, side_file: Path) -> Leases:
    """Take the lease that marks a database as open. Return the store's leases. Raises StoreBusy during a restore."""
    leases = Leases(side_file)
    is_ours = False
    try:
        is_ours = leases.acquire(IN_USE) and leases.are_in_place()
    finally:
        if not is_ours:
            leases.close()
    if not is_ours:
        raise StoreBusy(f"the database {path} is being restored from a backup: open it when that is done")
    return leases


def _create_private(path: Path) -> None:
    # Creates the file, never opens an existing one: closing its descriptor would drop SQLite's locks on the database.
    # SQLite gives its -wal and -shm files the database's mode.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
