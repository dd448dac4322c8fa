"""The SQLite store's bodies, chunk by chunk, from their writing to their sweep: plain functions of one connection.

Each runs whole on its connection's thread, so that no cancellation can leave a transaction open.
"""

import sqlite3
from collections.abc import Callable, Sequence

from ...errors import StoreError
from ..contract import CHUNK_BYTES
from . import wrapped_keys
from .leases import Leases
from .schema import BlobState
from .writer import Writer, write_transaction

CHUNK_BITS = 16
"""A chunk's id is its blob's, shifted by these, and its number."""

MAX_BODY_BYTES = CHUNK_BYTES << CHUNK_BITS
"""The longest body that has numbers for all its chunks."""

_SWEPT_CHUNKS = 256  # in one transaction
_SWEPT_MORE = 64  # blobs looked at beyond the limit: others may be using those found first
_VACUUMED_PAGES = 1024


def read_chunk(db: sqlite3.Connection, blob: int, number: int) -> bytes | None:
    """Return one chunk."""
    row = db.execute("SELECT data FROM chunk WHERE id = ?", (blob << CHUNK_BITS | number,)).fetchone()
    return row[0] if row else None


def is_live(db: sqlite3.Connection, blob: int) -> bool:
    """Tell whether a blob is an image's current one; a dead one may have lost chunks to a sweep that was cut off."""
    return db.execute("SELECT 1 FROM blob WHERE id = ? AND state = 1", (blob,)).fetchone() is not None


def add_blob(db: Writer, chunks: Sequence[bytes | bytearray], now_ms: int) -> int:
    """Write a whole body as a live blob and return its id."""
    blob = _new_blob(db, BlobState.LIVE, now_ms)
    _insert_chunks(db, blob, 0, chunks)
    return blob


def stage(
    db: Writer,
    blob: int | None,
    first: int,
    chunks: Sequence[bytes | bytearray],
    now_ms: int,
    own: Callable[[int], None],
) -> None:
    """Write chunks of a pending blob; where `blob` is None, make it and hand its id to `own` before others see it."""
    with write_transaction(db):
        _check_room(first + len(chunks))
        if blob is None:
            blob = _new_blob(db, BlobState.PENDING, now_ms)
            own(blob)
        else:
            _move_pending(db, blob, BlobState.PENDING, now_ms)
        _insert_chunks(db, blob, first, chunks)


def finish_blob(db: Writer, blob: int, first: int, chunks: Sequence[bytes | bytearray], now_ms: int) -> None:
    """Write the last chunks of a pending blob and make it live. Raises StoreError, with nothing written."""
    _check_room(first + len(chunks))
    _move_pending(db, blob, BlobState.LIVE, now_ms)
    _insert_chunks(db, blob, first, chunks)


def bury(db: sqlite3.Connection, blobs: Sequence[int], now_ms: int) -> None:
    """Mark blobs dead, to which no image points any more, and overwrite their keys."""
    wrapped_keys.drop(db, blobs)
    for blob in blobs:
        db.execute("UPDATE blob SET state = ?, changed_ms = ? WHERE id = ?", (BlobState.DEAD, now_ms, blob))


def drop_pending(db: Writer, blob: int, now_ms: int) -> None:
    """Mark a blob dead whose write was given up."""
    with write_transaction(db):
        db.execute(
            "UPDATE blob SET state = ?, changed_ms = ? WHERE id = ? AND state = ?",
            (BlobState.DEAD, now_ms, blob, BlobState.PENDING),
        )


def date_back(db: Writer, now_ms: int) -> None:
    """Let blobs that are dead or pending since a time to come count as of now.

    They were marked while the clock was ahead. Their grace period would begin only when the clock is there again.
    """
    query = "UPDATE blob SET changed_ms = ? WHERE state <> 1 AND changed_ms > ? AND object IS"
    with write_transaction(db):
        for which in ("NULL", "NOT NULL"):  # there is an index for each
            db.execute(f"{query} {which}", (now_ms, now_ms))


def sweep(db: Writer, leases: Leases, before_ms: int, limit: int) -> int:
    """Remove up to `limit` blobs that are not live since `before_ms` and nobody uses, in small steps."""
    query = "SELECT id FROM blob WHERE state <> 1 AND changed_ms < ? AND object IS NULL ORDER BY changed_ms LIMIT ?"
    removed = 0
    for (blob,) in db.execute(query, (before_ms, limit + _SWEPT_MORE)).fetchall():
        if removed < limit and leases.claim(blob):
            try:
                # Found pending, it may be live by now: no reader may stand back while this waits for the write lock.
                if not is_live(db, blob):
                    removed += _remove(db, blob, before_ms)
            finally:
                leases.unclaim(blob)
    return removed


def sweep_some(db: Writer, leases: Leases, before_ms: int, limit: int, keep_pages: int) -> None:
    """Sweep a little, and give some space beyond `keep_pages` back where that freed any."""
    if sweep(db, leases, before_ms, limit):
        give_space_back(db, keep_pages)


def give_space_back(db: Writer, keep_pages: int) -> bool:
    """Return some free pages beyond `keep_pages` to the file system; tell whether there are more."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    some = min(free - keep_pages, _VACUUMED_PAGES)
    if some > 0:
        with db.exclusive():
            # Only executescript runs this pragma to its end.
            db.executescript(f"PRAGMA incremental_vacuum({some})")
    return bool(free - keep_pages > some > 0)


def _remove(db: Writer, blob: int, before_ms: int) -> bool:
    """Remove a blob that was claimed; False where it has gone live or on since it was found."""
    first = blob << CHUNK_BITS
    is_emptied = False
    while not is_emptied:
        with write_transaction(db):
            is_ours = db.execute(
                "UPDATE blob SET state = ? WHERE id = ? AND state <> 1 AND changed_ms < ?",
                (BlobState.DEAD, blob, before_ms),
            ).rowcount
            if not is_ours:
                return False
            removed = _delete_chunks(db, first, first + (1 << CHUNK_BITS))
            is_emptied = removed < _SWEPT_CHUNKS
            if is_emptied:
                db.execute("DELETE FROM blob WHERE id = ?", (blob,))
    return True


def _new_blob(db: Writer, state: BlobState, now_ms: int) -> int:
    row = db.execute("INSERT INTO blob (state, changed_ms) VALUES (?, ?)", (state, now_ms)).lastrowid
    assert row is not None
    return row


def _move_pending(db: Writer, blob: int, state: BlobState, now_ms: int) -> None:
    is_pending = db.execute(
        "UPDATE blob SET state = ?, changed_ms = ? WHERE id = ? AND state = ?",
        (state, now_ms, blob, BlobState.PENDING),
    ).rowcount
    if not is_pending:
        raise StoreError("the upload stood still for too long and was swept away: save the image again")


def _check_room(chunks: int) -> None:
    if chunks > 1 << CHUNK_BITS:
        raise StoreError("an image has at most 65536 chunks of 256 KiB")


def _insert_chunks(db: Writer, blob: int, first: int, chunks: Sequence[bytes | bytearray]) -> None:
    start = (blob << CHUNK_BITS) + first
    db.executemany("INSERT INTO chunk VALUES (?, ?)", [(start + n, data) for n, data in enumerate(chunks)])


def _delete_chunks(db: Writer, start: int, end: int) -> int:
    # Ciphertext whose key is gone needs no overwriting, which would cost about a third of the update rate.
    db.execute("PRAGMA secure_delete = OFF")
    try:
        return db.execute(
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ? AND id < ? LIMIT ?)",
            (start, end, _SWEPT_CHUNKS),
        ).rowcount
    finally:
        db.execute("PRAGMA secure_delete = ON")
