"""PostgresStore: images in a PostgreSQL database, through asyncpg."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial
from typing import Any

from ...core.images import RewrappedKey, StoredImage, Tombstone
from ...core.options import check_numbers
from ...errors import ConfigError, StoreError
from ...loops import PerLoop
from ...process import generation
from ..clock import Clock, wall_clock_ms
from ..contract import Expect, Expected, ImageStream, ImageWriter, KeyChecks
from ..gc import OccasionalGc, log_unswept
from ..groups import GroupCommit
from ..inspection import DatabaseInfo, Fault, Unused, found_by
from ..objects import Bodies, Claimed, LiveNames, ObjectGc, here_or_in_bucket
from ..tables import faults, images, keys, objects, writes
from ..tables.keys import AdmissionNeeded
from ..tables.transaction import Operation, R
from . import faults as own_faults
from . import gc, schema
from .address import check_url
from .database import Database, Pool
from .errors import ConnectionLost
from .host_transaction import HostTransaction
from .snapshot import snapshot
from .streams import begin_write, open_stream
from .transaction import Names

_log = logging.getLogger("pixstore_asgi")
DEFAULT_SCHEMA = "pixstore"


class PostgresStore:
    """Keeps images in the PostgreSQL database that a URL or an asyncpg pool names, in tables in `schema`.

    source: postgresql://user@host:port/database, with what asyncpg takes behind it (sslmode and the like); PGPASSWORD,
        ~/.pgpass and the other ways of libpq work. Or a pool of the application's, which stays the application's to
        close; behind a pooler in transaction mode make it with statement_cache_size=0.
    schema: made if it is missing, which takes the privilege CREATE on the database. A schema that the user owns takes
        no other privilege.
    pool_size: the most connections of a pool made for a URL.
    busy_timeout_s: how long a server that went away, a connection or another write is waited for before StoreBusy.
    sweep_grace_s: how long a replaced, deleted or abandoned body is kept, by the database's clock, in seconds; longer
        than any stream may last, and than an upload may stand still.
    bodies: where new bodies are kept in place of the database, as in an S3Bucket; those of before stay where they are.
    clock_ms: returns epoch milliseconds.

    Any number of processes on any number of hosts may use the tables, at once. asyncio only; open it after a fork.
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
        bodies: Bodies | None = None,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        check_numbers(pool_size=pool_size, busy_timeout_s=busy_timeout_s, sweep_grace_s=sweep_grace_s)
        if isinstance(source, str):
            check_url(source)
        elif not hasattr(source, "acquire"):
            raise ConfigError(f"source must be the text of a URL or an asyncpg pool, not {type(source).__name__}")
        self._source = source
        self._generation = generation()
        self._names = Names(schema)
        self._pool_size = pool_size
        self._busy_timeout_s = busy_timeout_s
        self.sweep_grace_s = sweep_grace_s
        self._bodies = bodies
        self._object_gc = ObjectGc(self, bodies) if bodies else None
        self._clock_ms = clock_ms
        self._databases: PerLoop[Database] = PerLoop(Database.abandon)
        self.sweeps_at_close = True
        self._occasional_gc = OccasionalGc(self._sweep_some)

    async def open(self) -> None:
        if self._database is not None:
            return
        if self._bodies:
            await self._bodies.open()
        if isinstance(self._source, str):
            opening = Database.connect(self._source, self._names, most=self._pool_size, patience_s=self._busy_timeout_s)
        else:
            if self._generation != generation() and self._source.get_size():
                raise StoreError("the pool of connections was opened before a fork: open one in each process")
            opening = Database.borrow(self._source, self._names, patience_s=self._busy_timeout_s)
        self._databases.put(await opening)

    async def close(self) -> None:
        self._databases.drop_ended()
        database = self._database
        if database is None:
            if self._bodies:
                await self._bodies.close()
            return
        if database.generation != generation():
            self._databases.pop()  # the connections are the parent's
            return
        await self._occasional_gc.ended()
        try:
            if self.sweeps_at_close:
                await self._sweep_some()
        except StoreError as error:  # nothing is lost by it: another process sweeps, or the next write
            log_unswept(error, "the store was closed without a sweep")
        finally:
            self._databases.pop()
            try:
                await database.close()
            finally:
                if self._bodies:
                    await self._bodies.close()

    async def database_id(self) -> bytes:
        return await self._opened().read(keys.database_id)

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        return await self._opened().write_all(keys.assign_new_database_id, database_id, check, rewrap)

    async def key_checks(self) -> KeyChecks:
        return await self._opened().read(keys.key_checks)

    async def key_usage(self) -> dict[bytes, int]:
        return await self._opened().write_all(keys.key_usage)

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        return await self._write_with_keys(keys.replace_wrapped_keys, wrapped, checks)

    async def retire_key_check(self, check: bytes) -> None:
        await self._opened().write_all(keys.retire_key_check, check)

    async def get(self, image_id: str) -> StoredImage | None:
        return await self._opened().reads.get(image_id)

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        return await self._opened().read(images.get_many, image_ids)

    async def open_stream(self, image_id: str) -> ImageStream | None:
        return await here_or_in_bucket(open_stream(self._opened(), image_id), self._bodies)

    def read_at_once(self, image_id: str) -> None:
        """Nothing is at hand: every read is a trip to the server."""

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        self._occasional_gc.soon()
        return await begin_write(self._opened(), image_id, version, self._clock_ms, self._commit, self._bodies)

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        self._occasional_gc.soon()
        return await self._opened().write(writes.delete, image_id, expect)

    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        return await self._opened().write(writes.raise_epoch, image_id, expect)

    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        return await self._opened().write_all(writes.raise_epochs, after, before)

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        return await self._opened().read(images.list_images, after, before, limit, originals_only=originals_only)

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        return await self._opened().read(images.list_tombstones, after, before, limit)

    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        await self._opened().write(writes.put_tombstones, tombstones)

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return [object() for _ in image_ids]  # every request asks the database: see gathering.py

    async def sweep(self, *, limit: int = 100) -> int:
        removed = 0
        while removed < limit and (some := await self._sweep_some(limit - removed)):
            removed += some
        return removed

    async def _sweep_some(self, limit: int = 100) -> int:
        """Remove what a step removes: up to `limit` bodies, and at least one where there is any."""
        removed, is_done = 0, False
        while not removed and not is_done:  # a long body takes many steps
            removed, is_done = await self._opened().write(gc.collect, self.sweep_grace_s, limit)
        if self._object_gc and removed < limit:
            removed += await self._object_gc.sweep(limit - removed)
        return removed

    async def check_bodies(self) -> None:
        if self._object_gc:
            await self._object_gc.check()

    async def live_names(self, limit: int) -> LiveNames:
        """Return names of current bodies elsewhere."""
        return await self._opened().read(objects.live_names, limit)

    async def claim_bodies(self, limit: int) -> Sequence[Claimed]:
        """Claim bodies elsewhere that are to be removed."""
        return await self._opened().write(objects.claim, self.sweep_grace_s, limit)

    async def forget_bodies(self, claimed: Sequence[Claimed]) -> None:
        """Forget bodies elsewhere that were removed."""
        await self._opened().write(objects.forget, claimed)

    @property
    def bodies(self) -> Bodies | None:
        return self._bodies

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresStore"]:
        """Return this store as it is now, to be read for the time of a block, whatever others write meanwhile."""
        async with snapshot(self._opened()) as database:
            store = copy(self)
            store._databases = PerLoop(Database.abandon)
            store._databases.put(database)
            yield store

    async def is_made(self) -> bool:
        return await Database.ask_once(self._source, self._names, schema.is_made, self._busy_timeout_s)

    async def database_info(self) -> DatabaseInfo:
        return await self._opened().read(own_faults.database_info)

    async def place(self) -> Hashable:
        return await self._opened().read(schema.place)

    async def has_bodies_elsewhere(self, *, live: bool = False) -> bool:
        return await self._opened().read(objects.has_objects, live=live)

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        return await self._opened().read(faults.ids, after, limit)

    async def faults(self) -> AsyncIterator[Fault]:
        for statement, reason in faults.LOOKS:
            for fault in await found_by(self._opened().write_all(faults.look, statement, reason)):
                yield fault

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        return await self._opened().read(own_faults.unknown_bodies, versions)

    async def unused(self) -> Unused:
        return Unused(*await self._opened().write_all(faults.count_unused), 0)

    def within(self, connection: Any) -> HostTransaction:
        """Return this store as it is within the transaction of an asyncpg connection of the application's.

        What is written there happens with that transaction or not at all. Raises InputError where the connection is
        none of asyncpg's or has begun no transaction.
        """
        return HostTransaction(self._opened(), self._names, connection, self._clock_ms, self._bodies)

    async def _commit(self, new: GroupCommit) -> Sequence[StoredImage]:
        try:
            return await self._write_with_keys(writes.commit, new)
        except ConnectionLost:
            images = await self._opened().write(writes.find_committed, new)
            if images is None:
                raise
            return images

    async def _write_with_keys(self, operation: Operation[..., R], *args: Any) -> R:
        """Run an operation that wraps keys; most find their secret known, and then run beside each other."""
        write = partial(self._opened().write, operation, *args)
        try:
            return await write(may_admit=False)
        except AdmissionNeeded:
            return await write(may_admit=True)

    @property
    def _database(self) -> Database | None:
        return self._databases.get()

    def _opened(self) -> Database:
        database = self._database
        if database is None:
            raise StoreError("the store is closed: open it first")
        if database.generation != generation():
            raise StoreError("the store was opened before a fork: open it in each process")
        return database
