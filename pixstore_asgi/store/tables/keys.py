"""Check values of secrets, and the wrapped keys that depend on them.

An operation that wraps keys holds the lock "keys" shared. An operation that changes the check values holds it
exclusively. So no image gets a key under a secret that is retired at the same time. If two processes start with
different first secrets, only one of them can save.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ...core.images import DATABASE_ID_BYTES, KEY_ID_BYTES, RewrappedKey, StoredImage
from ...errors import StoreError
from ..contract import KeyChecks
from ..objects import Owner
from ..rules import admit, check_unneeded
from .bodies import has_objects
from .images import list_images
from .transaction import Transaction

_UNDER = "FROM {images} WHERE {pointer} IS NOT NULL AND {key_id} = $1"
_DATABASE_ID = "SELECT {database_id}, NULL FROM {store}"
_ALL = f"SELECT value, retired FROM {{key_check}} UNION ALL {_DATABASE_ID}"  # check values, and the database's id
_BATCH = 1000


REPLACE = (
    "UPDATE {image} SET {key_column} = new.in_row, epoch = greatest(image.epoch, new.epoch),"
    " checksum = checksum - image.epoch + greatest(image.epoch, new.epoch) FROM {new_keys} AS new"
    " WHERE image.id = new.id AND image.version = new.version AND {pointer} IS NOT NULL"
    " AND (new.was IS NULL OR new.was = {own_key})"
)
"""Replaces the part of a wrapped key that {image} holds, if the version is current and its key still equals `was`."""


class AdmissionNeeded(Exception):
    """The check values must change, which needs the exclusive lock "keys". Run the operation again with `may_admit`.

    It is an exception so that the transaction or savepoint rolls back, which releases the shared lock.
    """


async def lock_keys(tx: Transaction, *, to_change: bool) -> None:
    """Lock the check values until the transaction ends. to_change: lock them exclusively, which a change needs; else
    shared.
    """
    await tx.lock("keys", shared=not to_change)


async def database_id(tx: Transaction) -> bytes:
    """Return the database's own id."""
    return _parsed(await tx.all(_DATABASE_ID))[1]


async def owner(tx: Transaction) -> Owner:
    """Return the database as the owner of an object store."""
    return Owner(await database_id(tx), is_new=not await has_objects(tx, live=False))


async def key_checks(tx: Transaction) -> KeyChecks:
    """Return all check values, of secrets in use and of retired ones."""
    return _parsed(await tx.all(_ALL))[0]


def _parsed(rows: Sequence[tuple[Any, Any]]) -> tuple[KeyChecks, bytes]:
    """Return the check values and the database's id from rows of `_ALL`, or of `_DATABASE_ID` without check values."""
    ids: list[bytes] = []
    in_use: set[bytes] = set()
    retired: set[bytes] = set()
    for value, is_retired in rows:  # for every save: a loop takes half the time of comprehensions
        if is_retired is None:
            ids.append(value)
        elif not isinstance(value, bytes):
            raise StoreError("the database's key checks are damaged: restore it from a backup")
        else:
            (retired if is_retired else in_use).add(value)
    if len(ids) != 1 or not isinstance(ids[0], bytes) or len(ids[0]) != DATABASE_ID_BYTES:
        raise StoreError("the database's id is damaged: restore it from a backup")
    return KeyChecks(frozenset(in_use), frozenset(retired)), ids[0]


async def key_usage(tx: Transaction) -> dict[bytes, int]:
    """Return the number of images by the key id of their wrapped key."""
    query = "SELECT {key_id}, count(*) FROM {images} WHERE {pointer} IS NOT NULL AND {key_id} IS NOT NULL GROUP BY 1"
    found = dict(await tx.all(query))
    if not all(isinstance(key_id, bytes) for key_id in found):
        raise StoreError("the database's wrapped keys are damaged: restore it from a backup")
    return found


async def admit_checks(tx: Transaction, checks: Sequence[bytes], *, may_admit: bool) -> None:
    """Check a key ring and store the check value of its last secret, in a transaction that wraps keys under that
    secret.

    Call `lock_keys` first. Raises AdmissionNeeded if the check values must change but the lock is shared, SecretError
    if the ring may not wrap keys here; see `rules.admit`.
    """
    if not checks:
        return
    known, own_id = _parsed(await tx.all(_ALL))
    needed = {check for check in known.in_use - set(checks) if await _is_in_use(tx, check)}
    unneeded = admit(checks, known, own_id, needed.__contains__)
    if not unneeded and checks[-1] in known.in_use:
        return
    if not may_admit:
        raise AdmissionNeeded
    await tx.each("DELETE FROM {key_check} WHERE value = $1", [(check,) for check in unneeded])
    if checks[-1] not in known.in_use:
        await _put_check(tx, checks[-1], retired=False)


async def admit_alone(tx: Transaction, checks: Sequence[bytes]) -> None:
    """Check a key ring and store the check value of its last secret, before any key is wrapped under that secret."""
    await lock_keys(tx, to_change=True)
    await admit_checks(tx, checks, may_admit=True)


async def retire_key_check(tx: Transaction, check: bytes) -> None:
    """Mark the secret of a check value as retired. Raises StoreConflict if images need it."""
    await lock_keys(tx, to_change=True)
    row = await tx.one(f"SELECT count(*) {_UNDER}", check[:KEY_ID_BYTES])
    check_unneeded(check, row[0] if row else 0)
    await _put_check(tx, check, retired=True)


async def replace_wrapped_keys(
    tx: Transaction, wrapped: Sequence[RewrappedKey], checks: Sequence[bytes], *, may_admit: bool
) -> int:
    """Replace the wrapped keys of current versions. Return how many were replaced.

    If a RewrappedKey has `was`, replace the key only if the stored key equals it. First check the key ring and store
    the check value of its last secret; raises AdmissionNeeded or SecretError as `admit_checks` does.
    """
    await lock_keys(tx, to_change=may_admit)
    await admit_checks(tx, checks, may_admit=may_admit)
    await tx.lock_images([key.image_id for key in wrapped])
    return await tx.replace_keys(wrapped)


async def assign_new_database_id(
    tx: Transaction, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes]
) -> int:
    """Give the database a new id, wrap each image's key again, and replace all check values by `check`. Return the
    number of images.

    rewrap: returns an image's new wrapped key.
    """
    await lock_keys(tx, to_change=True)
    await tx.lock_rows("true")
    count, after = 0, ""
    while images := await list_images(tx, after, None, _BATCH):
        count, after = count + len(images), images[-1].id
        await tx.replace_keys([RewrappedKey(image.id, image.meta.version, rewrap(image)) for image in images])
    await tx.run("UPDATE {store} SET {database_id} = $1", database_id)
    await tx.run("DELETE FROM {key_check}")
    await _put_check(tx, check, retired=False)
    return count


async def _is_in_use(tx: Transaction, check: bytes) -> bool:
    return await tx.one(f"SELECT 1 {_UNDER} LIMIT 1", check[:KEY_ID_BYTES]) is not None


async def _put_check(tx: Transaction, check: bytes, *, retired: bool) -> None:
    query = (
        "INSERT INTO {key_check} (value, retired) VALUES ($1, $2)"
        " ON CONFLICT (value) DO UPDATE SET retired = excluded.retired"
    )
    await tx.run(query, check, retired)
