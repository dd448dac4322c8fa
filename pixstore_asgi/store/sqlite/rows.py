"""Reads rows of a database that no store has open: a backup, or the copy that becomes one."""

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from ...errors import StoreError
from ..files.copying import NamedBody
from ..objects import Owner
from .connection import code_of, translated
from .files import check_passive
from .schema import connect_unwriting

_NOT_OURS = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)  # no such table, damaged, no database
_BODIES = 32  # at a time: a command ends at Ctrl-C after so many


def has_objects(database: Path) -> bool:
    """Return whether bodies of a database are outside it. Raises StoreError if the database can't be read."""
    with translated(database), closing(connect_unwriting(database)) as db:
        # A database of an early version may lack this column. Then it has no such bodies.
        (has_column,) = db.execute("SELECT count(*) FROM pragma_table_info('blob') WHERE name = 'object'").fetchone()
        query = "SELECT EXISTS (SELECT 1 FROM blob WHERE object IS NOT NULL)"
        return bool(has_column and db.execute(query).fetchone()[0])


def id_of_images(database: Path) -> bytes | None:
    """Return the id of a database that has images, or None if it has none or can't be read."""
    try:
        with closing(connect_unwriting(database)) as db:
            query = "SELECT value FROM database_id WHERE EXISTS (SELECT 1 FROM image)"
            row: tuple[bytes] | None = db.execute(query).fetchone()
    except sqlite3.Error:  # damaged, missing or of an early version: no reason to refuse a restore
        return None
    return row[0] if row else None


def database_id(rows: Path) -> bytes:
    """Return the id of a database."""
    with closing(connect_unwriting(rows)) as db:
        (found,) = db.execute("SELECT value FROM database_id").fetchone()
        return bytes(found)


def owner_in(file: Path, owner: Owner) -> Owner:
    """Return a database as an owner that is in this file."""
    return owner._replace(file=file, is_copy=partial(_is_copy, file, owner.database_id))


def _is_copy(file: Path, own_id: bytes, other: Path) -> bool:
    """Return whether another file is a database with this id. A database that can't be read now counts as one.

    Another user may have chosen the path, so only a regular file is opened, and only to be read.
    """
    try:
        found = os.stat(other)
    except PermissionError:
        return True
    except (OSError, ValueError):  # it was moved or removed, or is no path at all
        return False
    if not stat.S_ISREG(found.st_mode) or (file.exists() and os.path.samestat(found, file.stat())):
        return False
    try:
        with closing(connect_unwriting(other)) as db:
            db.execute("PRAGMA busy_timeout = 0")
            check_passive(db, other)
            return bool(db.execute("SELECT value FROM database_id").fetchone() == (own_id,))
    except sqlite3.DatabaseError as error:
        return code_of(error) & 0xFF not in _NOT_OURS
    except (OSError, StoreError):
        return True


def bodies_of(rows: Path) -> Iterator[Sequence[NamedBody]]:
    """Yield the bodies of all images of a database, some at a time."""
    query = "SELECT image.id, size, hex(object) FROM image JOIN blob ON blob.id = image.blob ORDER BY blob.id"
    with closing(connect_unwriting(rows)) as db:
        found = db.execute(query)
        while some := found.fetchmany(_BODIES):
            yield [NamedBody(image_id, size, name.lower() or None) for image_id, size, name in some]


def count_of_images(rows: Path) -> int:
    """Return the number of images and variants of a database, for a progress bar, or 0 if it can't be read."""
    try:
        with closing(connect_unwriting(rows)) as db:
            (count,) = db.execute("SELECT count(*) FROM image WHERE blob IS NOT NULL").fetchone()
            return int(count)
    except (StoreError, sqlite3.Error):
        return 0
