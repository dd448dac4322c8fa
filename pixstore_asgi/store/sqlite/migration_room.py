"""Disk space for a migration: logged and checked before it begins."""

import logging
import shutil
import sqlite3
from pathlib import Path

from ...core.events import event
from ...errors import StoreError

_log = logging.getLogger("pixstore_asgi")
_MIB = 1 << 20

KEYS_OVERWRITTEN = 2
"""The schema's version below which the whole file is rewritten: it holds keys of deleted images in pages that were
split."""

_ROWS_REWRITTEN = 9  # the version below which the rows of all images are
_COPIES = 5  # in the log: the old rows overwritten, in half-full pages, and the new ones; those in the file once more
_BYTES_OF_ROWS = """
SELECT coalesce(sum(length(id) + iif(blob IS NULL, 40, 100) + coalesce(length(wrapped_key), 0)
    + coalesce(length(sha256), 0)), 0) FROM image
"""


def check_room(db: sqlite3.Connection, path: Path, version: int, newest: int) -> None:
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
    if version < KEYS_OVERWRITTEN:
        (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        whole = int(pages) * int(page_bytes)
    return _MIB + max(_COPIES * int(rows), whole + whole // 100)
