"""Database: the pool of connections of an open PostgreSQL store, and operations that run to their end."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
import asyncpg

from .errors import is_away, translated
from .schema import prepare
from .session import Names, Session

P = ParamSpec("P")
R = TypeVar("R")

Pool = asyncpg.Pool
Operation = Callable[Concatenate[Session, P], Awaitable[R]]

_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0
_CACHED_STATEMENTS = 100


class Database:
    """The connections of one open store. A connection is taken for one operation, not for a reader's or upload's time.

    An operation that was begun runs to its end, whoever waited for it is cancelled: a connection that is given back in
    the middle of its work would be no good to the next one.
    """

    def __init__(self, pool: "Pool[Any]", names: Names, patience_s: float, *, is_ours: bool) -> None:
        self.process = os.getpid()
        self._pool = pool
        self._names = names
        self._patience_s = patience_s
        self._is_ours = is_ours
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    async def connect(cls, url: str, names: Names, *, most: int, patience_s: float) -> Self:
        """Make the tables ready and a pool of up to `most` connections. Raises StoreError."""
        with translated():
            async with asyncio.timeout(patience_s):
                first = await asyncpg.connect(url, statement_cache_size=0)
                try:
                    # Behind a pooler the next transaction may run in another process, which knows no such statements.
                    is_direct = await first.fetchval("SELECT pg_backend_pid()") == first.get_server_pid()
                    await prepare(Session(first, names))
                finally:
                    first.terminate()
            pool = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=most,
                statement_cache_size=_CACHED_STATEMENTS if is_direct else 0,
                timeout=patience_s,
                reset=_leave_as_it_is,
            )
        return cls(pool, names, patience_s, is_ours=True)

    @classmethod
    async def borrow(cls, pool: "Pool[Any]", names: Names, *, patience_s: float) -> Self:
        """Make the tables ready over a pool of the application's, which is never closed here. Raises StoreError."""
        database = cls(pool, names, patience_s, is_ours=False)
        await database.read(prepare)
        return database

    async def close(self) -> None:
        """Let what runs come to its end, and close the pool if it is ours."""
        while self._running:
            await asyncio.wait(self._running)
        if self._is_ours:
            try:
                await asyncio.wait_for(self._pool.close(), self._patience_s)
            except TimeoutError:
                self._pool.terminate()

    async def read(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run what only reads; once more on another connection where the server went away, for a while."""

        async def once() -> R:
            async with asyncio.timeout(self._patience_s), self._pool.acquire() as connection:
                return await operation(Session(connection, self._names), *args, **kwargs)

        return await self._to_its_end(self._while_away(once))

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation in one transaction. Raises ConnectionLost where it is not known whether it has happened."""

        async def whole() -> R:
            async with self._transaction() as session:
                return await operation(session, *args, **kwargs)

        return await self._to_its_end(whole())

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Session]:
        connection, transaction = await self._while_away(self._begun)
        try:
            with translated():
                try:
                    yield Session(connection, self._names)
                except BaseException:
                    if not connection.is_closed():
                        await transaction.rollback()
                    raise
                await transaction.commit()
        finally:
            await self._pool.release(connection)

    async def _begun(self) -> tuple[Any, Any]:
        connection = await self._pool.acquire(timeout=self._patience_s)
        try:
            transaction = connection.transaction(isolation="read_committed")
            await transaction.start()
            await connection.execute(f"SET LOCAL lock_timeout = {int(self._patience_s * 1000)}")
        except BaseException:
            await self._pool.release(connection)
            raise
        return connection, transaction

    async def _while_away(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """Attempt what may be done again, as long as the server is away and patience lasts."""
        loop = asyncio.get_running_loop()
        pause_s, until = _PAUSE_S, loop.time() + self._patience_s
        while True:
            with translated():
                try:
                    return await attempt()
                except Exception as error:
                    if not is_away(error) or isinstance(error, TimeoutError) or loop.time() + pause_s > until:
                        raise
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _to_its_end(self, work: Coroutine[Any, Any, R]) -> R:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)
        return await asyncio.shield(task)

    def _end(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited was told, or has left


async def _leave_as_it_is(connection: "asyncpg.Connection[Any]") -> None:
    """Reset nothing: no operation of ours leaves a session otherwise than it was, and a reset is a trip of its own."""
