"""One moment of a PostgreSQL store: all is read in one transaction, whatever others write and sweep meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .database import Database, Operation, P, R
from .errors import translated


class Moment(Database):
    """A database at one moment, to be read alone: one connection does so, one operation after another."""

    def __init__(self, database: Database, connection: Any) -> None:
        super().__init__(database.pool, database.names, database.patience_s, is_ours=False)
        self._one = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def connection(self, limit_s: float | None) -> AsyncIterator[Any]:
        async with self._turn, asyncio.timeout(limit_s):
            yield self._one

    async def write_all(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run what only reads, however long that takes."""
        return await self.read_within(None, operation, *args, **kwargs)


@asynccontextmanager
async def at_one_moment(database: Database) -> AsyncIterator[Moment]:
    """Return a database as it is now, for the time of a block. Raises StoreError."""
    async with database.connection(None) as connection:
        with translated():
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
        try:
            yield Moment(database, connection)
        finally:
            if not connection.is_closed():
                await transaction.rollback()
