"""The SQLite store's rows of bodies that lie elsewhere: plain functions of one connection.

Each is a row in blob with the name of its object and no chunks. `removing` keeps a claimed one from everybody else.
"""

import sqlite3
from collections.abc import Sequence

from ...errors import StoreBusy, StoreError
from ..objects import Claimed, LiveNames
from .schema import BlobState
from .writer import Writer, write_transaction


def has_object(db: sqlite3.Connection, blob: int) -> bool:
    """Tell whether a blob's body lies elsewhere."""
    return db.execute("SELECT 1 FROM blob WHERE id = ? AND object IS NOT NULL", (blob,)).fetchone() is not None


def has_objects(db: sqlite3.Connection, *, live: bool) -> bool:
    """Tell whether any blob's body, or any `live` one's, lies elsewhere."""
    which = " AND state = 1" if live else ""
    return db.execute(f"SELECT 1 FROM blob WHERE object IS NOT NULL{which} LIMIT 1").fetchone() is not None


def live_names(db: sqlite3.Connection, limit: int) -> LiveNames:
    """Return names of current bodies elsewhere, of the oldest rows and of the newest."""
    query = "SELECT object FROM blob WHERE object IS NOT NULL AND state = 1 ORDER BY id"
    oldest, newest = (db.execute(f"{query} {order} LIMIT ?", (limit,)).fetchall() for order in ("ASC", "DESC"))
    return LiveNames([name.hex() for (name,) in oldest], [name.hex() for (name,) in newest])


def begin(db: Writer, version: bytes, now_ms: int) -> int:
    """Make a pending blob whose body will lie elsewhere, and return its id."""
    with write_transaction(db):
        if db.execute("SELECT 1 FROM blob WHERE object = ? AND removing", (version,)).fetchone():
            raise StoreBusy("an earlier write of this version is being removed: try again")
        row = db.execute(
            "INSERT INTO blob (state, changed_ms, object) VALUES (?, ?, ?)", (BlobState.PENDING, now_ms, version)
        ).lastrowid
    assert row is not None
    return row


def touch(db: Writer, blob: int, now_ms: int) -> None:
    """Tell that a pending blob is still on its way."""
    with write_transaction(db):
        query = "UPDATE blob SET changed_ms = ? WHERE id = ? AND state = ?"
        if not db.execute(query, (now_ms, blob, BlobState.PENDING)).rowcount:
            raise StoreError("the upload stood still for too long and was swept away: save the image again")


def claim(db: Writer, before_ms: int, now_ms: int, limit: int) -> list[Claimed]:
    """Claim blobs that are dead or pending since `before_ms`; one whose name another row has is just forgotten."""
    dead = "SELECT id, object FROM blob WHERE state <> 1 AND object IS NOT NULL AND changed_ms < ? ORDER BY changed_ms"
    named_twice = "SELECT 1 FROM blob WHERE object = ? AND id <> ?"
    # As of now: if this process dies, another one claims it again after the grace period.
    claim_it = "UPDATE blob SET state = ?, changed_ms = ?, removing = 1 WHERE id = ?"
    claimed = []
    with write_transaction(db):
        for blob, name in db.execute(f"{dead} LIMIT ?", (before_ms, limit)).fetchall():
            if db.execute(named_twice, (name, blob)).fetchone():
                db.execute("DELETE FROM blob WHERE id = ?", (blob,))
            else:
                db.execute(claim_it, (BlobState.DEAD, now_ms, blob))
                claimed.append(Claimed(blob, name.hex()))
    return claimed


def forget(db: Writer, claimed: Sequence[Claimed]) -> None:
    """Forget blobs whose bodies were removed."""
    with write_transaction(db):
        db.executemany("DELETE FROM blob WHERE id = ?", [(body.row,) for body in claimed])
