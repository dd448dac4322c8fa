"""Garbage collection: removes bodies that no image needs, from the database and from an object store."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from ...core.events import event
from ...errors import StoreError
from ...process import PerLoop
from ..objects import Bodies, OtherPlace
from .transaction import BodyState, Engine, Transaction

_log = logging.getLogger("pixstore_asgi")
_EVERY_S = 10.0
_LOCK = "sweep"  # earlier versions, which may use the same database, take this name
_CHECKED_NAMES = 4
_REMOVED_CHUNKS = 256  # 64 MiB: one transaction removes them in its time on a slow disk, while other writes wait
MORE_BODIES = 64
"""How many bodies gc looks at beyond its limit, because readers may hold the first ones."""


FIND_DEAD = (
    "SELECT id FROM {body} WHERE state <> 1 AND {changed} < {grace_ago}"
    " AND object IS NULL ORDER BY {changed} LIMIT $2 FOR UPDATE SKIP LOCKED"
)
"""Selects bodies in the database that were dead or pending for a grace period, in seconds."""

_REMOVE_EMPTY = (
    "DELETE FROM {body} AS body WHERE id = ANY($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM {chunk} WHERE {of_body})"
)
_LIVE_NAMES = "SELECT object FROM {body} WHERE object IS NOT NULL AND state = 1 ORDER BY id"


async def remove_bodies(
    tx: Transaction, grace_s: float, limit: int, claim: Callable[[int], bool] | None = None
) -> tuple[int, bool]:
    """Remove chunks of up to `limit` bodies that have been dead, or stood still, for `grace_s`.

    claim: claims a body for the time of this transaction; False if it is in use. Without it the row locks do.

    Return how many bodies are gone now, and whether all of them are: one transaction removes only so many chunks. One
    process does so at a time; the others find nothing to do.
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
    if removed < len(ids):  # no upload goes on with a body that lacks a part
        await tx.run("UPDATE {body} SET state = $2 WHERE id = ANY($1::bigint[])", ids, BodyState.DEAD)
    return removed, chunks < _REMOVED_CHUNKS


async def live_names(tx: Transaction, limit: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return names of current objects: up to `limit` with the lowest ids, and as many with the highest."""
    oldest = await tx.all(f"{_LIVE_NAMES} ASC LIMIT $1", limit)
    newest = await tx.all(f"{_LIVE_NAMES} DESC LIMIT $1", limit)
    return [name.hex() for (name,) in oldest], [name.hex() for (name,) in newest]


async def claim_objects(tx: Transaction, grace_s: float, limit: int) -> dict[int, str]:
    """Claim objects that are dead or pending for `grace_s` seconds. Delete rows that share their object with another
    row.
    """
    if not await tx.try_lock(_LOCK):
        return {}
    await tx.lock("objects")
    # Locked rows are skipped: their commit has begun. No other commit can begin.
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
    await tx.run(  # as of now: if this process dies, another one claims them after the grace period
        "UPDATE {body} SET state = $2, {changed} = {now}, removing = true WHERE id = ANY($1::bigint[])",
        list(claimed),
        BodyState.DEAD,
    )
    return claimed


async def forget_objects(tx: Transaction, claimed: Mapping[int, str]) -> None:
    """Delete the rows of objects that were removed."""
    await tx.run("DELETE FROM {body} WHERE id = ANY($1::bigint[])", list(claimed))


class ObjectGc:
    """Removes objects that no image needs.

    It first checks that the object store has objects of current rows. In a wrong bucket or prefix, a removal succeeds
    without removing anything: the rows would be deleted, and their objects would stay forever.
    """

    def __init__(self, bodies: Bodies, grace_s: float) -> None:
        self._bodies = bodies
        self._grace_s = grace_s
        self._is_known = False

    async def collect(self, engine: Engine, limit: int) -> int:
        """Remove up to `limit` bodies; return how many. Raises OtherPlace, StoreBusy or another StoreError.

        Shielded: a call cancelled between removing and forgetting would leave removed bodies to be claimed again.
        """
        await self.check(engine)
        claimed = await engine.write(claim_objects, self._grace_s, limit)
        if not self._is_known:  # no live row: only bodies seen there are removed, and the other rows stay
            claimed = {row: name for row, name in claimed.items() if await self._bodies.has(name)}
        if claimed:
            await asyncio.shield(self._remove(engine, claimed))
        return len(claimed)

    async def check(self, engine: Engine) -> None:
        """Check that the object store has several live bodies. Raises OtherPlace if it has none of them, StoreError."""
        if self._is_known:
            return
        oldest, newest = await engine.read(live_names, _CHECKED_NAMES)
        if not oldest:
            return
        for names in (oldest, newest):  # only the newest are there if the place was changed a while ago
            if not await self._has_any(names):
                raise OtherPlace(
                    f"no current body was found in {self._bodies} ({len(names)} looked for), so nothing is removed "
                    "there: check that blobs= names the bucket and prefix of this database; if it does, run "
                    "`pixstore-asgi verify`, and restore the missing bodies"
                )
        self._is_known = True

    async def _has_any(self, names: Sequence[str]) -> bool:
        for name in names:  # a lost one must not stop gc
            if await self._bodies.has(name):
                return True
        return False

    async def _remove(self, engine: Engine, claimed: Mapping[int, str]) -> None:
        await self._bodies.remove(list(claimed.values()))
        await engine.write(forget_objects, claimed)


class _Run(NamedTuple):
    """A run of gc in one event loop. is_ending: if True, its next step is the last one."""

    task: "asyncio.Task[None]"
    is_ending: asyncio.Event


class OccasionalGc:
    """Runs a store's gc in its own task until nothing is left. It starts at most once in 10 s.

    collect: removes some bodies with an expired grace period, and returns their number.
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
        """Wait for the running step of this event loop, and make it the last one."""
        if run := self._under_way():
            run.is_ending.set()
            await asyncio.wait([run.task])

    def _under_way(self) -> _Run | None:
        run = self._runs.get()
        return None if run is None or run.task.done() else run

    async def _run(self, is_ending: asyncio.Event) -> None:
        try:
            while not is_ending.is_set() and await self._collect():
                pass  # until nothing is left, or writes could leave more behind than is removed
        except StoreError as error:
            log_failed_gc(error, "the store was not swept")


def log_failed_gc(error: StoreError, words: str, path: str | None = None) -> None:
    """Log that gc failed: as an error if the bucket is the wrong one, else as info."""
    if isinstance(error, OtherPlace):
        _log.error("%s: %s", words, error, extra=event("sweep_failed", path=path))
    else:
        _log.info("%s: %s", words, error, extra=event("sweep_failed", path=path))
