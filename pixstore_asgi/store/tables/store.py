"""TableStore: the code that SqliteStore and PostgresStore share."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import ClassVar, Generic, TypeVar

from ...core.images import StoredImage, Tombstone, Usage
from ...errors import StoreError
from ...process import Clock, PerLoop
from ..contract import Expect, Expected, ImageStream, KeyChecks
from ..inspection import Fault, Outside, Unused, found_by
from ..objects import Bodies, InObjectStore, NoSuchBody, Owner
from . import bodies as body_rows
from . import faults, images, keys, writes
from .gc import ObjectGc, OccasionalGc, log_failed_gc
from .transaction import Engine

E = TypeVar("E", bound=Engine)


class TableStore(ABC, Generic[E]):
    """An ImageStore in tables, without the parts that depend on the database.

    The subclass for a database opens it, reads and writes bodies, and removes those that no image needs.
    """

    looks: ClassVar[Sequence[tuple[str, str]]] = faults.LOOKS
    """The statements that find faults, each with the reason to report."""

    def __init__(
        self,
        *,
        sweep_grace_s: float,
        sweeps_at_close: bool,
        bodies: Bodies | None,
        clock_ms: Clock,
        abandon: Callable[[E], object],
    ) -> None:
        self._sweep_grace_s = sweep_grace_s
        self._sweeps_at_close = sweeps_at_close
        self._bodies = bodies
        self._clock_ms = clock_ms
        self._object_gc = ObjectGc(bodies, sweep_grace_s) if bodies else None
        self._occasional_gc = OccasionalGc(self._collect)
        self._engines: PerLoop[E] = PerLoop(abandon)

    @abstractmethod
    async def _connect(self) -> E:
        """Open the database in this event loop."""

    @abstractmethod
    async def _collect(self) -> int:
        """Remove some bodies that no image needs. Return their number."""

    def _log_failed_gc(self, error: StoreError) -> None:
        """Log that the store was closed although its gc failed."""
        log_failed_gc(error, "the store was closed without a sweep")

    @abstractmethod
    async def _open_stream(self, image_id: str) -> ImageStream | None:
        """Open the current version, or return None. Raises InObjectStore if the body is in an object store."""

    async def open(self) -> None:
        if self._engine is None:
            if self._bodies:
                await self._bodies.open()
            engine = await self._connect()
            try:
                await self._attach_bodies(engine)
            except BaseException:
                await engine.close()
                raise
            self._engines.put(engine)

    async def _attach_bodies(self, engine: E) -> None:
        if self._bodies and self._object_gc:
            await engine.sync()  # `attach` forgets other ids: a power failure must not bring one of them back
            if await self._bodies.attach(partial(self._owner, engine)):
                await self._object_gc.accept(engine)

    async def _owner(self, engine: E) -> Owner:
        return await engine.read(keys.owner)

    async def close(self) -> None:
        self._engines.drop_ended()
        try:
            if engine := self._engine:
                await self._close(engine)
        finally:
            if self._bodies:
                await self._bodies.close()

    async def _close(self, engine: E) -> None:
        try:
            if not engine.is_inherited:
                await self._occasional_gc.ended()
                if self._sweeps_at_close:
                    await self._collect()
        except StoreError as error:  # nothing is lost: the next write or close collects it
            self._log_failed_gc(error)
        finally:
            self._engines.pop()
            await engine.close()

    async def database_id(self) -> bytes:
        return await self._engines.opened().read(keys.database_id)

    async def separate(self, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
        return await self._engines.opened().write_all(keys.assign_new_database_id, database_id, check, rewrap)

    async def key_checks(self) -> KeyChecks:
        return await self._engines.opened().read(keys.key_checks)

    async def key_usage(self) -> dict[bytes, int]:
        return await self._engines.opened().read_all(keys.key_usage)

    async def retire_key_check(self, check: bytes) -> None:
        await self._engines.opened().write_all(keys.retire_key_check, check)

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        return await self._engines.opened().read(images.get_many, image_ids)

    async def open_stream(self, image_id: str) -> ImageStream | None:
        missing: bytes | None = None
        while True:
            try:
                return await self._open_stream(image_id)
            except InObjectStore as found:
                if self._bodies is None:
                    raise
                image, version = found.image, found.image.meta.version
            try:
                return await self._bodies.open_stream(image, version.hex())
            except NoSuchBody:
                if version == missing:
                    raise
                missing = version  # gc may have removed it after the row was read: ask the row again

    async def raise_epoch(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        return await self._engines.opened().write(writes.raise_epoch, image_id, expect)

    async def raise_epochs(self, *, after: str | None = None, before: str | None = None) -> int:
        return await self._engines.opened().write_all(writes.raise_epochs, after, before)

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100, originals_only: bool = False
    ) -> "list[StoredImage]":
        return await self._engines.opened().read(
            images.list_images, after, before, limit, originals_only=originals_only
        )

    async def usage(self, *, after: str | None = None, before: str | None = None) -> Usage:
        return await self._engines.opened().read_all(images.usage, after, before)

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        return await self._engines.opened().read(images.list_tombstones, after, before, limit)

    async def put_tombstones(self, tombstones: Sequence[Tombstone]) -> None:
        await self._engines.opened().write(writes.put_tombstones, tombstones)

    async def _collect_objects(self, limit: int) -> int:
        """Remove up to `limit` objects that no image needs. Return their number."""
        if self._object_gc is None or limit <= 0:
            return 0
        engine = self._engines.opened()
        return await self._object_gc.collect(engine, limit, lambda: self._is_backed_up(engine))

    def _is_backed_up(self, engine: E) -> bool:
        """Return whether a backup needs all objects now. A database without leases protects them by their age."""
        return False

    async def check_bodies(self) -> None:
        if self._object_gc:
            await self._object_gc.look(self._engines.opened())

    async def adopt_orphans(self) -> None:
        if self._object_gc:
            await self._object_gc.adopt_orphans(self._engines.opened())

    @property
    def bodies(self) -> Bodies | None:
        return self._bodies

    async def has_objects(self, *, live: bool = False) -> bool:
        return await self._engines.opened().read(body_rows.has_objects, live=live)

    async def outside(self) -> Outside:
        return Outside(*await self._engines.opened().read_all(faults.count_outside))

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        return await self._engines.opened().read(faults.ids, after, limit)

    async def faults(self) -> AsyncIterator[Fault]:
        for statement, reason in self.looks:
            for fault in await found_by(self._engines.opened().read_all(faults.look, statement, reason)):
                yield fault

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        return await self._engines.opened().read(faults.unknown_bodies, versions)

    async def unused(self) -> Unused:
        return Unused(*await self._engines.opened().read_all(faults.count_unused), 0)

    @property
    def _engine(self) -> E | None:
        return self._engines.get()
