"""Garbage collection of bodies in the database, by leases. Plain functions that take the writer's connection.

Each function runs to its end on its connection's thread, so no cancellation can leave a transaction open.
"""

from ...process import no_fork
from ..contract import CHUNK_BYTES
from ..tables import gc
from .leases import Leases
from .transaction import CHUNK_BITS, STATEMENTS, run
from .writer import Writer, write_transaction

MAX_BODY_BYTES = CHUNK_BYTES << CHUNK_BITS
"""The length of the longest body, because a chunk's number has CHUNK_BITS bits."""

_ANY_AGE_S = -1e15  # shared leases show exactly which bodies are in use; without them, only the age does
_VACUUMED_PAGES = 1024


def date_back(db: Writer, now_ms: int) -> None:
    """If a dead or pending body was marked at a time in the future, set that time to now.

    Such a body was marked while the clock was ahead. Without this correction, its grace period would begin only when
    the clock reaches that time.
    """
    query = "UPDATE blob SET changed_ms = ? WHERE state <> 1 AND changed_ms > ? AND object IS"
    with write_transaction(db):
        for which in ("NULL", "NOT NULL"):  # there is an index for each
            db.execute(f"{query} {which}", (now_ms, now_ms))


def collect(db: Writer, leases: Leases, grace_s: float, limit: int) -> int:
    """Remove up to `limit` bodies that are not in use, in small steps. Return their number.

    grace_s: used only if leases are not shared.
    """
    age_s = _ANY_AGE_S if leases.are_shared else grace_s
    with no_fork():
        dead = db.execute(STATEMENTS[gc.FIND_DEAD], (age_s, limit + gc.MORE_BODIES)).fetchall()
    removed, is_done = 0, all(leases.is_held(body) for (body,) in dead)  # takes no write lock: most calls end here
    while not is_done and removed < limit:
        some, is_done = _collect_once(db, leases, age_s, limit - removed)
        removed += some
    return removed


def _collect_once(db: Writer, leases: Leases, age_s: float, limit: int) -> tuple[int, bool]:
    claimed: list[int] = []

    def claim(body: int) -> bool:
        # Under the write lock, so that the body's state is current and no claim keeps a reader from a live body.
        if not leases.claim(body):
            return False
        claimed.append(body)
        return True

    try:
        with write_transaction(db) as tx:
            return run(gc.remove_bodies(tx, age_s, limit, claim))
    finally:
        for body in claimed:
            leases.unclaim(body)


def collect_some(db: Writer, leases: Leases, grace_s: float, limit: int, keep_pages: int) -> None:
    """Remove a few bodies. If that freed space, return some of the free pages beyond `keep_pages` to the file
    system.
    """
    if collect(db, leases, grace_s, limit):
        give_space_back(db, keep_pages)


def give_space_back(db: Writer, keep_pages: int) -> bool:
    """Return some free pages beyond `keep_pages` to the file system. Return whether there are more."""
    with no_fork():
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    some = min(free - keep_pages, _VACUUMED_PAGES)
    if some > 0:
        with db.exclusive():
            # Only executescript runs this pragma to its end.
            db.executescript(f"PRAGMA incremental_vacuum({some})")
    return bool(free - keep_pages > some > 0)
