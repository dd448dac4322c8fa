"""SqliteStore: images in one SQLite file, through aiosqlite."""

import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from ...core.events import event
from ...core.images import RewrappedKey, StoredImage
from ...core.options import check_numbers
from ...errors import ConfigError, StoreBusy, StoreError
from ...process import Clock, wall_clock_ms
from ..contract import Expect, Expected, ImageStream, ImageWriter
from ..inspection import DatabaseInfo, Fault, Unused, found_by
from ..objects import Bodies, Owner
from ..tables import images, keys
from ..tables.bodies import begin_write
from ..tables.gc import log_failed_gc
from ..tables.store import TableStore
from . import gc, reads
from .connection import text_of, translated
from .engine import Engine, query, transact
from .leases import BACKUP
from .rows import owner_in
from .streams import open_stream
from .transaction import KEYS
from .writer import Deletion, Writer

_log = logging.getLogger("pixstore_asgi")
_COLLECTED_PER_WRITE = 4
_FEW_IMAGES = 100
_KEPT_PAGES = 4096  # of 16 KiB: free space that stays in the file for later writes
_LOOKS = (
    (
        f"SELECT 'body ' || of FROM ({KEYS}) WHERE of NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)",
        "it has a key, and no image points to it",
    ),
)

Durability = Literal["NORMAL", "FULL"]


class SqliteStore(TableStore[Engine]):
    """Keeps images in the SQLite database at `path`, which is created with mode 0600 if it is missing.

    Any number of processes of one machine may use the file, which must be on a local disk. One process writes at a
    time; readers never wait for it. Each process sees writes of another SqliteStore immediately, and writes of another
    program within a second. SQLite's own files and `<path>.lock` lie beside the database. They must not be shortened
    while in use. If another program moves, replaces, changes or removes one of these files, the store refuses the next
    write, and refuses reads within a second. The file must have one name: no hard link, no mount of its own. asyncio
    only. Open the store after a fork, not before.

    Args:
        path: The database file.
        durability: "NORMAL": a power failure may lose the last writes, never older ones, and the database stays sound;
            a crash of the process loses nothing. "FULL": no acknowledged write is lost.
        busy_timeout_s: How long a write waits for writes of other processes before StoreBusy, in seconds.
        sweep_grace_s: How long a replaced, deleted or abandoned body is kept, in seconds. It applies to bodies outside
            the database, and to all bodies on systems without leases between processes (other than 64-bit Linux).
            Choose it longer than the longest pause of an upload and, unless the bodies are in a folder, the longest
            stream.
        sweeps_at_close: Whether `close` removes unneeded bodies. Pass False if the database may be a copy: a copy does
            not know bodies that were saved outside the database after it was made.
        bodies: The place of new bodies outside the database, such as an S3Bucket. Older bodies, and bodies that are too
            short for that place, stay in the database.
        clock_ms: Returns epoch milliseconds.

    Raises:
        ConfigError: An option is not valid.
    """

    max_body_bytes = gc.MAX_BODY_BYTES
    looks = (*TableStore.looks, *_LOOKS)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "NORMAL",
        busy_timeout_s: float = 5.0,
        sweep_grace_s: float = 600.0,
        sweeps_at_close: bool = True,
        bodies: Bodies | None = None,
        clock_ms: Clock = wall_clock_ms,
    ) -> None:
        if durability not in ("NORMAL", "FULL"):
            raise ConfigError(f'durability must be "NORMAL" or "FULL", not {durability!r}')
        check_numbers(busy_timeout_s=busy_timeout_s, sweep_grace_s=sweep_grace_s)
        super().__init__(
            sweep_grace_s=sweep_grace_s,
            sweeps_at_close=sweeps_at_close,
            bodies=bodies,
            clock_ms=clock_ms,
            abandon=Engine.abandon,
        )
        self.path = Path(path).absolute()
        self._durability = durability
        self._busy_timeout_s = busy_timeout_s

    async def _connect(self) -> Engine:
        if self._bodies and await self._bodies.has_owner() and not await self.is_made():
            raise StoreError(
                f"the database {self.path} is new, but the folder {self._bodies} holds the bodies of another one: "
                "restore the database from a backup, or name a new folder"
            )
        return await Engine.open(
            self._real_path(), self._clock_ms, busy_timeout_s=self._busy_timeout_s, durability=self._durability
        )

    async def _owner(self, engine: Engine) -> Owner:
        return owner_in(engine.path, await super()._owner(engine))

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        engine = self._engines.opened()
        separated = await engine.on_writer(self._separate, engine, database_id, check, rewrap)
        await self._attach_bodies(engine)
        return separated

    async def replace_wrapped_keys(self, wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes] = ()) -> int:
        return await self._engines.opened().write(keys.replace_wrapped_keys, wrapped, checks, may_admit=True)

    async def get(self, image_id: str) -> StoredImage | None:
        engine = self._engines.opened()
        image = engine.read_nowait(reads.get, image_id)
        return await engine.on_reader(reads.get, image_id) if image is None else image

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        engine = self._engines.opened()
        is_few = len(image_ids) <= _FEW_IMAGES
        found = engine.read_nowait(query, images.get_many, image_ids) if is_few else None
        return await super().get_many(image_ids) if found is None else found

    async def _open_stream(self, image_id: str) -> ImageStream | None:
        return await open_stream(self._engines.opened(), image_id)

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        return self._engines.opened().read_nowait(reads.whole_image, image_id)

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        engine = self._engines.opened()
        engine.write_soon(self._collect_some, engine)
        if self._bodies:
            self._occasional_gc.soon()
        return await begin_write(engine, image_id, version, self._clock_ms, engine.commit, self._bodies)

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        engine = self._engines.opened()
        if self._bodies:
            self._occasional_gc.soon()
        # gc runs in the same call, so that nothing more is written after the caller has the answer.
        return await engine.delete(Deletion(image_id, expect), partial(self._collect_some, engine=engine))

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return self._engines.opened().stamps(image_ids)

    async def sweep(self, *, limit: int = 100) -> int:
        engine = self._engines.opened()
        if self._bodies or not engine.leases.are_shared:  # else gc depends on no times
            await engine.on_writer(gc.date_back, self._clock_ms())
        removed = await engine.on_writer(gc.collect, engine.leases, self._sweep_grace_s, limit)
        while await engine.on_writer(gc.give_space_back, 0):
            pass
        return removed + await self._collect_objects(limit - removed)

    async def _collect(self) -> int:
        return await self.sweep()

    def _is_backed_up(self, engine: Engine) -> bool:
        return engine.leases.is_held(BACKUP)

    def _log_failed_gc(self, error: StoreError) -> None:
        log_failed_gc(error, f"{self.path} was closed without a sweep", path=str(self.path))

    async def is_made(self) -> bool:
        # An empty file was created this moment, or has lost its content.
        with translated(self.path):
            return self.path.exists() and self.path.stat().st_size > 0

    async def database_info(self) -> DatabaseInfo:
        return DatabaseInfo("SQLite", sqlite3.sqlite_version, None)

    async def place(self) -> Hashable:
        return self._real_path()

    async def faults(self) -> AsyncIterator[Fault]:
        for fault in await found_by(self._engines.opened().on_reader(_damaged_pages)):
            yield fault
        async for fault in super().faults():
            yield fault

    async def unused(self) -> Unused:
        free_bytes = await self._engines.opened().on_reader(_free_bytes)
        return (await super().unused())._replace(free_bytes=free_bytes)

    @property
    def key_file(self) -> Path:
        path = self._real_path()
        return path.with_name(path.name + ".key")

    @property
    def in_use(self) -> int:
        """The number of bodies that this process reads or writes now."""
        return sum(len(engine.leases) for engine in self._engines.values())

    def _separate(
        self, db: Writer, engine: Engine, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]
    ) -> int:
        if not engine.leases.begin_alone():
            raise StoreBusy(f"{self.path} is open in other processes: stop them first")
        try:
            if self._bodies:  # a process that opens the store before the commit would forget this id again
                self._bodies.add_owner(database_id)
            return transact(db, keys.assign_new_database_id, database_id, check, rewrap)
        finally:
            engine.leases.end_alone()

    def _collect_some(self, db: Writer, engine: Engine) -> None:
        """Remove a few unneeded bodies in the course of a write. An error here is logged, so that the write still
        succeeds.
        """
        try:
            gc.collect_some(db, engine.leases, self._sweep_grace_s, _COLLECTED_PER_WRITE, _KEPT_PAGES)
        except (StoreError, sqlite3.Error, OSError) as error:
            _log.info(
                "%s was not swept: %s", self.path, text_of(error), extra=event("sweep_failed", path=str(self.path))
            )

    def _real_path(self) -> Path:
        # Resolved: a database with several names would have several lock files and key files.
        return Path(os.path.realpath(self.path))


def _damaged_pages(db: sqlite3.Connection) -> list[Fault]:
    """Return the faults that SQLite itself finds: pages, indexes, types, checks."""
    found = [line for (lines,) in db.execute("PRAGMA integrity_check").fetchall() for line in lines.splitlines()]
    return [Fault("the database", line) for line in found if line != "ok"]


def _free_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the file's free pages."""
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return int(pages) * int(page_bytes)
