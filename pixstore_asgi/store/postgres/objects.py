"""The PostgreSQL store's rows of bodies that lie elsewhere.

Each is a row in {body} with the name of its object and no chunks. `removing` keeps a claimed one from everybody else.
"""

from collections.abc import Sequence

from ...errors import StoreBusy
from ..objects import Claimed, LiveNames
from .bodies import UploadGone, add_row
from .schema import BodyState
from .transaction import Transaction


async def has_object(tx: Transaction, body: int) -> bool:
    """Tell whether a body lies elsewhere."""
    return await tx.one("SELECT 1 FROM {body} WHERE id = $1 AND object IS NOT NULL", body) is not None


async def has_objects(tx: Transaction, *, live: bool) -> bool:
    """Tell whether any body, or any `live` one, lies elsewhere."""
    which = f" AND state = {BodyState.LIVE:d}" if live else ""
    return await tx.one(f"SELECT 1 FROM {{body}} WHERE object IS NOT NULL{which} LIMIT 1") is not None


async def live_names(tx: Transaction, limit: int) -> LiveNames:
    """Return names of current bodies elsewhere, of the lowest ids and of the highest."""
    query = f"SELECT object FROM {{body}} WHERE object IS NOT NULL AND state = {BodyState.LIVE:d} ORDER BY id"
    oldest = await tx.all(f"{query} ASC LIMIT $1", limit)
    newest = await tx.all(f"{query} DESC LIMIT $1", limit)
    return LiveNames([name.hex() for (name,) in oldest], [name.hex() for (name,) in newest])


async def begin(tx: Transaction, version: bytes) -> int:
    """Make the row of a pending body that will lie elsewhere, and return its id."""
    await tx.lock("objects", shared=True)  # or a sweep that has just found the name unused would take it away
    if await tx.one("SELECT 1 FROM {body} WHERE object = $1 AND removing", version):
        raise StoreBusy("an earlier write of this version is being removed: try again")
    return await add_row(tx, BodyState.PENDING, version)


async def touch(tx: Transaction, body: int) -> None:
    """Tell that a pending body is still on its way. Raises StoreError if it is gone."""
    query = "UPDATE {body} SET changed_at = clock_timestamp() WHERE id = $1 AND state = $2"
    if not await tx.run(query, body, BodyState.PENDING):
        raise UploadGone


async def claim(tx: Transaction, grace_s: float, limit: int) -> list[Claimed]:
    """Claim bodies that are dead or pending for `grace_s`; one whose name another row has is just forgotten."""
    if not await tx.try_lock("sweep"):
        return []
    await tx.lock("objects")
    # Locked: one whose commit has begun is let be, and no other one's can begin.
    dead = await tx.all(
        "SELECT id, object FROM {body} WHERE state <> 1 AND object IS NOT NULL"
        " AND changed_at < clock_timestamp() - make_interval(secs => $1)"
        " ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    claimed = []
    for body, name in dead:
        if await tx.one("SELECT 1 FROM {body} WHERE object = $1 AND id <> $2", name, body):
            await tx.run("DELETE FROM {body} WHERE id = $1", body)
        else:
            claimed.append(Claimed(body, name.hex()))
    await tx.run(  # again after the grace period, if this process dies
        "UPDATE {body} SET state = $2, changed_at = clock_timestamp(), removing = true WHERE id = ANY($1::bigint[])",
        [body.row for body in claimed],
        BodyState.DEAD,
    )
    return claimed


async def forget(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    """Forget bodies that were removed."""
    await tx.run("DELETE FROM {body} WHERE id = ANY($1::bigint[])", [body.row for body in claimed])
