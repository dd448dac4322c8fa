"""Writes the rows of images: one image group in each operation, or many images."""

from collections.abc import Sequence
from operator import attrgetter

from ...core.ids import original_of, range_of_directory, range_of_variants
from ...core.images import StoredImage, Tombstone
from ..contract import Expected
from ..rules import NO_ROW, GroupCommit, Row, bodies_of, check_expected, checksum_of, reached
from .bodies import add_body, add_chunks, bury
from .images import IS_ORIGINAL, META, bounds, get_many, usage
from .keys import admit_checks, lock_keys
from .transaction import BodyState, Transaction

_COLUMNS = ("id", "token", "{pointer}", *META, "{key_column}", "created_ms", "epoch", "checksum")
_values_of_meta = attrgetter(*META)
_CHANGES = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
_PUT = (
    f"INSERT INTO {{image}} ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_COLUMNS)))})"
    f" ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
)
_CLEAR = (
    f"UPDATE {{image}} SET {', '.join(f'{column} = NULL' for column in _COLUMNS[2:-2])},"
    " checksum = checksum - coalesce(created_ms, 0) WHERE id = $1"
)
_RAISE_EPOCH = "UPDATE {image} SET epoch = epoch + 1, checksum = checksum + 1"
_GROUP = (
    "SELECT id, token, {pointer}, version, CASE WHEN {pointer} IS NULL THEN NULL ELSE {created} END, epoch, size"
    " FROM {image} WHERE id = $1 OR (id > $2 AND id < $3) ORDER BY id FOR UPDATE"
)
_PUT_TOMBSTONE = (
    "INSERT INTO {image} AS image (id, token, epoch, checksum) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE"
    " SET token = greatest(image.token, excluded.token), epoch = greatest(image.epoch, excluded.epoch),"
    " checksum = greatest(image.token, excluded.token) + greatest(image.epoch, excluded.epoch)"
    " WHERE image.{pointer} IS NULL AND (excluded.token > image.token OR excluded.epoch > image.epoch)"
)


async def commit(tx: Transaction, new: GroupCommit, *, may_admit: bool) -> Sequence[StoredImage]:
    """Make new versions of one group current. Return their images.

    may_admit: whether the check values may change. Raises AdmissionNeeded if they must change and it is False.
    """
    await lock_keys(tx, to_change=may_admit)
    directory = new.limited_directory
    if directory:  # before the group's rows: else two transactions, one with several saves, could deadlock
        await tx.lock(f"directory {directory}")
    rows = await _lock_group(tx, new.original_id)
    images = new.images(rows)
    if directory and (limit := new.terms.limit):
        used = await usage(tx, *range_of_directory(directory), only_bytes=limit.images is None)
        new.check_room(rows, used)
    await admit_checks(tx, new.terms.checks, may_admit=may_admit)
    for version, image in zip(new.versions, images, strict=True):
        body = version.body
        if body is None:
            body = await add_body(tx, version.chunks, BodyState.LIVE)
        else:
            await add_chunks(tx, body, version.first, version.chunks, BodyState.LIVE)
        await _put(tx, image, body)
    if left_out := new.left_out(rows):
        await _clear(tx, left_out)
    if dead := bodies_of([*left_out, *[image.id for image in images]], rows):
        await bury(tx, dead)
    return images


async def _put(tx: Transaction, image: StoredImage, body: int) -> None:
    meta = image.meta
    in_row = (*_values_of_meta(meta), tx.key_in_row(meta.wrapped_key))
    await tx.run(_PUT, image.id, image.token, body, *in_row, image.created_ms, image.epoch, checksum_of(image))
    await tx.put_key(body, meta.wrapped_key)


async def find_committed(tx: Transaction, new: GroupCommit) -> Sequence[StoredImage] | None:
    """After a commit lost its connection, return its images if all of them are current, else None."""
    await _lock_group(tx, new.original_id)  # waits for the commit if it is still running
    images = await get_many(tx, [version.image_id for version in new.versions])
    found = [
        image
        for each in new.versions
        if (image := images.get(each.image_id)) and image.meta.version == each.meta.version
    ]
    return found if len(found) == len(new.versions) else None


async def delete(tx: Transaction, image_id: str, expect: Expected) -> bool:
    """Turn an image into a tombstone. If it is an original, do the same with its variants. Return whether it existed.

    Raises StoreConflict if the image is not as expected; then nothing is written.
    """
    rows = await _lock_group(tx, original_of(image_id))
    check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
    if deleted := reached(image_id, rows):
        await _clear(tx, deleted)
        await bury(tx, bodies_of(deleted, rows))
    return image_id in deleted


async def _clear(tx: Transaction, image_ids: Sequence[str]) -> None:
    await tx.each(_CLEAR, [(image_id,) for image_id in image_ids])


async def raise_epoch(tx: Transaction, image_id: str, expect: Expected) -> bool:
    """Raise the epoch of an image, and if it is an original, of its variants. Return whether the image exists.

    Raises StoreConflict if the image is not as expected; then nothing is written.
    """
    rows = await _lock_group(tx, original_of(image_id))
    check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
    raised = reached(image_id, rows)
    await tx.each(f"{_RAISE_EPOCH} WHERE id = $1", [(each,) for each in raised])
    return image_id in raised


async def raise_epochs(tx: Transaction, after: str | None, before: str | None) -> int:
    """Raise the epochs of all images between two ids. Return the number of originals among them."""
    which, between = "id > $1 AND id < $2 AND {pointer} IS NOT NULL", bounds(after, before)
    await tx.lock_rows(which, *between)
    await tx.run(f"{_RAISE_EPOCH} WHERE {which}", *between)  # one statement: it includes all of a new group or none
    row = await tx.one(f"SELECT count(*) FROM {{image}} WHERE {which} AND {IS_ORIGINAL}", *between)
    return row[0] if row else 0


async def put_tombstones(tx: Transaction, tombstones: Sequence[Tombstone]) -> None:
    """For each id without an image, raise its last token and epoch to at least those of its tombstone."""
    await lock_keys(tx, to_change=True)  # keeps saves out: one could take its epoch from before this write
    in_order = sorted(tombstones, key=attrgetter("id"))  # the order in which rows are locked
    await tx.lock_images([each.id for each in in_order])
    await tx.each(_PUT_TOMBSTONE, [(each.id, each.token, each.epoch, each.token + each.epoch) for each in in_order])


async def _lock_group(tx: Transaction, original: str) -> dict[str, Row]:
    """Lock an original and its variants against other writers, even if they don't exist. Return their rows by id."""
    await tx.lock_group(original)
    found = await tx.all(_GROUP, original, *range_of_variants(original))
    return {row[0]: Row(*row[1:]) for row in found}
