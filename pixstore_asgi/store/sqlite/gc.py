"""Garbage collection of bodies in the database, by leases: plain functions of one connection.

Each runs to its end on its connection's thread, so no cancellation can leave a transaction open.
"""

import sqlite3

from ..contract import CHUNK_BYTES
from ..tables.transaction import BodyState
from .leases import Leases
from .transaction import CHUNK_BITS
from .writer import Writer, write_transaction

MAX_BODY_BYTES = CHUNK_BYTES << CHUNK_BITS
"""The longest body that has numbers for all its chunks."""

_REMOVED_CHUNKS = 256  # in one transaction
_MORE_BODIES = 64  # looked at beyond the limit: others may be using those found first
_VACUUMED_PAGES = 1024


def date_back(db: Writer, now_ms: int) -> None:
    """Set the time of bodies that were marked dead or pending in the future to now.

    They were marked while the clock was ahead. Their grace period would begin only after the clock reaches that time.
    """
    query = "UPDATE blob SET changed_ms = ? WHERE state <> 1 AND changed_ms > ? AND object IS"
    with write_transaction(db):
        for which in ("NULL", "NOT NULL"):  # there is an index for each
            db.execute(f"{query} {which}", (now_ms, now_ms))


def collect(db: Writer, leases: Leases, before_ms: int, limit: int) -> int:
    """Remove up to `limit` bodies that died before `before_ms` and are not in use, in small steps."""
    query = "SELECT id FROM blob WHERE state <> 1 AND changed_ms < ? AND object IS NULL ORDER BY changed_ms LIMIT ?"
    removed = 0
    for (body,) in db.execute(query, (before_ms, limit + _MORE_BODIES)).fetchall():
        if removed < limit and leases.claim(body):
            try:
                # Found pending, it may be live by now: no reader may stand back while this waits for the write lock.
                if not _is_live(db, body):
                    removed += _remove(db, body, before_ms)
            finally:
                leases.unclaim(body)
    return removed


def collect_some(db: Writer, leases: Leases, before_ms: int, limit: int, keep_pages: int) -> None:
    """Collect a few bodies. If that freed space, return some of the free pages beyond `keep_pages`."""
    if collect(db, leases, before_ms, limit):
        give_space_back(db, keep_pages)


def give_space_back(db: Writer, keep_pages: int) -> bool:
    """Return some free pages beyond `keep_pages` to the file system. Return whether there are more."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    some = min(free - keep_pages, _VACUUMED_PAGES)
    if some > 0:
        with db.exclusive():
            # Only executescript runs this pragma to its end.
            db.executescript(f"PRAGMA incremental_vacuum({some})")
    return bool(free - keep_pages > some > 0)


def _is_live(db: sqlite3.Connection, body: int) -> bool:
    return db.execute("SELECT 1 FROM blob WHERE id = ? AND state = 1", (body,)).fetchone() is not None


def _remove(db: Writer, body: int, before_ms: int) -> bool:
    """Remove a claimed body. Return False if it became live or was written to since it was found."""
    first = body << CHUNK_BITS
    is_emptied = False
    while not is_emptied:
        with write_transaction(db):
            is_ours = db.execute(
                "UPDATE blob SET state = ? WHERE id = ? AND state <> 1 AND changed_ms < ?",
                (BodyState.DEAD, body, before_ms),
            ).rowcount
            if not is_ours:
                return False
            removed = _delete_chunks(db, first, first + (1 << CHUNK_BITS))
            is_emptied = removed < _REMOVED_CHUNKS
            if is_emptied:
                db.execute("DELETE FROM blob WHERE id = ?", (body,))
    return True


def _delete_chunks(db: Writer, start: int, end: int) -> int:
    # Ciphertext without its key needs no overwriting, which would cost about a third of the update rate.
    db.execute("PRAGMA secure_delete = OFF")
    try:
        return db.execute(
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ? AND id < ? LIMIT ?)",
            (start, end, _REMOVED_CHUNKS),
        ).rowcount
    finally:
        db.execute("PRAGMA secure_delete = ON")
