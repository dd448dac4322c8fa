"""The database's file as its last writer left it: noticed where another program has moved, replaced or changed it.

SQLite notices none of that. It goes on writing into a file that has no name any more, or replays its log over a backup
that was copied in its place. So whoever gives the write lock back leaves the file's mark in the lock's file, and who
takes the lock next compares: another file is refused, and one that was written to is checked whole before it is used.
"""

import os
import sqlite3
import struct
from pathlib import Path
from typing import NamedTuple

from ..errors import StoreError

_NOTE = struct.Struct("<QQQQ?")
_CHECKPOINT_NS = 2_000_000_000  # it follows the last write to the log, and ends within this


class Mark(NamedTuple):
    """What tells a file from another one and from its own later state."""

    device: int
    inode: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "Mark | None":
        """Return the mark of the file at `path` as it is now, or None where there is none."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def note(self, *, is_written: bool) -> bytes:
        """Return the note to leave: of a file as it is, or of one that is being written to from now on."""
        return _NOTE.pack(*self, is_written)

    def is_same_file(self, other: "Mark | None") -> bool:
        """Tell whether two marks are of one file, maybe at different times."""
        return other is not None and self[:2] == other[:2]


def is_changed(path: Path, now: Mark, note: bytes) -> bool:
    """Tell whether the file at `path` may have been changed by another program since its last writer left a note.

    A writer that died may have brought part of the log into it, which SQLite recovers: then it has not shrunk, and was
    changed about when the log was.
    """
    if len(note) != _NOTE.size:
        return False
    *fields, was_written = _NOTE.unpack(note)
    left = Mark(*fields)
    if not was_written:
        return now != left
    log = Mark.of(path.with_name(path.name + "-wal"))
    latest_ns = (log or left).changed_ns + _CHECKPOINT_NS
    return not (now.is_same_file(left) and now.size >= left.size and left.changed_ns <= now.changed_ns <= latest_ns)


def check_in_place(path: Path, opened: Mark | None) -> Mark:
    """Return the mark of the file at `path`. Raises StoreError where it is not the one that was opened there."""
    now = Mark.of(path)
    if now is None or not now.is_same_file(opened):
        raise StoreError(
            f"the database {path} was moved, removed or replaced while it was open: "
            "stop every process that uses it, bring the right file back, and start again"
        )
    return now


def check_sound(db: sqlite3.Connection, path: Path) -> None:
    """Read the whole database. Raises StoreError where pages, or parts of current images, are damaged or missing."""
    try:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        is_sound = verdict == "ok" and not (version and db.execute(_INCOMPLETE).fetchone())
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        is_sound = False
    if not is_sound:
        raise StoreError(
            f"the database {path} is damaged, as after a backup was copied over it while its log was there: "
            "stop every process that uses it, and bring a backup back by `pixstore-asgi restore`"
        )


# Lengths are read from the heads of the rows: no body is.
_INCOMPLETE = """
SELECT 1 FROM image WHERE blob IS NOT NULL AND size IS NOT
    (SELECT sum(length(data)) FROM chunk WHERE chunk.id >= blob << 16 AND chunk.id < (blob + 1) << 16)
LIMIT 1
"""
