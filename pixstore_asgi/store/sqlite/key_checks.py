"""The SQLite store's check values of secrets, and the wrapped keys that depend on them: functions of one connection.

Each runs whole on its connection's thread, so that no cancellation can leave a transaction open.
"""

import sqlite3
from collections.abc import Callable, Sequence

from ...core.images import DATABASE_ID_BYTES, KEY_ID_BYTES, WRAPPED_KEY_BYTES, RewrappedKey, StoredImage
from ...errors import StoreError
from ..contract import KeyChecks
from ..rules import admit, check_unneeded
from . import wrapped_keys
from .rows import list_images
from .writer import Writer, write_transaction

_BATCH = 1000


def database_id(db: sqlite3.Connection) -> bytes:
    """Return the database's own id."""
    ids = [row[0] for row in db.execute("SELECT value FROM database_id").fetchall()]
    if len(ids) != 1 or not isinstance(ids[0], bytes) or len(ids[0]) != DATABASE_ID_BYTES:
        raise StoreError("the database's id is damaged: restore it from a backup")
    return ids[0]


def separate(db: Writer, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]) -> int:
    """Give the database another id, new wrapped keys for it, and one check value; return how many images there are."""
    count, after = 0, None
    with write_transaction(db, None):
        db.note_dead_keys(are_there=True)
        while images := list_images(db, after, None, _BATCH):
            count, after = count + len(images), images[-1].id
            for image in images:
                wrapped_keys.replace(db, image.id, rewrap(image))
        db.execute("UPDATE database_id SET value = ?", (database_id,))
        db.execute("DELETE FROM key_check")
        _put_check(db, check, retired=False)
    return count


def key_checks(db: sqlite3.Connection) -> KeyChecks:
    """Return all check values."""
    rows = db.execute("SELECT value, retired FROM key_check").fetchall()
    if not all(isinstance(value, bytes) for value, _ in rows):
        raise StoreError("the database's key checks are damaged: restore it from a backup")
    in_use, retired = ({value for value, is_retired in rows if is_retired == which} for which in (0, 1))
    return KeyChecks(frozenset(in_use), frozenset(retired))


def admit_checks(db: Writer, checks: Sequence[bytes]) -> None:
    """Within a transaction that wraps keys under the last secret of a ring, let its check value be known."""
    if checks:
        known = key_checks(db)
        unneeded = admit(checks, known, database_id(db), lambda check: wrapped_keys.is_in_use(db, _key_id(check)))
        db.executemany("DELETE FROM key_check WHERE value = ?", [(check,) for check in unneeded])
        if checks[-1] not in known.in_use:
            _put_check(db, checks[-1], retired=False)


def retire_key_check(db: Writer, check: bytes) -> None:
    """Mark the secret of a check value as retired."""
    with write_transaction(db):
        check_unneeded(check, wrapped_keys.images_under(db, _key_id(check)))
        _put_check(db, check, retired=True)


def _key_id(check: bytes) -> bytes:
    return check[:KEY_ID_BYTES]


def _put_check(db: Writer, check: bytes, *, retired: bool) -> None:
    db.execute("INSERT OR REPLACE INTO key_check VALUES (?, ?)", (check, retired))


def replace_wrapped_keys(db: Writer, wrapped: Sequence[RewrappedKey], checks: Sequence[bytes]) -> int:
    """Replace the wrapped keys of versions that are current and have the key that it `was`; return how many did."""
    with write_transaction(db, [key.image_id for key in wrapped]):
        admit_checks(db, checks)
        db.note_dead_keys(are_there=True)
        return sum(_replace(db, key) for key in wrapped)


def _replace(db: Writer, key: RewrappedKey) -> bool:
    query = (
        "UPDATE image SET epoch = max(epoch, :epoch), checksum = checksum - epoch + max(epoch, :epoch)"
        f" WHERE id = :id AND version = :version AND blob IS NOT NULL AND {wrapped_keys.IS_WAS}"
    )
    was = key.was and key.was[:WRAPPED_KEY_BYTES]
    values = {"epoch": key.epoch, "id": key.image_id, "version": key.version, "was": was}
    is_current = bool(db.execute(query, values).rowcount)
    if is_current:
        wrapped_keys.replace(db, key.image_id, key.wrapped_key)
    return is_current
