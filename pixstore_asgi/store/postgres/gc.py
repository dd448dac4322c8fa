"""Garbage collection of bodies in the database, by age and row locks."""

from ..tables.transaction import BodyState
from .transaction import Transaction

_REMOVED_CHUNKS = 1000  # 250 MiB: as many as one transaction removes in its time on a slow disk, too


async def collect(tx: Transaction, grace_s: float, limit: int) -> tuple[int, bool]:
    """Remove chunks of up to `limit` bodies that were dead or untouched for `grace_s` seconds.

    Return the number of completely removed bodies, and whether this step removed all of their chunks: it removes a
    limited number. One process collects at a time; in the others this does nothing.
    """
    if not await tx.try_lock("sweep"):
        return 0, True
    found = await tx.all(
        "SELECT id FROM {body} WHERE state <> 1 AND {changed} < {grace_ago}"
        " AND object IS NULL ORDER BY {changed} LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    ids = [body for (body,) in found]
    chunks = await tx.run(
        "DELETE FROM {chunk} WHERE (body, number) IN"
        " (SELECT body, number FROM {chunk} WHERE body = ANY($1::bigint[]) ORDER BY body, number LIMIT $2)",
        ids,
        _REMOVED_CHUNKS,
    )
    query = (
        "DELETE FROM {body} WHERE id = ANY($1::bigint[]) AND NOT EXISTS (SELECT FROM {chunk} WHERE body = {body}.id)"
    )
    removed = await tx.run(query, ids)
    if removed < len(ids):  # no upload goes on with a body that lacks a part
        await tx.run("UPDATE {body} SET state = $2 WHERE id = ANY($1::bigint[])", ids, BodyState.DEAD)
    return removed, chunks < _REMOVED_CHUNKS
