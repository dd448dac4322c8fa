"""Database: an open PostgreSQL store's connection pool. It runs each operation to its end."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self

import anyio
import asyncpg

from ...core.events import event
from ...core.hidden import Hidden, hide
from ...errors import StoreError
from ...process import check_loop, generation, running_loop
from ..tables import images
from ..tables.transaction import Operation, P, R
from .errors import ConnectionLost, at, is_away, translated, translated_for
from .gathering import GatheredReads
from .pooled_connection import PooledConnection
from .schema import prepare
from .transaction import Names, Transaction, ended_in_time

Pool = asyncpg.Pool

_log = logging.getLogger("pixstore_asgi")
_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_CACHED_STATEMENTS = 100
_WRITES_PATIENTLY = 3  # times `patience_s`: a write may wait for a lock first
_LONGEST_IDLE_MS = 60_000  # between two commands; it ends the locks of a host that has vanished


class Database:
    """The connections of a store in one event loop. Each is taken for one operation, not for a whole read or upload.

    A started operation runs to its end, even if its caller is cancelled. If a connection were released in the middle of
    its work, the next operation on it would fail.
    """

    def __init__(self, pool: "Pool[Any]", names: Names, patience_s: float, *, is_ours: bool) -> None:
        self.generation = generation()
        self.pool = pool
        self.names = names
        self.patience_s = patience_s
        self.at = ""  # for error messages: " at host:port"
        self.reads = GatheredReads(lambda ids: self.read(images.get_many, ids))
        self._is_ours = is_ours
        self._loop = running_loop()
        if not is_ours and getattr(pool, "_loop", self._loop) is not self._loop:
            raise StoreError(
                "the asyncpg pool of this store belongs to another event loop: give the store the database's URL, which"
                " serves any number of loops"
            )
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    async def connect(cls, url: str, names: Names, *, most: int, patience_s: float) -> Self:
        """Create or migrate the tables, and open a pool of up to `most` connections. Raises StoreError."""
        address = hide(url)  # it may hold a password: see hidden.py
        del url
        is_direct = await _once(address, names, _prepare, patience_s)
        with translated():
            pool = await asyncpg.create_pool(
                address(),
                **_wanted(address),
                min_size=0,
                max_size=most,
                statement_cache_size=_CACHED_STATEMENTS if is_direct else 0,
                timeout=patience_s,
                connection_class=PooledConnection,
            )
        database = cls(pool, names, patience_s, is_ours=True)
        database.at = at(address)
        return database

    @classmethod
    async def ask_once(
        cls, source: "str | Pool[Any]", names: Names, question: Operation[[], R], patience_s: float
    ) -> R:
        """Run an operation that only reads. Unlike `connect`, do not create the tables. Raises StoreError."""
        if not isinstance(source, str):
            return await cls(source, names, patience_s, is_ours=False).read(question)
        address = hide(source)
        del source
        return await _once(address, names, question, patience_s)

    @property
    def is_inherited(self) -> bool:
        """Whether the parent of this process opened the connections, before a fork."""
        return self.generation != generation()

    async def close(self) -> None:
        """Wait for running operations, then close the pool unless the application owns it."""
        if self.is_inherited:
            return
        # In its own task: if the caller is cancelled, the close still runs to its end.
        await asyncio.shield(asyncio.create_task(self._close()))

    async def _close(self) -> None:
        try:
            while self._running:
                await asyncio.wait(self._running)
            if self._is_ours:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.pool.close(), self.patience_s)
        finally:
            if self._is_ours:
                self.pool.terminate()  # connections that did not close in time, or lost their event loop

    def abandon(self) -> None:
        """Close the connections after their event loop has ended. If the application owns the pool, leave it open."""
        if self._is_ours and not self.is_inherited:
            for holder in self.pool._holders:  # type: ignore[attr-defined]
                if holder.is_connected():
                    _cut(holder._con)

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads. If the server is away, retry for `patience_s` on other connections."""
        return await self.read_within(self.patience_s, operation, *args, **kwargs)

    async def read_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that only reads but may read all rows: like `read`, without a time limit."""
        return await self.read_within(None, operation, *args, **kwargs)

    async def read_within(
        self, limit_s: float | None, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an operation that only reads, like `read`. limit_s: see `connection`; it holds for each attempt."""

        async def once() -> R:
            async with self.connection(limit_s) as connection:
                return await operation(Transaction(connection, self.names), *args, **kwargs)

        return await self._to_its_end(self._while_away(once))

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction. After ConnectionLost, it may or may not have been committed."""
        return await self._to_its_end(self._transact(_WRITES_PATIENTLY * self.patience_s, operation, *args, **kwargs))

    async def write_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction without a time limit, because it may write all rows."""
        return await self._to_its_end(self._transact(None, operation, *args, **kwargs))

    async def sync(self) -> None: ...  # each commit is durable, unless the server's synchronous_commit is off

    def hold_body(self, body: int) -> None:
        """Do nothing: in PostgreSQL only the age of a body keeps gc from removing it."""

    release_body = hold_body

    async def _transact(
        self, limit_s: float | None, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        connection, transaction = await self._while_away(self._begun)
        with translated(self.at):
            try:
                async with asyncio.timeout(limit_s):
                    try:
                        result = await operation(Transaction(connection, self.names), *args, **kwargs)
                    except Exception as error:
                        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):  # the server has become a standby
                            give_up(connection)
                        elif _is_open(connection):
                            await transaction.rollback()
                        raise
                    await transaction.commit()
                    return result
            except TimeoutError:  # of `limit_s`, or the application's pool's limit for each command
                give_up(connection)
                raise ConnectionLost(f"PostgreSQL{self.at} took too long to answer: try again") from None
            finally:
                await self.release(connection)

    async def _begun(self) -> tuple[Any, Any]:
        connection = await self.pool.acquire(timeout=self.patience_s)
        try:
            async with asyncio.timeout(self.patience_s):
                transaction = connection.transaction(isolation="read_committed")
                await transaction.start()
                await connection.execute(
                    f"SET LOCAL lock_timeout = {int(self.patience_s * 1000)};"
                    f" SET LOCAL idle_in_transaction_session_timeout = {_LONGEST_IDLE_MS}"
                )
        except BaseException:
            give_up(connection)
            await self.release(connection)
            raise
        return connection, transaction

    @asynccontextmanager
    async def connection(self, limit_s: float | None) -> AsyncIterator[Any]:
        """Hold a connection during the block. After `limit_s` seconds, terminate it and raise TimeoutError.

        limit_s: None means no limit. It excludes the wait for a free connection, which takes at most `patience_s`.
        """
        connection = await self.pool.acquire(timeout=self.patience_s)
        try:
            async with asyncio.timeout(limit_s):
                yield connection
        except TimeoutError:  # a release would wait for an answer of the server
            give_up(connection)
            raise
        finally:
            await self.release(connection)

    async def release(self, connection: Any) -> None:
        """Return a connection to its pool. If the application's pool can't reset the connection, only log that, because
        the operation has already ended.
        """
        try:
            await self.pool.release(connection)
        except Exception as error:
            _log.warning(
                "a connection was closed, because its pool could not reset it: %s",
                type(error).__name__,
                extra=event("connection_not_reset"),
            )

    async def _while_away(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """Call `attempt` again for up to `patience_s` seconds while the server can't be reached."""
        loop = asyncio.get_running_loop()
        pause_s, until = _PAUSE_S, loop.time() + self.patience_s
        while True:
            with translated(self.at):
                try:
                    return await attempt()
                except Exception as error:
                    if not is_away(error) or isinstance(error, TimeoutError) or loop.time() + pause_s > until:
                        raise
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def check_not_inherited(self) -> None:
        """Raise StoreError if the connections belong to the parent of this process."""
        if self.is_inherited:
            raise StoreError("the store was opened before a fork: open it in each process")

    async def _to_its_end(self, work: Coroutine[Any, Any, R]) -> R:
        try:
            self.check_not_inherited()
            check_loop(self._loop)
        except StoreError:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)
        return await asyncio.shield(task)

    def _end(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller got it, or was cancelled


class Snapshot(Database):
    """A read-only snapshot of a database, over one connection. Operations run one after another.

    All reads share one transaction, so they see no writes or gc of others.
    """

    def __init__(self, database: Database, connection: Any) -> None:
        super().__init__(database.pool, database.names, database.patience_s, is_ours=False)
        self._one = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def connection(self, limit_s: float | None) -> AsyncIterator[Any]:
        try:
            # Each operation has a savepoint: if it fails, only its own work is undone.
            async with self._turn, asyncio.timeout(limit_s), ended_in_time(self._one.transaction()):
                yield self._one
        except TimeoutError:
            give_up(self._one)
            raise


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Snapshot]:
    """Return a context manager for a read-only snapshot of a database. Raises StoreError."""
    with translated():
        connection = await database.pool.acquire(timeout=database.patience_s)
    moment, transaction = (
        Snapshot(database, connection),
        connection.transaction(isolation="repeatable_read", readonly=True),
    )
    try:
        with translated():
            async with asyncio.timeout(database.patience_s):
                await transaction.start()
        yield moment
    finally:
        with anyio.CancelScope(shield=True):
            await moment.close()  # waits for running reads
            try:
                async with asyncio.timeout(database.patience_s):
                    await transaction.rollback()
            except Exception:  # it never began, or the server is away: don't reuse the connection
                give_up(connection)
            await database.release(connection)


async def _once(address: Hidden[str], names: Names, operation: Operation[[], R], patience_s: float) -> R:
    """Run an operation on its own connection, without a pool."""
    with translated_for(address):
        async with asyncio.timeout(patience_s):
            connection = await asyncpg.connect(address(), statement_cache_size=0, **_wanted(address))
            try:
                return await operation(Transaction(connection, names))
            finally:
                connection.terminate()


def _wanted(address: Hidden[str]) -> dict[str, Any]:
    # Of several hosts, use the one that takes writes, unless the URL says otherwise: a standby's rows may be outdated.
    return {} if "target_session_attrs" in address() else {"target_session_attrs": "primary"}


async def _prepare(tx: Transaction) -> bool:
    """Create or migrate the tables. Return whether the connection is direct, without a pooler."""
    # Behind a pooler, the next transaction may run in another server process, which lacks our prepared statements.
    is_direct = await tx.one("SELECT pg_backend_pid()") == (tx.connection.get_server_pid(),)
    await prepare(tx)
    return is_direct


def _is_open(connection: Any) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the connection was lost, so the pool has taken it back
        return False


def give_up(connection: Any) -> None:
    """End a connection at once. A release would wait for an answer that may never come."""
    with contextlib.suppress(asyncpg.InterfaceError):  # it has ended by itself
        connection.terminate()


def _cut(connection: "asyncpg.Connection[Any]") -> None:
    # asyncio closes a transport by a callback, but the loop has ended and runs none. uvloop closes it with the loop.
    own = getattr(connection._transport.get_extra_info("socket"), "_sock", None)  # type: ignore[attr-defined]
    with contextlib.suppress(RuntimeError):  # raised when it schedules that callback
        connection.terminate()
    if own is not None:
        own.close()
