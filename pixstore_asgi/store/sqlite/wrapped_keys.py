"""The SQLite store's wrapped keys, in their own table: plain functions of one sqlite3 connection.

A dead version's key must not stay in the file. `PRAGMA secure_delete` overwrites a deleted row, but not the copies of
living rows that SQLite leaves in a page that it rebuilds (btree.c, rebuildPage). It rebuilds a page if rows of several
lengths have left gaps that no new row fits in. So all rows here have one length, 52 bytes under a number of nine bytes,
and any row fits the gap of another. The image's `details` has the rest of a wrapped key, which is useless without these
bytes.
"""

import sqlite3
from collections.abc import Sequence

from ...core.images import WRAPPED_KEY_BYTES

_NINE_BYTES = 1 << 56

OF_POINTER = f"blob + {_NINE_BYTES}"
"""The number of the key of an image's current version."""

KEYS = f"SELECT number - {_NINE_BYTES} AS of FROM wrapped_key"
"""Selects the bodies that there are keys of."""

_PUT = f"INSERT INTO wrapped_key VALUES (? + {_NINE_BYTES}, ?)"
_DROP = f"DELETE FROM wrapped_key WHERE number = ? + {_NINE_BYTES}"
_REPLACE = (
    f"INSERT INTO wrapped_key SELECT {OF_POINTER}, ? FROM image WHERE id = ? AND blob IS NOT NULL"
    " ON CONFLICT (number) DO UPDATE SET value = excluded.value"
)


def details_of(wrapped_key: bytes) -> bytes | None:
    """Return the part of a wrapped key that is in the image's row."""
    return wrapped_key[WRAPPED_KEY_BYTES:] or None


def put(db: sqlite3.Connection, body: int, wrapped_key: bytes) -> None:
    """Store the key of a body's version."""
    db.execute(_PUT, (body, wrapped_key[:WRAPPED_KEY_BYTES]))


def drop(db: sqlite3.Connection, bodies: Sequence[int]) -> None:
    """Overwrite the keys of bodies that no image points to."""
    db.executemany(_DROP, [(body,) for body in bodies])


def replace(db: sqlite3.Connection, image_id: str, wrapped_key: bytes) -> None:
    """Replace the key of an image's current version."""
    db.execute(_REPLACE, (wrapped_key[:WRAPPED_KEY_BYTES], image_id))
