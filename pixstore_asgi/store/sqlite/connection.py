"""One connection to SQLite: an aiosqlite connection that runs whole functions. Translates SQLite's errors to
StoreErrors.
"""

import asyncio
import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import aiosqlite

from ...errors import PixstoreError, StoreBusy, StoreDamaged, StoreError, StoreFull
from ...process import no_fork
from ...threads import RLock, SimpleQueue, Thread
from ..durable import MAKE_ROOM, NO_ROOM, write_all
from ..files.errors import TOO_MANY_FILES

_WORKER: Any = getattr(aiosqlite.core, "_connection_worker_thread", None)
_STOP: Any = getattr(aiosqlite.core, "_STOP_RUNNING_SENTINEL", None)
_KEPT_BYTES = 8 * 1024 * 1024
_PROBE_BYTES = 256 * 1024
_FAILED_READS = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
_LET_WRITE = "let this process write to the file and to its folder"

P = ParamSpec("P")
R = TypeVar("R")


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs whole functions on its thread, for one event loop.

    It uses private parts of aiosqlite:

    - The thread is a daemon, so that an application that never closes the store can still exit. It is no greenlet.
    - The queued work ignores an event loop that has ended; otherwise its result would end the thread.
    - `abandon` queues the item by which aiosqlite ends the thread.

    A call that is cancelled before its turn does not run. If a running call is cancelled and the connection only reads,
    the call is interrupted. On a connection that writes, it runs to its end.
    """

    def __init__(self, path: Path, connector: Callable[[], sqlite3.Connection], *, only_reads: bool) -> None:
        # A connection that the thread has opened and `connect` has not returned yet. It is in a list, because the
        # thread must not keep the whole object alive.
        unclaimed: list[sqlite3.Connection] = []

        def connect() -> sqlite3.Connection:
            with no_fork():
                unclaimed.append(connector())
            return unclaimed[0]

        super().__init__(connect, iter_chunk_size=1)
        if None in (_WORKER, _STOP) or not {"_tx", "_thread", "_connection"} <= vars(self).keys():
            raise StoreError(
                f"this version of pixstore-asgi can't use aiosqlite {aiosqlite.__version__}: install a newer "
                "pixstore-asgi, or 'aiosqlite<0.23'"
            )
        self._unclaimed = unclaimed
        self._ended: asyncio.Future[Any] | None = None
        self._path = path
        self._only_reads = only_reads
        self._under_way: asyncio.Future[Any] | None = None
        self._tx = SimpleQueue()
        self._thread = Thread(partial(_WORKER, self._tx))
        self.queued = 0
        # Reentrant: within it, the garbage collector may end a coroutine that aborts an upload, and so queues work.
        self._mutex = RLock()
        self._is_closed = False

    @classmethod
    async def connect(
        cls, path: Path, connector: Callable[[], sqlite3.Connection], *, only_reads: bool = False
    ) -> Self:
        """Start a thread, call `connector` on it, and return the opened connection. Raises StoreError."""
        connection = cls(path, connector, only_reads=only_reads)
        try:
            with translated(path):
                await connection
        except BaseException:
            if connection._ended:  # wait for the thread: the caller next closes the locks that it needs
                await asyncio.shield(connection._ended)
            raise
        connection._unclaimed.clear()
        return connection

    async def run(self, function: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `function` with the sqlite3 connection and these arguments on the connection's thread.

        Raises StoreError if the connection is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def work() -> None:
            if not self._begin(future):
                return
            try:
                # A write lets forks wait itself, once it has the write lock.
                with no_fork() if self._only_reads else contextlib.nullcontext():
                    result = function(self._conn, *args, **kwargs)
            except BaseException as error:
                settle = partial(_settle, future, error)
            else:
                settle = partial(_settle, future, None, result)
            finally:
                self._end()
            with contextlib.suppress(RuntimeError):  # the event loop has ended, so no task waits
                loop.call_soon_threadsafe(settle)

        self._queue(work)
        self.queued += 1
        try:
            with translated(self._path):
                return await future
        except asyncio.CancelledError:
            if self._only_reads:
                self._break_off(future)
            raise
        finally:
            self.queued -= 1

    def post(self, function: Callable[Concatenate[Any, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Queue `function` as `run` does, but do not wait for it. The function must handle its own errors.

        Does nothing if the connection is closed.
        """

        def work() -> None:
            function(self._conn, *args, **kwargs)

        with contextlib.suppress(StoreError):  # the connection is closed: the next open does such work
            self._queue(work)

    async def close(self) -> None:
        """Close the connection after all calls that were queued before this one."""
        with self._mutex:
            self._is_closed = True
        await super().close()

    def stop(self) -> asyncio.Future[Any] | None:
        """End the thread. If the caller of `connect` was cancelled, close the connection that the thread opened."""
        unclaimed = self._unclaimed

        def close() -> None:
            for connection in unclaimed:
                sqlite3.Connection.close(connection)  # not Writer.close: its write lock may be closed already

        self._tx.put_nowait((None, close))
        self._ended = super().stop()
        return self._ended

    def _begin(self, future: "asyncio.Future[Any]") -> bool:
        with self._mutex:
            self._under_way = None if future.cancelled() else future
            return self._under_way is not None

    def _end(self) -> None:
        with self._mutex:
            self._under_way = None

    def _break_off(self, future: "asyncio.Future[Any]") -> None:
        # A check of the whole file takes minutes, and a close would wait for it. An interrupt between two statements
        # has no effect.
        with self._mutex:
            if self._under_way is future:
                self._conn.interrupt()

    def _queue(self, work: Callable[[], None]) -> None:
        # Work that is queued after the close never runs: an event loop of another thread would wait for it forever.
        with self._mutex:
            if self._is_closed:
                raise StoreError("the store is closed: open it first")
            self._tx.put_nowait((None, work))

    def abandon(self, *afterwards: Callable[[], object]) -> None:
        """Queue the last work of the connection's thread: close the connection, and call each of `afterwards`. Do not
        wait for it.
        """
        connection, self._connection, self._is_closed = self._connection, None, True
        if connection is None:
            return

        def end() -> object:
            for step in (connection.close, *afterwards):
                with contextlib.suppress(Exception):  # an error would keep the thread running forever
                    step()
            return _STOP

        self._tx.put_nowait((None, end))

    def __del__(self) -> None:
        self.abandon()  # aiosqlite's __del__ would call an event loop that may have ended


def keep_freed_memory() -> None:
    """Let malloc keep a few freed MiB for the next chunks, instead of returning them to the system immediately.

    Fresh memory costs a page fault for each 4 KiB. For one chunk, these faults take longer than reading the chunk.
    This function allocates one block of `_KEPT_BYTES` and frees it at once, so that glibc raises its thresholds to the
    block's size (mallopt(3), M_MMAP_THRESHOLD). From then on glibc keeps up to twice as much at the end of each heap.
    Nothing writes to the block, so it takes no memory. Other implementations of malloc are not affected.
    """
    bytes(_KEPT_BYTES)


def _settle(future: "asyncio.Future[Any]", error: BaseException | None, result: object = None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


@contextlib.contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection if the block raises."""
    try:
        yield
    except BaseException:
        sqlite3.Connection.close(connection)  # not Writer.close, which takes the write lock
        raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate errors of SQLite and the file system into StoreErrors with advice."""
    try:
        yield
    except PixstoreError:
        raise
    except sqlite3.Error as error:
        raise translate(path, error) from error
    except FileNotFoundError as error:
        raise StoreError(f"the folder of the database {path} does not exist: create it first") from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _full(path) from error
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise StoreBusy(f"the database {path} can't be used: {TOO_MANY_FILES}") from error
        raise StoreError(f"the database {path} can't be used ({error.strerror}): {_LET_WRITE}") from error


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether SQLite gave up because other connections held the database for too long."""
    # SQLITE_PROTOCOL: many processes open one log, and this one lost each race for seconds (sqlite.org/rescode.html).
    return code_of(error) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's extended result code of an error, or 0 if Python itself raised the error."""
    if isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode"):
        return sqlite3.SQLITE_CORRUPT  # a text in the database is not UTF-8
    return getattr(error, "sqlite_errorcode", 0)


def text_of(error: Exception) -> str:
    """Return the text of an error. For an error of SQLite return its name only: its text may quote the database's
    content.
    """
    if isinstance(error, sqlite3.Error):
        return str(getattr(error, "sqlite_errorname", type(error).__name__))
    return str(error)


def translate(path: Path, error: sqlite3.Error) -> StoreError:
    """Return the StoreError for an error of SQLite."""
    extended = code_of(error)
    code = extended & 0xFF
    if is_busy(error):
        return StoreBusy(f"the database {path} is locked by another process: try again")
    # On a full disk, the first error is that the log's index can't grow.
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
        return _full(path)
    # SQLite does not tell that a quota is used up.
    if code == sqlite3.SQLITE_IOERR and extended not in _FAILED_READS and _has_no_room(path.parent):
        return _full(path)
    advice = {
        sqlite3.SQLITE_NOTADB: "it is not a SQLite database, or its head is damaged: name another path, or restore it",
        sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
        sqlite3.SQLITE_READONLY: f"it is read-only: {_LET_WRITE}",
        sqlite3.SQLITE_CANTOPEN: f"it can't be opened: {_LET_WRITE}",
        sqlite3.SQLITE_IOERR: "reading or writing it failed: check the disk",
    }
    kind = StoreDamaged if code == sqlite3.SQLITE_CORRUPT else StoreError
    return kind(f"the database {path} can't be used: {advice.get(code, text_of(error))}")


def _full(path: Path) -> StoreFull:
    return StoreFull(f"the database {path} can't be used: {MAKE_ROOM}")


def _has_no_room(folder: Path) -> bool:
    """Return whether a small file can't be written in a folder, because the disk is full or a quota is used up."""
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            write_all(file.fileno(), bytes(_PROBE_BYTES))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in NO_ROOM
    return False
