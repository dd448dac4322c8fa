"""The SQLite store's schema: its tables, and the migrations to the newest version.

blob         one immutable body, in chunks, or in an object store if `object` names it there. AUTOINCREMENT, because a
reused id would give a reader another image's chunks
chunk        256 KiB of a body, id = blob id << 16 | number. A rowid table, because chunks are read one by one
image        the pointer to an image's current blob, and that version's meta. A deleted image keeps id, token and epoch
wrapped_key  the key of an image's current version, number = blob id + 2**56: see transaction.py
"""

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ...core.events import event
from ...errors import StoreError
from .connection import code_of, is_busy
from .files import FileIdentity, LockHeader, check_in_place, check_passive, check_sound
from .write_lock import WriteLock
from .writer import TEMP_STORE, Writer, empty_log, open_writer, transaction

_log = logging.getLogger("pixstore_asgi")

APPLICATION_ID = 0x50495853  # "PIXS"
MIN_SQLITE = (3, 38, 0)  # STRICT tables, JSON functions
_MIB = 1 << 20
# A file below this version is rewritten as a whole: pages that were split hold keys of deleted images.
_KEYS_OVERWRITTEN = 2
_ROWS_REWRITTEN = 9  # a migration from below this version rewrites the rows of all images
_COPIES = 5  # of the rows: in the log the old and the new ones, in half-full pages; in the file the new ones
_BYTES_OF_ROWS = """
SELECT coalesce(sum(length(id) + iif(blob IS NULL, 40, 100) + coalesce(length(wrapped_key), 0)
    + coalesce(length(sha256), 0)), 0) FROM image
"""
_OPENING_S = 1.0  # how long to wait for a process that is opening the database


_VERSION_1 = """
CREATE TABLE blob (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
    changed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_to_sweep ON blob (changed_ms) WHERE state <> 1;
CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE image (
    id TEXT PRIMARY KEY,
    token INTEGER NOT NULL CHECK (token BETWEEN 1 AND 9007199254740991),
    blob INTEGER REFERENCES blob (id),
    version BLOB CHECK (length(version) = 16),
    format INTEGER CHECK (format BETWEEN 1 AND 255),
    iv BLOB CHECK (length(iv) = 12),
    tag BLOB CHECK (length(tag) = 16),
    size INTEGER CHECK (size > 0),
    sha256 BLOB CHECK (length(sha256) = 32),
    wrapped_key BLOB CHECK (length(wrapped_key) > 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE key_check (value BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
"""

_VERSION_2 = "ALTER TABLE image ADD COLUMN created_ms INTEGER"
_VERSION_3 = "ALTER TABLE image ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 4294967295)"
# See core.images.is_older_than_ids.
_VERSION_4 = """
CREATE TABLE database_id (value BLOB NOT NULL CHECK (length(value) = 16)) STRICT;
INSERT INTO database_id
    SELECT CAST(iif(EXISTS (SELECT 1 FROM key_check), x'00', x'01') || randomblob(15) AS BLOB);
ALTER TABLE key_check ADD COLUMN retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))
"""
_VERSION_5 = "-- images without a SHA-256, which earlier versions of this package take for damaged"

# Bodies in an object store; see objects.py of the package `store`.
_VERSION_6 = """
ALTER TABLE blob ADD COLUMN object BLOB CHECK (length(object) = 16);
ALTER TABLE blob ADD COLUMN removing INTEGER NOT NULL DEFAULT 0 CHECK (removing IN (0, 1));
CREATE INDEX blob_by_object ON blob (object) WHERE object IS NOT NULL
"""

_VERSION_7 = "-- images with variants, which earlier versions of this package would leave behind"

_VERSION_8 = "ALTER TABLE image ADD COLUMN checksum INTEGER"  # NULL in older rows; see rules.checksum_of

# Moves the wrapped keys to a table of their own; see transaction.py. The old table is dropped, with all its pages.
# Damaged values are copied, and refused when their image is read: a column's check must not stop the migration.
_VERSION_9 = """
CREATE TABLE wrapped_key (
    number INTEGER PRIMARY KEY CHECK (number >= 72057594037927936),
    value BLOB NOT NULL CHECK (length(value) = 52)
) STRICT;
INSERT OR IGNORE INTO wrapped_key
    SELECT blob + 72057594037927936, substr(wrapped_key, 1, 52) FROM image
    WHERE blob IS NOT NULL AND length(wrapped_key) >= 52 ORDER BY blob;
ALTER TABLE image RENAME TO image_with_key;
CREATE TABLE image (
    id TEXT PRIMARY KEY,
    token INTEGER NOT NULL CHECK (token BETWEEN 1 AND 9007199254740991),
    blob INTEGER REFERENCES blob (id),
    version BLOB CHECK (length(version) = 16),
    format INTEGER CHECK (format BETWEEN 1 AND 255),
    iv BLOB CHECK (length(iv) = 12),
    tag BLOB CHECK (length(tag) = 16),
    size INTEGER CHECK (size > 0),
    sha256 BLOB CHECK (length(sha256) = 32),
    details BLOB CHECK (length(details) > 0),
    created_ms INTEGER,
    epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 4294967295),
    checksum INTEGER
) STRICT, WITHOUT ROWID;
PRAGMA ignore_check_constraints = ON;
INSERT INTO image
    SELECT id, token, blob, version, format, iv, tag, size, sha256,
        iif(length(wrapped_key) > 52, substr(wrapped_key, 53), NULL), created_ms, epoch, checksum
    FROM image_with_key;
PRAGMA ignore_check_constraints = OFF;
DROP TABLE image_with_key
"""

# One index for each kind of gc: else each write would look at all objects that wait for their grace period.
_VERSION_10 = """
DROP INDEX blob_to_sweep;
CREATE INDEX blob_to_sweep ON blob (changed_ms) WHERE state <> 1 AND object IS NULL;
CREATE INDEX object_to_sweep ON blob (changed_ms) WHERE state <> 1 AND object IS NOT NULL
"""

MIGRATIONS: tuple[str, ...] = (
    _VERSION_1,
    _VERSION_2,
    _VERSION_3,
    _VERSION_4,
    _VERSION_5,
    _VERSION_6,
    _VERSION_7,
    _VERSION_8,
    _VERSION_9,
    _VERSION_10,
)
"""MIGRATIONS[n] brings a database of version n to n + 1; the version is `PRAGMA user_version`. A semicolon ends a
statement, so no statement may contain one."""


def prepare(path: Path, write_lock: WriteLock, *, busy_timeout_s: float) -> FileIdentity:
    """Create or migrate the tables in the file at `path`, which exists but may be empty. Return the file's identity.

    Several processes may call it at the same time: the first one that gets the write lock does the work. Raises
    StoreError.
    """
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: 3.38 or newer is needed")
    _check_as_left(path, write_lock)
    connection = open_writer(path, write_lock, busy_timeout_s)
    try:
        if not _is_ready(connection, path):
            with connection.exclusive():
                _make_ready(connection, path, busy_timeout_s)
            empty_log(connection)  # before this, the file still has the bytes that the migrations overwrote
    finally:
        connection.close()
    return connection.files.database


def _check_as_left(path: Path, write_lock: WriteLock) -> None:
    # Before any connection is opened: it could write a log into a file that the log does not belong to.
    def needs_check() -> LockHeader | None:
        left, now = LockHeader.unpack(write_lock.header), FileIdentity.of(path)
        if not left or not now or not left.is_outdated(path, now):
            return None
        return LockHeader.of(now, is_written=False, log_has_dead_keys=True, files=left.files)

    if not needs_check():
        return
    with write_lock.held():
        # Checked again, because the last holder of the lock may have written meanwhile.
        if checked := needs_check():
            with closing(connect_unwriting(path)) as connection:
                check_sound(connection, path)
            write_lock.header = checked.pack()


def _is_ready(connection: Writer, path: Path) -> bool:
    is_migrated = _version(connection, path) == len(MIGRATIONS)
    return is_migrated and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def _make_ready(connection: Writer, path: Path, busy_timeout_s: float) -> None:
    _check_room(connection, path, _version(connection, path), len(MIGRATIONS))
    # These two take effect in a new file only, before its first table.
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # A copy by VACUUM INTO is not in WAL mode.
    _retry_while_busy(lambda: connection.execute("PRAGMA journal_mode = WAL"), busy_timeout_s)
    version = _version(connection, path)
    if 0 < version < _KEYS_OVERWRITTEN:
        _log.warning(
            "%s is rewritten once, which takes a while where it is large: this removes keys of deleted images",
            path,
            extra=event("database_rewritten", path=str(path)),
        )
        _rewrite(connection, path)
    connection.note_dead_keys(are_there=True)
    with transaction(connection):
        for migration in MIGRATIONS[version:]:
            for statement in migration.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _check_room(db: sqlite3.Connection, path: Path, version: int, newest: int) -> None:
    """Log how much space a migration of the database at `path` may take. Raise StoreError if the disk has less."""
    needed = _bytes_needed(db, version)
    if not needed:
        return
    mib, free = -(-needed // _MIB), shutil.disk_usage(path.parent).free
    if free < needed:
        raise StoreError(
            f"{path} must be migrated from schema version {version} to {newest}, which takes up to {mib} MiB "
            f"beside it, and {free // _MIB} MiB are free: make room, and start again"
        )
    _log.warning(
        "%s is migrated from schema version %d to %d, which takes up to %d MiB beside it",
        path,
        version,
        newest,
        mib,
        extra=event("database_migrated", path=str(path)),
    )


def _bytes_needed(db: sqlite3.Connection, version: int) -> int:
    if not 0 < version < _ROWS_REWRITTEN:
        return 0
    (rows,) = db.execute(_BYTES_OF_ROWS).fetchone()
    whole = 0
    if version < _KEYS_OVERWRITTEN:
        (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        whole = int(pages) * int(page_bytes)
    return _MIB + max(_COPIES * int(rows), whole + whole // 100)


def _rewrite(connection: Writer, path: Path) -> None:
    try:
        connection.execute("PRAGMA temp_store = FILE")  # else the copy would have to fit into memory
        connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        if code_of(error) & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN):
            raise
        raise StoreError(
            f"{path} can't be rewritten: that needs free space of its own size, beside it and in "
            f"the system's temporary folder; make room, or set SQLITE_TMPDIR to a folder with enough space"
        ) from error
    connection.execute(f"PRAGMA temp_store = {TEMP_STORE}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def connect_unwriting(path: Path) -> sqlite3.Connection:
    """Open a connection that changes neither the database file nor its log, even if it is the last one to close.

    Raises StoreError if a process uses a log or index that was removed.
    """
    check_in_place(Path(os.path.realpath(path)), _OPENING_S)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def is_ours(head: bytes) -> bool:
    """Return whether a file with these first 100 bytes is a database of this package.

    Source: sqlite.org/fileformat2.html, section 1.3.
    """
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def check_application(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError unless this package has made the database, in a version that it knows."""
    if not _version(connection, path):
        raise StoreError(f"{path} is not a database of pixstore-asgi: check the path")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    # In one statement, because another process may be creating the database at the same time.
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application != APPLICATION_ID and (tables or version):
        raise StoreError(f"{path} is the SQLite database of another program: name another path")
    check_passive(connection, path)
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} has schema version {version}, this package knows {len(MIGRATIONS)}: install a newer pixstore-asgi"
        )
    return int(version)


def _retry_while_busy(action: Callable[[], object], timeout_s: float) -> None:
    # SQLite does not call its busy handler for a change of journal mode.
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            action()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
