"""The check values of secrets in a PostgreSQL store, and the wrapped keys that depend on them.

Whoever wraps keys holds the lock of the key checks shared, whoever changes them alone: so no image comes under a secret
that is retired meanwhile, and of two processes with different first secrets one alone saves.
"""

from collections.abc import Callable, Sequence

from ...core.images import KEY_ID_BYTES, RewrappedKey, StoredImage
from ...errors import StoreError
from ..contract import KeyChecks
from ..rules import admit, check_unneeded, image_of_row
from .transaction import Transaction

_KEY_ID = f"substr(wrapped_key, 1, {KEY_ID_BYTES})"
_BATCH = 1000


class AdmissionNeeded(Exception):
    """The key checks have to be changed, which takes their lock alone: once more, with that."""


async def lock_keys(tx: Transaction, *, to_change: bool) -> None:
    """Keep the key checks as they are to the transaction's end, or let nobody else use them."""
    await tx.lock("keys", shared=not to_change)


async def holds_keys(tx: Transaction) -> bool:
    """Tell whether the transaction keeps the key checks as they are."""
    return await tx.has_lock("keys")


async def database_id(tx: Transaction) -> bytes:
    """Return the database's own id."""
    row = await tx.one("SELECT database_id FROM {store}")
    if row is None:
        raise StoreError("the database's id is missing: restore it from a backup")
    return bytes(row[0])


async def key_checks(tx: Transaction) -> KeyChecks:
    """Return all check values."""
    rows = await tx.all("SELECT value, retired FROM {key_check}")
    in_use, retired = (frozenset(value for value, is_retired in rows if is_retired is which) for which in (False, True))
    return KeyChecks(in_use, retired)


async def key_usage(tx: Transaction) -> dict[bytes, int]:
    """Return how many images there are by the key id that their wrapped keys begin with."""
    return dict(await tx.all(f"SELECT {_KEY_ID}, count(*) FROM {{image}} WHERE body IS NOT NULL GROUP BY 1"))


async def admit_checks(tx: Transaction, checks: Sequence[bytes], *, may_admit: bool) -> None:
    """Within a transaction that wraps keys under the last secret of a ring, let its check value be known.

    Under `lock_keys`. Raises AdmissionNeeded where they would change and that lock is shared.
    """
    if not checks:
        return
    known = await key_checks(tx)
    absent = known.in_use - set(checks)
    needed = {check for check in absent if await _images_under(tx, check)}
    unneeded = admit(checks, known, await database_id(tx), needed.__contains__)
    if not unneeded and checks[-1] in known.in_use:
        return
    if not may_admit:
        raise AdmissionNeeded
    await tx.run("DELETE FROM {key_check} WHERE value = ANY($1::bytea[])", list(unneeded))
    await _put_check(tx, checks[-1], retired=False)


async def admit_alone(tx: Transaction, checks: Sequence[bytes]) -> None:
    """Let the last secret of a ring be known before anything is wrapped under it."""
    await lock_keys(tx, to_change=True)
    await admit_checks(tx, checks, may_admit=True)


async def retire_key_check(tx: Transaction, check: bytes) -> None:
    """Mark the secret of a check value as retired."""
    await lock_keys(tx, to_change=True)
    check_unneeded(check, await _images_under(tx, check))
    await _put_check(tx, check, retired=True)


async def replace_wrapped_keys(
    tx: Transaction, wrapped: Sequence[RewrappedKey], checks: Sequence[bytes], *, may_admit: bool
) -> int:
    """Replace the wrapped keys of versions that are current and have the key that it `was`; return how many did."""
    await lock_keys(tx, to_change=may_admit)
    await admit_checks(tx, checks, may_admit=may_admit)
    await tx.lock_rows("id = ANY($1::text[])", [key.image_id for key in wrapped])
    return await _replace(tx, wrapped)


async def separate(
    tx: Transaction, database_id: bytes, check: bytes, rewrap: Callable[[StoredImage], bytes], columns: str
) -> int:
    """Give the database another id, new wrapped keys for it, and one check value; return how many images there are.

    columns: of a whole image, as `image_of_row` takes them.
    """
    await lock_keys(tx, to_change=True)
    count, after = 0, ""
    query = f"SELECT {columns} FROM {{image}} WHERE id > $1 AND body IS NOT NULL ORDER BY id LIMIT {_BATCH} FOR UPDATE"
    while images := [image_of_row(row) for row in await tx.all(query, after)]:
        count, after = count + len(images), images[-1].id
        await _replace(tx, [RewrappedKey(image.id, image.meta.version, rewrap(image)) for image in images])
    await tx.run("UPDATE {store} SET database_id = $1", database_id)
    await tx.run("DELETE FROM {key_check}")
    await _put_check(tx, check, retired=False)
    return count


async def _replace(tx: Transaction, keys: Sequence[RewrappedKey]) -> int:
    query = (
        "UPDATE {image} SET wrapped_key = new.wrapped_key, epoch = greatest(image.epoch, new.epoch),"
        " checksum = checksum - image.epoch + greatest(image.epoch, new.epoch)"
        " FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[])"
        " AS new (id, version, wrapped_key, epoch, was)"
        " WHERE image.id = new.id AND image.version = new.version AND body IS NOT NULL"
        " AND (new.was IS NULL OR new.was = image.wrapped_key)"
    )
    rows = [(key.image_id, key.version, key.wrapped_key, key.epoch, key.was) for key in keys]
    return await tx.run(query, *(map(list, zip(*rows, strict=True)) if rows else [[]] * 5))


async def _put_check(tx: Transaction, check: bytes, *, retired: bool) -> None:
    query = "INSERT INTO {key_check} VALUES ($1, $2) ON CONFLICT (value) DO UPDATE SET retired = excluded.retired"
    await tx.run(query, check, retired)


async def _images_under(tx: Transaction, check: bytes) -> int:
    query = f"SELECT count(*) FROM {{image}} WHERE body IS NOT NULL AND {_KEY_ID} = $1"
    row = await tx.one(query, check[:KEY_ID_BYTES])
    return int(row[0]) if row else 0
