"""Rows of bodies, and their chunks."""

from collections.abc import Sequence

from ...errors import StoreError
from ..groups import Chunks
from .transaction import BodyState, Transaction

_MOVE_PENDING = f"UPDATE {{body}} SET state = $2, {{changed}} = {{now}} WHERE id = $1 AND state = {BodyState.PENDING:d}"
_BURY = f"UPDATE {{body}} SET state = {BodyState.DEAD:d}, {{changed}} = {{now}} WHERE id = $1"
_INSERT_CHUNK = "INSERT INTO {chunk} ({chunk_columns}) VALUES ({chunk_address}, $3)"
_ADD_CHUNKS = (
    # A failover may lose the latest of the chunks written so far. They are written in order.
    f"{_MOVE_PENDING} AND ($3 = 0 OR EXISTS (SELECT 1 FROM {{chunk}} WHERE {{previous_chunk}}))"
)


class UploadGone(StoreError):
    """A pending body, or part of it, is no longer in the database."""

    def __init__(self) -> None:
        super().__init__(
            "the stored part of an upload is gone: the upload paused for longer than sweep_grace_s, or PostgreSQL lost "
            "the part in a failover; send it again"
        )


async def read_chunk(tx: Transaction, body: int, number: int) -> bytes | None:
    """Return one chunk, or None if it is missing."""
    row = await tx.one("SELECT data FROM {chunk} WHERE {this_chunk}", body, number)
    return row[0] if row else None


async def is_live(tx: Transaction, body: int) -> bool:
    """Return whether a body is an image's current one. gc may have removed chunks of a dead one."""
    return await tx.one("SELECT 1 FROM {body} WHERE id = $1 AND state = 1", body) is not None


async def add_body(tx: Transaction, chunks: Chunks, state: BodyState) -> int:
    """Write a body's first chunks, or all of them, and return its id."""
    body = await tx.add_row(state)
    await _insert_chunks(tx, body, 0, chunks)
    return body


async def add_chunks(tx: Transaction, body: int, first: int, chunks: Chunks, state: BodyState) -> None:
    """Write further chunks of a pending body, from number `first` on. The last ones may make it LIVE.

    Raises StoreError if the body, or the chunk before these, is gone.
    """
    if not await tx.run(_ADD_CHUNKS, body, state, first):
        raise UploadGone
    await _insert_chunks(tx, body, first, chunks)


async def bury(tx: Transaction, bodies: Sequence[int]) -> None:
    """Mark bodies dead that no image points to, and overwrite their keys."""
    await tx.drop_keys(bodies)
    # One by one: a PostgreSQL connection that first meets an array of a type needs three more trips to learn of it.
    await tx.each(_BURY, [(body,) for body in bodies])


async def drop_pending(tx: Transaction, body: int) -> None:
    """Mark the body of an aborted write dead. It stays live if its commit came first."""
    await tx.run(_MOVE_PENDING, body, BodyState.DEAD)


async def _insert_chunks(tx: Transaction, body: int, first: int, chunks: Chunks) -> None:
    if first + len(chunks) > tx.most_chunks:
        raise StoreError(f"an image has at most {tx.most_chunks} chunks of 256 KiB")
    rows = [(body, number, chunk) for number, chunk in enumerate(chunks, first)]
    await tx.each(_INSERT_CHUNK, rows)
