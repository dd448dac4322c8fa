"""The PostgreSQL store's rows of bodies that lie elsewhere.

Each is a row in {body} with the name of its object and no chunks. `removing` keeps a claimed one from everybody else.
"""

from collections.abc import Sequence

from ...errors import StoreBusy
from ..elsewhere import Claimed, LiveNames
from .bodies import UploadGone, add_row
from .schema import BodyState
from .session import Session


async def has_object(db: Session, body: int) -> bool:
    """Tell whether a body lies elsewhere."""
    return await db.one("SELECT 1 FROM {body} WHERE id = $1 AND object IS NOT NULL", body) is not None


async def has_objects(db: Session, *, live: bool) -> bool:
    """Tell whether any body, or any `live` one, lies elsewhere."""
    which = f" AND state = {BodyState.LIVE:d}" if live else ""
    return await db.one(f"SELECT 1 FROM {{body}} WHERE object IS NOT NULL{which} LIMIT 1") is not None


async def live_names(db: Session, limit: int) -> LiveNames:
    """Return names of current bodies elsewhere, of the lowest ids and of the highest."""
    query = f"SELECT object FROM {{body}} WHERE object IS NOT NULL AND state = {BodyState.LIVE:d} ORDER BY id"
    oldest = await db.all(f"{query} ASC LIMIT $1", limit)
    newest = await db.all(f"{query} DESC LIMIT $1", limit)
    return LiveNames([name.hex() for (name,) in oldest], [name.hex() for (name,) in newest])


async def begin(db: Session, version: bytes) -> int:
    """Make the row of a pending body that will lie elsewhere, and return its id."""
    await db.lock("objects", shared=True)  # or a sweep that has just found the name unused would take it away
    if await db.one("SELECT 1 FROM {body} WHERE object = $1 AND removing", version):
        raise StoreBusy("an earlier write of this version is being removed: try again")
    return await add_row(db, BodyState.PENDING, version)


async def touch(db: Session, body: int) -> None:
    """Tell that a pending body is still on its way. Raises StoreError if it is gone."""
    query = "UPDATE {body} SET changed_at = clock_timestamp() WHERE id = $1 AND state = $2"
    if not await db.run(query, body, BodyState.PENDING):
        raise UploadGone


async def claim(db: Session, grace_s: float, limit: int) -> list[Claimed]:
    """Claim bodies that are dead or pending for `grace_s`; one whose name another row has is just forgotten."""
    if not await db.try_lock("sweep"):
        return []
    await db.lock("objects")
    # Locked: one whose commit has begun is let be, and no other one's can begin.
    dead = await db.all(
        "SELECT id, object FROM {body} WHERE state <> 1 AND object IS NOT NULL"
        " AND changed_at < clock_timestamp() - make_interval(secs => $1)"
        " ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    claimed = []
    for body, name in dead:
        if await db.one("SELECT 1 FROM {body} WHERE object = $1 AND id <> $2", name, body):
            await db.run("DELETE FROM {body} WHERE id = $1", body)
        else:
            claimed.append(Claimed(body, name.hex()))
    await db.run(  # again after the grace period, if this process dies
        "UPDATE {body} SET state = $2, changed_at = clock_timestamp(), removing = true WHERE id = ANY($1::bigint[])",
        [body.row for body in claimed],
        BodyState.DEAD,
    )
    return claimed


async def forget(db: Session, claimed: Sequence[Claimed]) -> None:
    """Forget bodies that were removed."""
    await db.run("DELETE FROM {body} WHERE id = ANY($1::bigint[])", [body.row for body in claimed])
