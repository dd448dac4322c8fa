"""Faults and free space that only a SQLite store has: plain functions of one connection, which read no body."""

import sqlite3

from ..inspection import Fault
from .wrapped_keys import KEYS

LOOKS = (
    (
        f"SELECT 'body ' || of FROM ({KEYS}) WHERE of NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)",
        "it has a key, and no image points to it",
    ),
)
"""As `tables.faults.LOOKS`."""


def damaged_pages(db: sqlite3.Connection) -> list[Fault]:
    """Return the faults that SQLite itself finds: pages, indexes, types, checks."""
    found = [line for (lines,) in db.execute("PRAGMA integrity_check").fetchall() for line in lines.splitlines()]
    return [Fault("the database", line) for line in found if line != "ok"]


def free_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the file's free pages."""
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return int(pages) * int(page_bytes)
