"""PostgresStore: images in a PostgreSQL database, through asyncpg."""

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Any

from ...core.images import RewrappedKey, StoredImage
from ...core.options import check_numbers
from ...errors import ConfigError, StoreError
from ...process import Clock, PerLoop, generation, wall_clock_ms
from ..chunk_stream import ChunkStream
from ..contract import Expect, Expected, ImageStream, ImageWriter
from ..inspection import DatabaseInfo
from ..objects import Bodies
from ..rules import GroupCommit
from ..tables import bodies as body_rows
from ..tables import images, keys, writes
from ..tables.bodies import begin_write
from ..tables.gc import remove_bodies
from ..tables.keys import AdmissionNeeded
from ..tables.store import TableStore
from ..tables.transaction import Operation, R
from . import schema
from .database import Database, Pool, snapshot
from .errors import ConnectionLost, check_url
from .host_transaction import HostTransaction
from .transaction import Names, Transaction

DEFAULT_SCHEMA = "pixstore"
_WHY_MISSING = "the read took longer than sweep_grace_s, or a failover lost it: read again, or restore it from a backup"


class PostgresStore(TableStore[Database]):
    """Keeps images in the PostgreSQL database that a URL or an asyncpg pool names, in tables in `schema`.

    Any number of processes on any number of hosts may use the tables at the same time. asyncio only. Open the store
    after a fork, not before.

    Args:
        source: postgresql://user@host:port/database, with asyncpg's options (sslmode and the like). PGPASSWORD,
            ~/.pgpass and the other sources of libpq work. Or a pool that the application makes and closes; behind a
            pooler in transaction mode, make the pool with statement_cache_size=0.
        schema: Created if it is missing, which needs the privilege CREATE on the database. A schema that the user owns
            needs no other privilege.
        pool_size: The largest number of connections in the pool that is made for a URL.
        busy_timeout_s: How long to wait for a lost server, a connection or another write before StoreBusy, in seconds.
        sweep_grace_s: How long a replaced, deleted or abandoned body is kept, by the database's clock, in seconds.
            Choose it longer than the longest stream and the longest pause of an upload.
        sweeps_at_close: Whether `close` removes unneeded bodies. Pass False if the database may be a copy: a copy does
            not know bodies that were saved to the bucket after it was made.
        bodies: The place of new bodies outside the database, such as an S3Bucket. Older bodies stay in the database.
        clock_ms: Returns epoch milliseconds.

    Raises:
        ConfigError: An option is not valid.
    """

    key_file = None
    max_body_bytes: int | None = None

    def __init__(
        self,
        source: "str | Pool[Any]",
        *,
        schema: str = DEFAULT_SCHEMA,
        pool_size: int = 10,
        busy_timeout_s: float = 5.0,
        sweep_grace_s: float = 600.0,
        sweeps_at_close: bool = True,
        bodies: Bodies | None = None,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        check_numbers(pool_size=pool_size, busy_timeout_s=busy_timeout_s, sweep_grace_s=sweep_grace_s)
        if isinstance(source, str):
            check_url(source)
        elif not hasattr(source, "acquire"):
            raise ConfigError(f"source must be the text of a URL or an asyncpg pool, not {type(source).__name__}")
        super().__init__(
            sweep_grace_s=sweep_grace_s,
            sweeps_at_close=sweeps_at_close,
            bodies=bodies,
            clock_ms=clock_ms,
            abandon=Database.abandon,
        )
        self._source = source
        self._generation = generation()
        self._names = Names(schema)
        self._pool_size = pool_size
        self._busy_timeout_s = busy_timeout_s

    async def _connect(self) -> Database:
        if isinstance(self._source, str):
            return await Database.connect(
                self._source, self._names, most=self._pool_size, patience_s=self._busy_timeout_s
            )
        if self._generation != generation() and self._source.get_size():
            raise StoreError("the pool of connections was opened before a fork: open one in each process")
        database = Database(self._source, self._names, self._busy_timeout_s, is_ours=False)
        await database.read(schema.prepare)
        return database

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        return await self._write_with_keys(keys.replace_wrapped_keys, wrapped, checks)

    async def get(self, image_id: str) -> StoredImage | None:
        return await self._engines.opened().reads.get(image_id)

    async def _open_stream(self, image_id: str) -> ImageStream | None:
        database = self._engines.opened()
        opened = await database.read(images.open_body, image_id)
        if opened is None:
            return None
        image, body, chunks = opened
        # Each chunk takes a connection only while it is read, so that slow readers hold none.
        return ChunkStream(
            image, chunks, lambda number: database.read(body_rows.read_chunk, body, number), _WHY_MISSING
        )

    def read_nowait(self, image_id: str) -> None:
        """Always None: every read needs a round trip to the server."""

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        self._occasional_gc.soon()
        return await begin_write(self._engines.opened(), image_id, version, self._clock_ms, self._commit, self._bodies)

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        self._occasional_gc.soon()
        return await self._engines.opened().write(writes.delete, image_id, expect)

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return [object() for _ in image_ids]  # every request asks the database: see gathering.py

    async def sweep(self, *, limit: int = 100) -> int:
        removed = 0
        while removed < limit and (some := await self._collect(limit - removed)):
            removed += some
        return removed

    async def _collect(self, limit: int = 100) -> int:
        """Remove up to `limit` bodies; return how many. If any body is due, remove at least one."""
        removed, is_done = 0, False
        while not removed and not is_done:  # removing a long body takes many transactions
            removed, is_done = await self._engines.opened().write(remove_bodies, self._sweep_grace_s, limit)
        return removed + await self._collect_objects(limit - removed)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresStore"]:
        """Return a context manager for a snapshot: its block gets a store that does not see later writes."""
        async with snapshot(self._engines.opened()) as database:
            store = copy(self)
            store._engines = PerLoop(Database.abandon)
            store._engines.put(database)
            yield store

    async def is_made(self) -> bool:
        return await Database.ask_once(self._source, self._names, schema.is_made, self._busy_timeout_s)

    async def database_info(self) -> DatabaseInfo:
        return await self._engines.opened().read(_database_info)

    async def place(self) -> Hashable:
        return await self._engines.opened().read(schema.place)

    def within(self, connection: Any) -> HostTransaction:
        """Return an object that writes images in the open transaction of an application's connection.

        connection: an asyncpg Connection, or an AsyncConnection of psycopg 3.2 or newer. The writes are committed or
        rolled back with its transaction. Raises InputError for another kind, or if the connection is in no transaction.
        """
        return HostTransaction(self._engines.opened(), self._names, connection, self._clock_ms, self._bodies)

    async def _commit(self, new: GroupCommit) -> Sequence[StoredImage]:
        try:
            return await self._write_with_keys(writes.commit, new)
        except ConnectionLost:
            images = await self._engines.opened().write(writes.find_committed, new)
            if images is None:
                raise
            return images

    async def _write_with_keys(self, operation: Operation[..., R], *args: Any) -> R:
        """Run an operation that wraps keys. If a new secret must be admitted, run it again with the exclusive lock."""
        write = partial(self._engines.opened().write, operation, *args)
        try:
            return await write(may_admit=False)
        except AdmissionNeeded:
            return await write(may_admit=True)


async def _database_info(tx: Transaction) -> DatabaseInfo:
    """Return the server's version and clock."""
    row = await tx.one("SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())")
    assert row is not None
    return DatabaseInfo("PostgreSQL", row[0], float(row[1]))
