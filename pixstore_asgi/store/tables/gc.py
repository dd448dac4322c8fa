"""Garbage collection: removes bodies that no image needs, from the database and from an object store."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from ...core.events import event
from ...errors import StoreError
from ...process import PerLoop
from ..objects import Bodies, OtherPlace, versions_among
from .faults import unknown_bodies
from .transaction import BodyState, Engine, Transaction

_log = logging.getLogger("pixstore_asgi")
_EVERY_S = 10.0
_LOCK = "sweep"  # must stay: earlier versions of this package, on the same database, use this name
_CHECKED_NAMES = 4
_REMOVED_CHUNKS = 256  # 64 MiB: even a slow disk removes them within a transaction's time limit; writes wait meanwhile
MORE_BODIES = 64
"""The number of bodies that gc considers beyond its limit, because readers may hold the first ones."""


FIND_DEAD = (
    "SELECT id FROM {body} WHERE state <> 1 AND {changed} < {grace_ago}"
    " AND object IS NULL ORDER BY {changed} LIMIT $2 FOR UPDATE SKIP LOCKED"
)
"""Selects bodies in the database that have been dead or pending for $1 seconds, the grace period."""

_REMOVE_EMPTY = (
    "DELETE FROM {body} AS body WHERE id = ANY($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM {chunk} WHERE {of_body})"
)
_LIVE_NAMES = "SELECT object FROM {body} WHERE object IS NOT NULL AND state = 1 ORDER BY id"


async def remove_bodies(
    tx: Transaction, grace_s: float, limit: int, claim: Callable[[int], bool] | None = None
) -> tuple[int, bool]:
    """Remove chunks of up to `limit` bodies that have been dead, or pending without progress, for `grace_s` seconds.

    claim: reserves a body for this transaction, or returns False if the body is in use. None: row locks are enough.

    Return the number of bodies that are now completely removed, and whether nothing is left to do. One transaction
    removes a limited number of chunks. Only one process does this at a time; the others find nothing to do.
    """
    if not await tx.try_lock(_LOCK):
        return 0, True
    found = await tx.all(FIND_DEAD, grace_s, limit + MORE_BODIES if claim else limit)
    ids: list[int] = []
    for (body,) in found:
        if len(ids) < limit and (claim is None or claim(body)):
            ids.append(body)
    if not ids:
        return 0, True
    chunks = await tx.remove_chunks(ids, _REMOVED_CHUNKS)
    removed = await tx.run(_REMOVE_EMPTY, ids)
    if removed < len(ids):  # mark the rest dead: no upload may continue a body that lacks chunks
        await tx.run("UPDATE {body} SET state = $2 WHERE id = ANY($1::bigint[])", ids, BodyState.DEAD)
    return removed, chunks < _REMOVED_CHUNKS


async def live_names(tx: Transaction, limit: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return object names of current bodies: up to `limit` with the lowest ids, and as many with the highest."""
    oldest = await tx.all(f"{_LIVE_NAMES} ASC LIMIT $1", limit)
    newest = await tx.all(f"{_LIVE_NAMES} DESC LIMIT $1", limit)
    return [name.hex() for (name,) in oldest], [name.hex() for (name,) in newest]


async def claim_objects(
    tx: Transaction, grace_s: float, limit: int, is_backed_up: Callable[[], bool] = lambda: False
) -> dict[int, str]:
    """Claim up to `limit` objects that have been dead or pending for `grace_s` seconds. Return their names by row id.

    If two rows share an object, the dead row is deleted and the object stays.

    is_backed_up: whether a backup needs all objects now. It is asked within the transaction: the rows of a backup that
    begins later do not name the objects that this transaction claims.
    """
    if is_backed_up() or not await tx.try_lock(_LOCK):
        return {}
    await tx.lock("objects")
    # Skips rows that a running commit has locked. It locks the others, so no commit of them can begin.
    dead = await tx.all(
        "SELECT id, object FROM {body} WHERE state <> 1 AND object IS NOT NULL AND {changed} < {grace_ago}"
        " ORDER BY {changed} LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    claimed: dict[int, str] = {}
    for body, name in dead:
        if await tx.one("SELECT 1 FROM {body} WHERE object = $1 AND id <> $2", name, body):
            await tx.run("DELETE FROM {body} WHERE id = $1", body)
        else:
            claimed[body] = name.hex()
    await tx.run(  # changed now: if this process dies, another one claims them after the grace period
        "UPDATE {body} SET state = $2, {changed} = {now}, removing = true WHERE id = ANY($1::bigint[])",
        list(claimed),
        BodyState.DEAD,
    )
    return claimed


async def unclaim_objects(tx: Transaction, bodies: Sequence[int]) -> None:
    """End the claim on these rows, so that an interrupted copy may write their versions again. The rows stay dead."""
    await tx.run("UPDATE {body} SET removing = false WHERE id = ANY($1::bigint[])", list(bodies))


async def pending_names(tx: Transaction, versions: Sequence[bytes]) -> set[str]:
    """Return the names of those of these objects that may be in an upload now."""
    pending = f"SELECT object FROM {{body}} WHERE object = ANY($1::bytea[]) AND state = {BodyState.PENDING:d}"
    return {name.hex() for (name,) in await tx.all(pending, list(versions))}


async def adopt_orphans(tx: Transaction, versions: Sequence[bytes], grace_s: float) -> None:
    """Insert a dead row for each of these versions that no row names. Its grace period has ended."""
    await tx.lock("objects")
    for version in await unknown_bodies(tx, versions):
        body = await tx.add_row(BodyState.DEAD, version)
        await tx.run("UPDATE {body} SET {changed} = {grace_ago} WHERE id = $2", grace_s + 1, body)


async def forget_objects(tx: Transaction, claimed: Mapping[int, str]) -> None:
    """Delete the rows of objects that the object store has removed."""
    await tx.run("DELETE FROM {body} WHERE id = ANY($1::bigint[])", list(claimed))


class ObjectGc:
    """Removes objects that no image needs.

    It first checks that the object store has objects of current rows. In a wrong bucket, a removal succeeds without
    removing anything. Then the rows would be deleted, and the objects would stay in the right bucket forever.

    is_known: whether this is certainly the right object store.
    """

    def __init__(self, bodies: Bodies, grace_s: float) -> None:
        self._bodies = bodies
        self._grace_s = grace_s
        self.is_known = False

    async def collect(self, engine: Engine, limit: int, is_backed_up: Callable[[], bool]) -> int:
        """Remove up to `limit` objects; return how many. Raises OtherPlace, StoreBusy or another StoreError.

        The removal is shielded from cancellation. Otherwise a cancelled call could remove objects and keep their rows,
        and a later call would claim them again.
        """
        await self.check(engine)
        claimed = await engine.write(claim_objects, self._grace_s, limit, is_backed_up)
        if not self.is_known:  # no live row to check the place by: remove only objects that exist there
            absent = [row for row, name in claimed.items() if not await self._bodies.has(name)]
            await engine.write(unclaim_objects, absent)
            claimed = {row: name for row, name in claimed.items() if row not in absent}
        if claimed:
            await asyncio.shield(self._remove(engine, claimed))
        await self._remove_unfinished(engine)
        return len(claimed)

    async def adopt_orphans(self, engine: Engine) -> None:
        """Give each object that no row names a dead row, so that `collect` asks for its row again and removes it."""
        async for names in self._bodies.names():
            if orphans := await engine.read(unknown_bodies, versions_among(names)):
                await engine.write(adopt_orphans, orphans, self._grace_s)

    async def accept(self, engine: Engine) -> None:
        """Accept a folder with the database's id. Raises OtherPlace if it has none of several current bodies: a start
        without the disk may have made it below the mount point. One lost body must not close the store.
        """
        oldest, newest = await engine.read(live_names, _CHECKED_NAMES)
        names = list(dict.fromkeys([*newest, *oldest]))
        if len(names) > 1 and not await self._has_any(names):
            raise OtherPlace(
                f"the folder {self._bodies} has none of the database's current bodies ({len(names)} looked for): "
                "mount the right disk, or restore the folder from a backup"
            )
        self.is_known = True

    async def check(self, engine: Engine) -> None:
        """Check once, until a first success, that this is the right object store. Raises the errors of `look`."""
        if not self.is_known:
            await self.look(engine)

    async def look(self, engine: Engine) -> None:
        """Look for several current bodies of this database. Raises OtherPlace if the object store has none of the
        oldest, or none of the newest ones, or StoreError.
        """
        oldest, newest = await engine.read(live_names, _CHECKED_NAMES)
        if not oldest:
            return
        for names in (oldest, newest):  # the oldest too: if the place was changed, only the newest are there
            if not await self._has_any(names):
                raise OtherPlace(
                    f"no current body was found in {self._bodies} ({len(names)} looked for), so nothing is removed "
                    "there: check that blobs= names the place of this database's bodies; if it does, run "
                    "`pixstore-asgi verify`, and restore the missing bodies"
                )
        self.is_known = True

    async def _has_any(self, names: Sequence[str]) -> bool:
        for name in names:  # any of them is enough: one lost object must not stop gc
            if await self._bodies.has(name):
                return True
        return False

    async def _remove_unfinished(self, engine: Engine) -> None:
        """Remove parts that no process writes any more, because no pending row names their body."""
        parts = await self._bodies.unfinished()  # before the rows are read, because an upload inserts its row first
        if parts:
            pending = await engine.read(pending_names, versions_among([*parts.values()]))
            await self._bodies.remove_unfinished([part for part, name in parts.items() if name not in pending])

    async def _remove(self, engine: Engine, claimed: Mapping[int, str]) -> None:
        await engine.sync()  # else a power failure could bring an image back without its body
        await self._bodies.remove(list(claimed.values()))
        await engine.write(forget_objects, claimed)


class _Run(NamedTuple):
    """A run of gc in one event loop. is_ending: once set, the run ends after its current step."""

    task: "asyncio.Task[None]"
    is_ending: asyncio.Event


class OccasionalGc:
    """Runs a store's gc in its own task until nothing is left. A run starts at most once in 10 s.

    collect: removes some bodies that no image needs, and returns their number.
    """

    def __init__(self, collect: Callable[[], Awaitable[int]]) -> None:
        self._collect = collect
        self._begun_s = time.monotonic()
        self._runs: PerLoop[_Run] = PerLoop(lambda run: None)

    def soon(self) -> None:
        """Start gc, unless one is running or was started in the last 10 s."""
        if self._under_way() is None and time.monotonic() - self._begun_s >= _EVERY_S:
            self._begun_s, is_ending = time.monotonic(), asyncio.Event()
            self._runs.put(_Run(asyncio.create_task(self._run(is_ending)), is_ending))

    async def ended(self) -> None:
        """Let the running gc of this event loop end after its current step, and wait for that."""
        if run := self._under_way():
            run.is_ending.set()
            await asyncio.wait([run.task])

    def _under_way(self) -> _Run | None:
        run = self._runs.get()
        return None if run is None or run.task.done() else run

    async def _run(self, is_ending: asyncio.Event) -> None:
        try:
            while not is_ending.is_set() and await self._collect():
                pass  # until nothing is left: else writes could leave more bodies behind than gc removes
        except StoreError as error:
            log_failed_gc(error, "the store was not swept")


def log_failed_gc(error: StoreError, words: str, path: str | None = None) -> None:
    """Log that gc failed: as an error for a wrong object store, else as info. words: the message's first words."""
    if isinstance(error, OtherPlace):
        _log.error("%s: %s", words, error, extra=event("sweep_failed", path=path))
    else:
        _log.info("%s: %s", words, error, extra=event("sweep_failed", path=path))
