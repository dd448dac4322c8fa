"""PsycopgConnection: gives a psycopg connection the asyncpg methods that HostTransaction uses.

Only `host_transaction` imports this file, and only after the application passed a psycopg connection.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from psycopg import AsyncConnection, AsyncRawCursor, Error, OperationalError
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from ...errors import InputError


class PsycopgConnection:
    """Runs statements with $1, $2, … on an AsyncConnection. `transaction` translates psycopg's errors to asyncpg's.

    It makes its own cursors, so the application's row and cursor factories stay unchanged. It prepares no statement,
    because PgBouncer may run each transaction in another server process.
    """

    def __init__(self, connection: "AsyncConnection[Any]") -> None:
        self._connection = connection

    def is_in_transaction(self) -> bool:
        """Return whether a transaction may be open. True also during a statement and on a lost connection.

        Raises InputError in pipeline mode: there an error can arrive after the statement that caused it.
        """
        info = self._connection.info
        if info.pipeline_status != PipelineStatus.OFF:
            raise InputError("the connection is in pipeline mode: save outside `connection.pipeline()`")
        return info.transaction_status != TransactionStatus.IDLE

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Run the block within a savepoint.

        It does not use psycopg's `transaction()`: if cancelled as it begins, that would leave the application's
        transaction unable to end.
        """
        if self._connection.info.transaction_status == TransactionStatus.ACTIVE:  # or two savepoints could overlap
            raise asyncpg.InterfaceError("another operation is in progress on the connection")
        try:
            await self.execute("SAVEPOINT pixstore")
            try:
                yield
            except BaseException:
                with suppress(Error):  # the first error tells more
                    await self.execute("ROLLBACK TO pixstore")
                    await self.execute("RELEASE pixstore")
                raise
            await self.execute("RELEASE pixstore")
        except Error as error:
            raise _as_asyncpg(error) from None

    async def fetch(self, statement: str, *args: object) -> list[TupleRow]:
        return await (await self._run(statement, args)).fetchall()

    async def fetchrow(self, statement: str, *args: object) -> TupleRow | None:
        return await (await self._run(statement, args)).fetchone()

    async def execute(self, statement: str, *args: object) -> str:
        return (await self._run(statement, args)).statusmessage or ""

    async def executemany(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        for row in rows:  # a few; psycopg's own executemany prepares the statement
            await self._run(statement, row)

    async def _run(self, statement: str, args: tuple[object, ...]) -> AsyncRawCursor[TupleRow]:
        cursor = AsyncRawCursor(self._connection, row_factory=tuple_row)
        return await cursor.execute(statement.encode(), args, prepare=False, binary=True)


def _as_asyncpg(error: Error) -> Exception:
    """Return the asyncpg error for a psycopg error. Leave out psycopg's text, which may quote a row."""
    if error.sqlstate:
        return asyncpg.PostgresError.new({"C": error.sqlstate, "M": ""})
    if isinstance(error, OperationalError):
        return asyncpg.ConnectionDoesNotExistError("the connection was lost")
    return asyncpg.InterfaceError(f"psycopg raised {type(error).__name__}")
