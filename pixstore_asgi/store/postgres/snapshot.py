"""A snapshot of a PostgreSQL store: all reads share one transaction, so writes and gc of others stay invisible."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from .database import Database, give_up
from .errors import translated
from .transaction import ended_in_time


class Snapshot(Database):
    """A read-only snapshot of a database, over one connection. Operations run one after another."""

    def __init__(self, database: Database, connection: Any) -> None:
        super().__init__(database.pool, database.names, database.patience_s, is_ours=False)
        self._one = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def connection(self, limit_s: float | None) -> AsyncIterator[Any]:
        try:
            # Each in a savepoint: one that fails ends itself alone.
            async with self._turn, asyncio.timeout(limit_s), ended_in_time(self._one.transaction()):
                yield self._one
        except TimeoutError:
            give_up(self._one)
            raise


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Snapshot]:
    """Return a snapshot of a database, valid for the block. Raises StoreError."""
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
            await moment.close()  # running reads go on to their end
            try:
                async with asyncio.timeout(database.patience_s):
                    await transaction.rollback()
            except Exception:  # it was never begun, or the server is away: no connection for the next one
                give_up(connection)
            await database.release(connection)
