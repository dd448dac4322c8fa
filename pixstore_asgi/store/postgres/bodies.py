"""The PostgreSQL store's bodies, chunk by chunk, from their writing to their sweep."""

import secrets
from collections.abc import Sequence

from ...errors import StoreError
from ..groups import Chunks
from .schema import BodyState
from .transaction import Transaction

_SWEPT_CHUNKS = 1000  # 250 MiB: what one transaction removes in its time on a slow disk, too


class UploadGone(StoreError):
    """A pending body, or part of it, is no longer in the database."""

    def __init__(self) -> None:
        super().__init__(
            "the stored part of an upload is gone: the upload paused for longer than sweep_grace_s, or the database "
            "lost the part in a failover; send it again"
        )


async def read_chunk(tx: Transaction, body: int, number: int) -> bytes | None:
    """Return one chunk, or None where it is missing."""
    row = await tx.one("SELECT data FROM {chunk} WHERE body = $1 AND number = $2", body, number)
    return row[0] if row else None


async def add_row(tx: Transaction, state: BodyState, version: bytes | None = None) -> int:
    """Insert the row of a body and return its id. version: the name of its object, if it lies elsewhere."""
    # Half random: after a failover to a standby that lags, a sequence returns ids that uploads and readers still use.
    # The transaction's number comes first, so that new rows stay together in the indexes.
    query = (
        "INSERT INTO {body} (id, state, object) OVERRIDING SYSTEM VALUE"
        " VALUES ((txid_current() % 2147483648) << 32 | $1, $2, $3) RETURNING id"
    )
    row = await tx.one(query, secrets.randbits(32), state, version)
    assert row is not None
    return int(row[0])


async def add_body(tx: Transaction, chunks: Chunks, state: BodyState) -> int:
    """Write a body's first chunks, or all of them, and return its id."""
    body = await add_row(tx, state)
    await _insert_chunks(tx, body, 0, chunks)
    return body


async def add_chunks(tx: Transaction, body: int, first: int, chunks: Chunks, state: BodyState) -> None:
    """Write further chunks of a pending body, from number `first` on; the state may become LIVE with the last ones.

    Raises StoreError if the body, or the chunk before these, is gone.
    """
    moved = await tx.run(
        "UPDATE {body} SET state = $2, changed_at = clock_timestamp() WHERE id = $1 AND state = $3"
        # A failover may lose the later ones of the chunks written so far. They are written in order.
        " AND ($4 = 0 OR EXISTS (SELECT FROM {chunk} WHERE body = $1 AND number = $4 - 1))",
        body,
        state,
        BodyState.PENDING,
        first,
    )
    if not moved:
        raise UploadGone
    await _insert_chunks(tx, body, first, chunks)


async def bury(tx: Transaction, bodies: Sequence[int]) -> None:
    """Mark bodies dead: no image points to them any more."""
    # One by one: a connection that first meets an array of a type has to ask for it, which is three trips more.
    query = "UPDATE {body} SET state = $2, changed_at = clock_timestamp() WHERE id = $1"
    await tx.each(query, [(body, BodyState.DEAD) for body in bodies])


async def drop_pending(tx: Transaction, body: int) -> None:
    """Mark a body dead whose write was given up, unless its commit, which nobody waits for any more, came first."""
    query = "UPDATE {body} SET state = $2, changed_at = clock_timestamp() WHERE id = $1 AND state = $3"
    await tx.run(query, body, BodyState.DEAD, BodyState.PENDING)


async def sweep(tx: Transaction, grace_s: float, limit: int) -> tuple[int, bool]:
    """Remove chunks of up to `limit` bodies that have been dead, or stood still, for `grace_s`.

    Return how many bodies are gone now, and whether all of those are: one step removes so much, however long they are.
    One process does so at a time; for the others there is nothing to do.
    """
    if not await tx.try_lock("sweep"):
        return 0, True
    found = await tx.all(
        "SELECT id FROM {body} WHERE state <> 1 AND changed_at < clock_timestamp() - make_interval(secs => $1)"
        " AND object IS NULL ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        grace_s,
        limit,
    )
    ids = [body for (body,) in found]
    chunks = await tx.run(
        "DELETE FROM {chunk} WHERE (body, number) IN"
        " (SELECT body, number FROM {chunk} WHERE body = ANY($1::bigint[]) ORDER BY body, number LIMIT $2)",
        ids,
        _SWEPT_CHUNKS,
    )
    query = (
        "DELETE FROM {body} WHERE id = ANY($1::bigint[]) AND NOT EXISTS (SELECT FROM {chunk} WHERE body = {body}.id)"
    )
    removed = await tx.run(query, ids)
    if removed < len(ids):  # no upload goes on with what lacks a part
        await tx.run("UPDATE {body} SET state = $2 WHERE id = ANY($1::bigint[])", ids, BodyState.DEAD)
    return removed, chunks < _SWEPT_CHUNKS


async def _insert_chunks(tx: Transaction, body: int, first: int, chunks: Chunks) -> None:
    rows = [(body, number, chunk) for number, chunk in enumerate(chunks, first)]
    await tx.each("INSERT INTO {chunk} (body, number, data) VALUES ($1, $2, $3)", rows)
