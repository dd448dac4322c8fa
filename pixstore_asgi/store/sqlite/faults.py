"""Faults and free space that only a SQLite store has: plain functions of one connection, which read no body."""

import sqlite3
from collections.abc import Sequence

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


def unknown_bodies(db: sqlite3.Connection, versions: Sequence[bytes]) -> list[bytes]:
    """Return the object names of this list that no row has: neither a body's row, nor an image's if that one is
    damaged.
    """
    of_body, of_image = "SELECT 1 FROM blob WHERE object = ?", "SELECT 1 FROM image WHERE version = ?"
    no_bodys = [version for version in versions if not db.execute(of_body, (version,)).fetchone()]
    return [version for version in no_bodys if not db.execute(of_image, (version,)).fetchone()]


def free_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of the file's free pages."""
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return int(pages) * int(page_bytes)
