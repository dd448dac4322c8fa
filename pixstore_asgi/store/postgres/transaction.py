"""Transaction: one connection to PostgreSQL for the time of one operation, and the names of the store's tables."""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.transaction import Transaction as AsyncpgTransaction

_TABLES = ("store", "image", "body", "chunk", "key_check")


class Names:
    """The names of the store's tables in one schema, and the keys of its advisory locks, which a database has in all.

    Raises ConfigError for a schema that needs quoting.
    """

    def __init__(self, schema: str) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise ConfigError("schema must be 1 to 63 of a-z, 0-9 and _, and begin with no digit")
        self.schema = schema
        self._tables = {table: f"{schema}.{table}" for table in _TABLES}
        self._filled: dict[str, str] = {}

    def fill(self, statement: str) -> str:
        """Return a statement with the tables' names in the place of {image} and the like."""
        if statement not in self._filled:
            self._filled[statement] = statement.format(schema=self.schema, **self._tables)
        return self._filled[statement]

    def lock_key(self, what: str) -> int:
        """Return the key of an advisory lock: 64 bits, signed."""
        name = f"pixstore {self.schema} {what}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


@asynccontextmanager
async def ended_in_time(transaction: "AsyncpgTransaction") -> AsyncIterator[None]:
    """Begin a transaction, commit it at the block's end, and roll it back where the block raises.

    Who is cancelled, as by a time limit, does neither: the server may never answer that, and the connection is no good.
    """
    await transaction.start()
    try:
        yield
    except Exception:
        await transaction.rollback()
        raise
    await transaction.commit()


class Transaction:
    """One connection, whose statements name tables as {image}, {body}, {chunk}, {key_check} and {store}."""

    def __init__(self, connection: "Connection[Any] | PoolConnectionProxy[Any]", names: Names) -> None:
        self.connection = connection
        self.names = names

    async def all(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return [tuple(row) for row in await self.connection.fetch(self.names.fill(statement), *args)]

    async def one(self, statement: str, *args: object) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        row = await self.connection.fetchrow(self.names.fill(statement), *args)
        return None if row is None else tuple(row)

    async def run(self, statement: str, *args: object) -> int:
        """Run a statement and return how many rows it wrote."""
        status = await self.connection.execute(self.names.fill(statement), *args)
        written = status.rpartition(" ")[2]
        return int(written) if written.isdigit() else 0

    async def each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Run a statement for each of these rows, in one trip; of none it is none."""
        if rows:
            await self.connection.executemany(self.names.fill(statement), rows)

    async def lock(self, what: str, *, shared: bool = False) -> None:
        """Hold an advisory lock to the transaction's end; what is read behind it is no older than it."""
        name = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        await self.connection.execute(f"SELECT {name}({self.names.lock_key(what)})")

    async def lock_rows(self, which: str, *args: object) -> None:
        """Hold rows of images to the transaction's end, taken by id: whoever holds some waits for none below them."""
        await self.one(
            f"SELECT count(*) FROM (SELECT FROM {{image}} WHERE {which} ORDER BY id FOR UPDATE) AS held", *args
        )

    async def has_lock(self, what: str) -> bool:
        """Tell whether this very transaction holds an advisory lock, shared or alone."""
        key = self.names.lock_key(what) % 2**64
        query = (
            "SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND locktype = 'advisory'"
            f" AND classid = {key >> 32} AND objid = {key % 2**32}"
        )
        return await self.one(query) is not None

    async def try_lock(self, what: str) -> bool:
        """Take an advisory lock to the transaction's end, or tell that somebody else has it."""
        row = await self.one(f"SELECT pg_try_advisory_xact_lock({self.names.lock_key(what)})")
        return bool(row and row[0])
