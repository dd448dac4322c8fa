"""The identity of the database's file at the last write: shows if another program has moved, replaced or changed it.

SQLite does not notice this. It continues to write into a file without a name, or replays its log over a backup that was
copied in its place. So a process that releases the write lock leaves the file's identity and state in the lock file's
header. The next holder compares them: it refuses another file, and checks a changed one completely before use.
"""

import os
import sqlite3
import struct
from pathlib import Path
from typing import NamedTuple

from ...errors import StoreError
from .connection import code_of

_HEADER = struct.Struct("<QQQ??Q30x")
_CHECKPOINT_NS = 2_000_000_000  # it follows the last write to the log, and ends within this


class FileIdentity(NamedTuple):
    """The identity and state of a file at one moment. names: its number of names (hard links)."""

    device: int
    inode: int
    size: int
    changed_ns: int
    names: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "FileIdentity | None":
        """Return the identity of the file at `path` now, or None if there is none."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_nlink)

    def is_same_file(self, other: "FileIdentity | None") -> bool:
        """Return whether two identities belong to one file, maybe at different times."""
        return other is not None and self[:2] == other[:2]

    def check_one_name(self, path: Path) -> None:
        """Raise StoreError if the file at `path`, which has this identity, has a second name."""
        if self.names > 1:
            file_system = next(
                folder for folder in path.absolute().parents if folder.is_mount()
            )  # links do not leave it
            raise StoreError(
                f"{path} has {self.names} names (hard links), and processes that use different ones lose images: "
                f"remove the others, which `find {file_system} -xdev -samefile {path}` lists, or use a copy of it"
            )


class LockHeader(NamedTuple):
    """The lock file's header, which one writer leaves for the next.

    It has the state of the file, but not its device number, which may change with each start of the machine.
        is_written:
    the file is being written, or its writer died. log_has_dead_keys: its log may hold keys of dead versions.
    """

    inode: int
    size: int
    changed_ns: int
    is_written: bool
    log_has_dead_keys: bool
    files: int = 0

    @classmethod
    def of(cls, identity: FileIdentity, *, is_written: bool, log_has_dead_keys: bool, files: int = 0) -> "LockHeader":
        """Return the header for a file with this identity."""
        return cls(identity.inode, identity.size, identity.changed_ns, is_written, log_has_dead_keys, files)

    @classmethod
    def unpack(cls, data: bytes) -> "LockHeader | None":
        """Return the header that `pack` made these bytes from, or None for other bytes, such as zeros."""
        note = cls(*_HEADER.unpack(data)) if len(data) == _HEADER.size else None
        return note if note and note.inode else None

    def pack(self) -> bytes:
        """Return the header as 64 bytes."""
        return _HEADER.pack(*self)

    def is_outdated(self, path: Path, now: FileIdentity) -> bool:
        """Return whether another program may have changed the file at `path` since. now: the file's current identity.

        If a writer died, part of its log may be in the file, and SQLite recovers that. Then the file has not shrunk,
        and was changed at about the same time as the log.
        """
        if not self.is_written:
            return now[1:4] != self[:3]
        log = FileIdentity.of(path.with_name(path.name + "-wal"))
        latest_ns = (log.changed_ns if log else self.changed_ns) + _CHECKPOINT_NS
        is_recoverable = now.size >= self.size and self.changed_ns <= now.changed_ns <= latest_ns
        return now.inode != self.inode or not is_recoverable


def check_passive(db: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError if a database has objects that run by themselves, such as triggers. This package makes none."""
    # In this order: the columns of a virtual table are asked of its module, which a stranger may have chosen.
    if db.execute(_ACTING).fetchone() or db.execute(_COMPUTED).fetchone():
        raise StoreError(
            f"the database {path} has a trigger, a view, or a virtual table or column, which this package does not "
            "make: do not use it, and restore a backup that you trust"
        )


def check_sound(db: sqlite3.Connection, path: Path) -> None:
    """Read the whole database. Raises StoreError if pages, or parts of current images, are damaged or missing."""
    try:
        check_passive(db, path)
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        incomplete = _INCOMPLETE + (_OF_BODIES_HERE if version >= _BODIES_ELSEWHERE else "")
        is_sound = verdict == "ok" and not (version and db.execute(incomplete).fetchone())
    except sqlite3.DatabaseError as error:
        if code_of(error) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        is_sound = False
    if not is_sound:
        raise StoreError(
            f"the database {path} is damaged, for example because a backup was copied over it "
            f"beside its old log: stop every process that uses it, and restore a backup with `pixstore-asgi restore`"
        )


_ACTING = "SELECT 1 FROM sqlite_schema WHERE coalesce(rootpage, 0) = 0"  # triggers, views, virtual tables
_COMPUTED = "SELECT 1 FROM sqlite_schema, pragma_table_xinfo(sqlite_schema.name) WHERE hidden"
# Lengths are read from the heads of the rows: no body is.
_INCOMPLETE = """
SELECT 1 FROM image WHERE blob IS NOT NULL AND size IS NOT
    (SELECT sum(length(data)) FROM chunk WHERE chunk.id >= blob << 16 AND chunk.id < (blob + 1) << 16)
"""
_OF_BODIES_HERE = " AND blob NOT IN (SELECT id FROM blob WHERE object IS NOT NULL)"
_BODIES_ELSEWHERE = 6  # the schema's version from which bodies may lie elsewhere
