"""Transaction: one connection to PostgreSQL while one operation runs, and the names of the store's tables."""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...core.images import KEY_ID_BYTES, RewrappedKey
from ...errors import ConfigError
from ..contract import CHUNK_BYTES, WHOLE_BYTES
from ..tables.keys import REPLACE
from ..tables.transaction import BodyState, Statements

if TYPE_CHECKING:
    from asyncpg import Connection
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.transaction import Transaction as AsyncpgTransaction

_TABLES = ("store", "image", "body", "chunk", "key_check")
_NAMES = {
    "database_id": "database_id",
    "pointer": "body",
    "created": "created_ms",
    "wrapped_key": "wrapped_key",
    "key_id": f"substr(wrapped_key, 1, {KEY_ID_BYTES})",
    "key_column": "wrapped_key",
    "own_key": "image.wrapped_key",
    "new_keys": "(SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[])"
    " AS arrays (id, version, in_row, epoch, was))",
    "changed": "changed_at",
    "now": "clock_timestamp()",
    "grace_ago": "clock_timestamp() - make_interval(secs => $1)",
    "chunk_columns": "body, number, data",
    "chunk_address": "$1, $2",
    "chunk_number": "number",
    "this_chunk": "body = $1 AND number = $2",
    "previous_chunk": "body = $1 AND number = $3 - 1",
    "body_of_chunk": "body",
    "of_image": "chunk.body = image.body",
    "of_body": "chunk.body = body.id",
    "first_chunks": "chunk.body = image.body"
    f" AND number < CASE WHEN size <= {WHOLE_BYTES} THEN {WHOLE_BYTES // CHUNK_BYTES} ELSE 1 END",
}

# The id is half random: after a failover to a standby that lags, a sequence would return ids that uploads and readers
# still use. The transaction's number comes first, so that new rows stay together in the indexes.
_ADD_ROW = (
    "INSERT INTO {body} (id, state, object) OVERRIDING SYSTEM VALUE"
    " VALUES ((txid_current() % 2147483648) << 32 | $1, $2, $3) RETURNING id"
)

_REMOVE_CHUNKS = (
    "DELETE FROM {chunk} WHERE (body, number) IN"
    " (SELECT body, number FROM {chunk} WHERE body = ANY($1::bigint[]) ORDER BY body, number LIMIT $2)"
)


class Names:
    """The names of the store's tables in one schema, and the keys of its advisory locks.

    Advisory locks belong to the whole database, so their keys differ by schema. Raises ConfigError for a schema that
    needs quoting.
    """

    def __init__(self, schema: str) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise ConfigError("schema must be 1 to 63 characters of a-z, 0-9 and _, and must not begin with a digit")
        self.schema = schema
        tables = {table: f"{schema}.{table}" for table in _TABLES}
        self.statements = Statements({**_NAMES, **tables, "images": tables["image"], "schema": schema})

    def lock_key(self, lock: str) -> int:
        """Return the key of an advisory lock: 64 bits, signed."""
        name = f"pixstore {self.schema} {lock}".encode()
        return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


@asynccontextmanager
async def ended_in_time(transaction: "AsyncpgTransaction") -> AsyncIterator[None]:
    """Run the block in a transaction. Commit it at the end of the block, or roll it back if the block raises.

    If the block is cancelled, for example by a time limit, do neither, because the server may never answer. The
    connection is then unusable.
    """
    await transaction.start()
    try:
        yield
    except Exception:
        await transaction.rollback()
        raise
    await transaction.commit()


class Transaction:
    """The Transaction of `tables` on one PostgreSQL connection. Its methods are described there."""

    most_chunks = 2**31

    def __init__(self, connection: "Connection[Any] | PoolConnectionProxy[Any]", names: Names) -> None:
        self.connection = connection
        self.names = names

    async def all(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.connection.fetch(self.names.statements[statement], *args)]

    async def one(self, statement: str, *args: object) -> tuple[Any, ...] | None:
        row = await self.connection.fetchrow(self.names.statements[statement], *args)
        return None if row is None else tuple(row)

    async def run(self, statement: str, *args: object) -> int:
        status = await self.connection.execute(self.names.statements[statement], *args)
        written = status.rpartition(" ")[2]
        return int(written) if written.isdigit() else 0

    async def each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            await self.connection.executemany(self.names.statements[statement], rows)

    async def lock(self, name: str, *, shared: bool = False) -> None:
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        await self.connection.execute(f"SELECT {function}({self.names.lock_key(name)})")

    async def try_lock(self, name: str) -> bool:
        row = await self.one(f"SELECT pg_try_advisory_xact_lock({self.names.lock_key(name)})")
        return bool(row and row[0])

    async def has_lock(self, name: str) -> bool:
        """Return whether this transaction itself holds an advisory lock, shared or exclusive."""
        key = self.names.lock_key(name) % 2**64
        query = (
            "SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND locktype = 'advisory'"
            f" AND classid = {key >> 32} AND objid = {key % 2**32}"
        )
        return await self.one(query) is not None

    async def lock_group(self, original: str) -> None:
        await self.lock(f"image {original}")

    async def lock_images(self, image_ids: Sequence[str]) -> None:
        await self.lock_rows("id = ANY($1::text[])", list(image_ids))

    async def lock_rows(self, which: str, *args: object) -> None:
        # In the order of ids, so that two transactions can't wait for each other.
        await self.one(
            f"SELECT count(*) FROM (SELECT FROM {{image}} WHERE {which} ORDER BY id FOR UPDATE) AS held", *args
        )

    async def remove_chunks(self, bodies: Sequence[int], most: int) -> int:
        return await self.run(_REMOVE_CHUNKS, bodies, most)

    async def add_row(self, state: BodyState, version: bytes | None = None) -> int:
        row = await self.one(_ADD_ROW, secrets.randbits(32), state, version)
        assert row is not None
        return int(row[0])

    def key_in_row(self, wrapped_key: bytes) -> bytes | None:
        return wrapped_key

    async def put_key(self, body: int, wrapped_key: bytes) -> None:
        pass

    async def drop_keys(self, bodies: Sequence[int]) -> None:
        pass

    async def replace_keys(self, keys: Sequence[RewrappedKey]) -> int:
        rows = [(key.image_id, key.version, key.wrapped_key, key.epoch, key.was) for key in keys]
        return await self.run(REPLACE, *(map(list, zip(*rows, strict=True)) if rows else [[]] * 5))
