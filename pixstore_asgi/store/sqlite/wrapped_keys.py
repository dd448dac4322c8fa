"""The SQLite store's wrapped keys, in a table of their own: plain functions of one sqlite3 connection.

A dead version's key must not stay in the file. `PRAGMA secure_delete` overwrites a row that goes, but not the copies of
living rows that SQLite leaves in a page that it has to rebuild (btree.c, rebuildPage), as it does where rows of several
lengths have left gaps that none fits in. So all rows here have one length, 52 bytes under a number that takes nine, and
a gap that one leaves fits any other. What a wrapped key has behind these bytes, which is nothing without them, is the
image's `details`.
"""

import sqlite3
from collections.abc import Sequence

from ...core.images import KEY_ID_BYTES, WRAPPED_KEY_BYTES
from ...errors import StoreError

_NINE_BYTES = 1 << 56
_OF_BLOB = f"blob + {_NINE_BYTES}"
_KEY_ID = f"substr(value, 1, {KEY_ID_BYTES})"

IMAGES = f"image LEFT JOIN wrapped_key ON number = {_OF_BLOB}"
"""Images and their keys, to select from."""

_UNDER = f"FROM {IMAGES} WHERE blob IS NOT NULL AND {_KEY_ID} = ?"

WRAPPED_KEY = "iif(details IS NULL, value, CAST(value || details AS BLOB))"
"""An image's wrapped key, to select."""

IS_WAS = f"(:was IS NULL OR :was = (SELECT value FROM wrapped_key WHERE number = {_OF_BLOB}))"
"""Whether an image's key is still `was`, or that is NULL. Its first 52 bytes tell: they authenticate what is behind."""

KEYS = f"SELECT number - {_NINE_BYTES} AS of FROM wrapped_key"
"""Selects the blobs that there are keys of."""

_REPLACE = (
    f"INSERT INTO wrapped_key SELECT {_OF_BLOB}, ? FROM image WHERE id = ? AND blob IS NOT NULL"
    " ON CONFLICT (number) DO UPDATE SET value = excluded.value"
)


def details_of(wrapped_key: bytes) -> bytes | None:
    """Return what the image's row keeps of its wrapped key."""
    return wrapped_key[WRAPPED_KEY_BYTES:] or None


def put(db: sqlite3.Connection, blob: int, wrapped_key: bytes) -> None:
    """Keep the key of a blob's version."""
    db.execute(f"INSERT INTO wrapped_key VALUES (? + {_NINE_BYTES}, ?)", (blob, wrapped_key[:WRAPPED_KEY_BYTES]))


def replace(db: sqlite3.Connection, image_id: str, wrapped_key: bytes) -> None:
    """Let an image's current version have its key wrapped otherwise."""
    db.execute("UPDATE image SET details = ? WHERE id = ?", (details_of(wrapped_key), image_id))
    db.execute(_REPLACE, (wrapped_key[:WRAPPED_KEY_BYTES], image_id))


def drop(db: sqlite3.Connection, blobs: Sequence[int]) -> None:
    """Overwrite the keys of blobs that no image points to any more."""
    db.executemany(f"DELETE FROM wrapped_key WHERE number = ? + {_NINE_BYTES}", [(blob,) for blob in blobs])


def images_under(db: sqlite3.Connection, key_id: bytes) -> int:
    """Return how many images have a key that begins with a secret's id."""
    (images,) = db.execute(f"SELECT count(*) {_UNDER}", (key_id,)).fetchone()
    return int(images)


def is_in_use(db: sqlite3.Connection, key_id: bytes) -> bool:
    """Tell whether any image has such a key."""
    return db.execute(f"SELECT 1 {_UNDER} LIMIT 1", (key_id,)).fetchone() is not None


def usage(db: sqlite3.Connection) -> dict[bytes, int]:
    """Return how many images there are by the key id that their wrapped keys begin with."""
    query = f"SELECT {_KEY_ID}, count(*) FROM {IMAGES} WHERE blob IS NOT NULL AND value IS NOT NULL GROUP BY 1"
    found = dict(db.execute(query).fetchall())
    if not all(isinstance(key_id, bytes) for key_id in found):
        raise StoreError("the database's wrapped keys are damaged: restore it from a backup")
    return found
