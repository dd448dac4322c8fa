"""Checks that the files of a database have one name each, stay in their place, and are changed by this package only.

These files are the database, and the log, the index and the lock file beside it. A database with two names has two logs
and two lock files, so its writers overwrite each other's images. SQLite notices neither this nor a removed file. If the
log was removed, SQLite continues in a file without a name, which is lost when the process ends. If a backup was copied
over the database, SQLite replays the old log over it. So a process that releases the write lock writes the database
file's identity and state to the lock file's header. The next holder compares them with the file: it refuses another
file, and checks a changed file completely before use.
"""

import os
import sqlite3
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from ...errors import StoreError
from ...threads import Lock
from ..durable import sync
from ..mounts import mounted
from .connection import code_of
from .leases import Leases, is_read_locked
from .write_lock import WriteLock

LOG, INDEX, LOCK = "-wal", "-shm", ".lock"
_PAUSE_S = 0.01
_LEAST_S = 0.1  # SQLite needs far less between locking the database and opening its log
_DESCRIPTORS = Path("/proc/self/fd")
_SHARED_FIRST, _SHARED_LENGTH = 0x40000002, 510  # the bytes of SQLite's SHARED lock (its os.h)
_FORMAT_AT, _WAL_FORMAT = 18, b"\2"  # in the database's header (sqlite.org/fileformat2.html, section 1.3)
_HEADER = struct.Struct("<QQQ??Q30x")
_CHECKPOINT_NS = 2_000_000_000  # a checkpoint ends within this time after the last write to the log
_ACTING = "SELECT 1 FROM sqlite_schema WHERE coalesce(rootpage, 0) = 0"  # triggers, views, virtual tables
_COMPUTED = "SELECT 1 FROM sqlite_schema, pragma_table_xinfo(sqlite_schema.name) WHERE hidden"
# SQLite reads the lengths from the headers of the rows. It reads no body.
_INCOMPLETE = """
SELECT 1 FROM image WHERE blob IS NOT NULL AND size IS NOT
    (SELECT sum(length(data)) FROM chunk WHERE chunk.id >= blob << 16 AND chunk.id < (blob + 1) << 16)
"""
_OF_BODIES_HERE = " AND blob NOT IN (SELECT id FROM blob WHERE object IS NOT NULL)"
_BODIES_ELSEWHERE = 6  # the schema version from which bodies may be in an object store


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
    """The lock file's header, which one writer leaves for the next. It describes the state of the database file.

    It lacks the file's device number, which may change with each start of the machine. is_written: a writer is writing
    the file, or died while writing it. log_has_dead_keys: the log may hold keys of dead versions. files: the key of the
    log and index that are open (see OpenFiles), or 0.
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
        """Return the header in these bytes, or None if `pack` did not make them; they may be zeros, for example."""
        note = cls(*_HEADER.unpack(data)) if len(data) == _HEADER.size else None
        return note if note and note.inode else None

    def pack(self) -> bytes:
        """Return the header as 64 bytes."""
        return _HEADER.pack(*self)

    def is_outdated(self, path: Path, now: FileIdentity) -> bool:
        """Return whether another program may have changed the file at `path` since this header was written.

        now: the file's current identity. If a writer died, part of its log may be in the file, and SQLite recovers it.
        Then the file counts as current if it has not shrunk and its last change is at most 2 s after the log's.
        """
        if not self.is_written:
            return now[1:4] != self[:3]
        log = FileIdentity.of(path.with_name(path.name + "-wal"))
        latest_ns = (log.changed_ns if log else self.changed_ns) + _CHECKPOINT_NS
        is_recoverable = now.size >= self.size and self.changed_ns <= now.changed_ns <= latest_ns
        return now.inode != self.inode or not is_recoverable


class OpenFiles:
    """The identities of the files that a store has open, to compare them with the files at their paths.

    database: the identity of the database's file when it was opened. key: a number that identifies log and index for
    other processes; 0 until `look_beside`.
    """

    def __init__(self, path: Path, database: FileIdentity) -> None:
        self.database = database
        self.key = 0
        self.commits_are_synced = False
        self._is_log_named = False
        self._syncing = Lock()
        self._synced_s = 0.0
        self._name = os.fspath(path)  # not a Path, which takes more time in each check
        self._beside: dict[str, os.stat_result] = {}

    @classmethod
    def of(cls, path: Path) -> "OpenFiles":
        """Return the files of the database at `path`. Raises StoreError if there is none."""
        database = FileIdentity.of(path)
        if database is None:
            raise _moved(os.fspath(path))
        return cls(path, database)

    def look_beside(self) -> None:
        """Record the log, the index and the lock file, which SQLite and the store have just opened."""
        for suffix in (LOG, INDEX, LOCK):
            file = f"{self._name}{suffix}"
            try:
                self._beside[file] = os.stat(file)
            except FileNotFoundError:
                if suffix != LOCK:  # a system without locks has no lock file
                    raise _removed(file) from None
        self.key = _key_of(*(self._beside[f"{self._name}{suffix}"].st_ino for suffix in (LOG, INDEX)))

    def check(self) -> FileIdentity:
        """Return the database's current identity. Raises StoreError if a file is not the one that was opened."""
        now = FileIdentity.of(self._name)
        if now is None or not now.is_same_file(self.database):
            raise _moved(self._name)
        self.check_beside()
        return now

    def check_beside(self) -> None:
        """Raise StoreError if a file beside the database is not the one that was opened."""
        for file, opened in self._beside.items():
            try:
                now = os.stat(file)
            except FileNotFoundError:
                raise _removed(file) from None
            if not os.path.samestat(now, opened):
                raise _removed(file)

    def sync_log(self) -> None:
        """Sync the log, unless each commit does so. Callers at the same time share one sync. Raises OSError."""
        if self.commits_are_synced:
            return
        called_s = time.monotonic()
        with self._syncing:
            if self._synced_s > called_s:  # by a sync that began after this call
                return
            begun_s = time.monotonic()
            log = Path(f"{self._name}{LOG}")
            sync(log)  # its close drops no lock of SQLite: these are on the database and the index
            if not self._is_log_named:  # the open log keeps its name
                sync(log.parent)
                self._is_log_named = True
            self._synced_s = begun_s

    def has_lost_log(self) -> bool:
        """Return whether the open log is missing at its path."""
        return bool(self._beside) and not os.path.lexists(f"{self._name}{LOG}")


def check_shared(path: Path, write_lock: WriteLock, leases: Leases, timeout_s: float) -> None:
    """Raise StoreError if another store has a log or index open that was removed or replaced at its path.

    SQLite would use two logs for one database. timeout_s: how long to wait for a store that is closing, because its
    close removes both files.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        left = LockHeader.unpack(write_lock.header)
        identities = [FileIdentity.of(f"{path}{suffix}") for suffix in (LOG, INDEX)]
        key = _key_of(*(identity.inode if identity else 0 for identity in identities))
        if not left or left.files in (0, key) or not leases.are_files_held(left.files):
            return
        if time.monotonic() > deadline:
            raise _removed(f"the log or index of {path}")
        time.sleep(_PAUSE_S)


def check_in_place(path: Path, timeout_s: float) -> None:
    """Raise StoreError if a process has the database open, but its log or index is missing at its path.

    SQLite would create a new log and write it into the database over the changes in the old one. The lock file can't
    show this, because it may be new too. Call this before SQLite reads the database, which creates both files.
    timeout_s: how long to wait for a process that is opening the database.
    """
    deadline = time.monotonic() + max(timeout_s, _LEAST_S)
    while missing := next((file for file in (f"{path}{LOG}", f"{path}{INDEX}") if not os.path.lexists(file)), None):
        if not _has_open_log(path):
            return
        if time.monotonic() > deadline:
            raise _removed(missing)
        time.sleep(_PAUSE_S)


def _has_open_log(path: Path) -> bool:
    """Return whether any process has the database and a log open: such a connection holds a SHARED lock.

    It asks through a descriptor that SQLite opened, because closing any other descriptor of the file would drop all
    locks of this process on the file.
    """
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)):  # reads nothing, and takes no lock
        for number in _descriptors_of(path):
            with suppress(OSError):  # closed meanwhile, or open for writing only
                is_held = is_read_locked(number, _SHARED_FIRST, _SHARED_LENGTH)
                if is_held and os.pread(number, 1, _FORMAT_AT) == _WAL_FORMAT:
                    return True
    return False


def _descriptors_of(path: Path) -> Iterator[int]:
    """Yield this process's descriptors of a file. On systems other than Linux, yield none."""
    file = os.stat(path)
    numbers = os.listdir(_DESCRIPTORS) if _DESCRIPTORS.is_dir() else []
    for number in map(int, numbers):
        with suppress(OSError):  # closed meanwhile
            if os.path.samestat(os.fstat(number), file):
                yield number


def _key_of(log: int, index: int) -> int:
    return crc32(struct.pack("<QQ", log, index)) | 1 << 32


def _removed(file: str) -> StoreError:
    return StoreError(
        f"{file} was removed or replaced while a process had the database open: "
        "stop every process that uses it, and start again"
    )


def _moved(path: str) -> StoreError:
    return StoreError(
        f"the database {path} was moved, removed or replaced while it was open: "
        "stop every process that uses it, put the right file back, and start again"
    )


def check_regular(path: Path) -> None:
    """Raise StoreError if the database is not a regular file, or a file beside it is a link or not regular."""
    for file in _files(path):
        try:
            # In one call, because another process may remove the file after it.
            mode = os.stat(file, follow_symlinks=file == path).st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            raise StoreError(f"{file} is not a regular file: move it away")


def check_one_name(path: Path) -> None:
    """Raise StoreError if the database at `path`, or a file beside it, has a second name.

    path: as os.path.realpath returns it, so that all symbolic links to one database count as one name.
    """
    mounts = mounted()
    for file in _files(path):
        if os.fspath(file) in mounts:
            raise StoreError(f"{file} is mounted as a single file, without those beside it: mount its folder instead")
        if identity := FileIdentity.of(file):
            identity.check_one_name(file)


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-journal", LOG, INDEX, LOCK)]


def check_passive(db: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError if a database has objects that run by themselves, such as triggers. This package
    creates none.
    """
    # In this order: the second query runs the module of a virtual table, which an attacker may have chosen.
    if db.execute(_ACTING).fetchone() or db.execute(_COMPUTED).fetchone():
        raise StoreError(
            f"the database {path} has a trigger, a view, or a virtual table or column, which this package does not "
            "make: do not use it, and restore a backup that you trust"
        )


def check_sound(db: sqlite3.Connection, path: Path) -> None:
    """Read the whole database. Raise StoreError if pages, or parts of current images, are damaged or missing."""
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
