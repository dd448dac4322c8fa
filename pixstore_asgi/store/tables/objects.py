"""Rows of bodies in an object store.

Each is a row in {body} with the name of its object and no chunks. The column `removing` marks a row that gc has
claimed.
"""

from collections.abc import Sequence

from ..objects import Claimed, LiveNames
from .transaction import BodyState, Transaction

_LIVE_NAMES = "SELECT object FROM {body} WHERE object IS NOT NULL AND state = 1 ORDER BY id"


async def has_object(tx: Transaction, body: int) -> bool:
    """Return whether a body is an object."""
    return await tx.one("SELECT 1 FROM {body} WHERE id = $1 AND object IS NOT NULL", body) is not None


async def has_objects(tx: Transaction, *, live: bool) -> bool:
    """Return whether any body, or any `live` one, is an object."""
    which = " AND state = 1" if live else ""
    return await tx.one(f"SELECT 1 FROM {{body}} WHERE object IS NOT NULL{which} LIMIT 1") is not None


async def live_names(tx: Transaction, limit: int) -> LiveNames:
    """Return names of current objects, for the lowest ids and for the highest."""
    oldest = await tx.all(f"{_LIVE_NAMES} ASC LIMIT $1", limit)
    newest = await tx.all(f"{_LIVE_NAMES} DESC LIMIT $1", limit)
    return LiveNames([name.hex() for (name,) in oldest], [name.hex() for (name,) in newest])


async def claim(tx: Transaction, grace_s: float, limit: int) -> list[Claimed]:
    """Claim objects that are dead or pending for `grace_s` seconds. Delete rows that share their object with another
    row.
    """
    if not await tx.try_lock("sweep"):
        return []
    await tx.lock("objects")
    # Locked rows are skipped: their commit has begun. No other commit can begin.
    dead = await tx.all(
        "SELECT id, object FROM {body} WHERE state <> 1 AND object IS NOT NULL AND {changed} < {grace_ago}"
        " ORDER BY {changed} LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    claimed = []
    for body, name in dead:
        if await tx.one("SELECT 1 FROM {body} WHERE object = $1 AND id <> $2", name, body):
            await tx.run("DELETE FROM {body} WHERE id = $1", body)
        else:
            claimed.append(Claimed(body, name.hex()))
    await tx.run(  # as of now: if this process dies, another one claims them after the grace period
        "UPDATE {body} SET state = $2, {changed} = {now}, removing = true WHERE id = ANY($1::bigint[])",
        [body.row for body in claimed],
        BodyState.DEAD,
    )
    return claimed


async def forget(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    """Delete the rows of objects that were removed."""
    await tx.run("DELETE FROM {body} WHERE id = ANY($1::bigint[])", [body.row for body in claimed])
