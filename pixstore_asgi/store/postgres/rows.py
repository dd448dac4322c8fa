"""The PostgreSQL store's rows of images: reading them, and the writes that change one or many."""

from collections.abc import Collection, Sequence
from operator import attrgetter

from ...core.ids import VARIANT_MARK, original_of, range_of_variants
from ...core.images import StoredImage, Tombstone
from ..contract import CHUNK_BYTES, WHOLE_BYTES, Expected
from ..groups import NO_ROW, GroupCommit, NewVersion, Row, bodies_of, reached
from ..objects import InObjectStore
from ..rules import check_expected, checksum_of, image_of_row
from .bodies import add_body, add_chunks, bury
from .key_checks import admit_checks, lock_keys
from .objects import has_object
from .schema import BodyState
from .transaction import Transaction

_META = "version, format, iv, tag, size, sha256, wrapped_key"
IMAGE = f"image.id, token, {_META}, created_ms, epoch"
"""The columns of a whole image, as `image_of_row` takes them."""

_COLUMNS = ("id", "token", "body", *_META.split(", "), "created_ms", "epoch", "checksum")
_values_of_meta = attrgetter(*_META.split(", "))
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
    "SELECT id, token, body, version, created_ms, epoch FROM {image}"
    " WHERE id = $1 OR (id > $2 AND id < $3) ORDER BY id FOR UPDATE"
)
_PUT_TOMBSTONE = (
    "INSERT INTO {image} AS image (id, token, epoch, checksum) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE"
    " SET token = greatest(image.token, excluded.token), epoch = greatest(image.epoch, excluded.epoch),"
    " checksum = greatest(image.token, excluded.token) + greatest(image.epoch, excluded.epoch)"
    " WHERE image.body IS NULL"
)
_IS_ORIGINAL = f" AND position('{VARIANT_MARK}' IN id) = 0"
_FIRST, _LAST = "\x01", "\x7f"  # below and above all characters of ids


async def get_many(tx: Transaction, image_ids: Collection[str]) -> dict[str, StoredImage]:
    """Return the images that exist among these ids: one statement, so all as of one moment."""
    query = f"SELECT {IMAGE} FROM {{image}} WHERE id = ANY($1::text[]) AND body IS NOT NULL"
    rows = await tx.all(query, list(dict.fromkeys(image_ids)))
    return {row[0]: image_of_row(row) for row in rows}


async def list_images(
    tx: Transaction, after: str | None, before: str | None, limit: int, *, originals_only: bool
) -> list[StoredImage]:
    """Return images in the order of their ids."""
    which = f"body IS NOT NULL{_IS_ORIGINAL if originals_only else ''}"
    query = f"SELECT {IMAGE} FROM {{image}} WHERE id > $1 AND id < $2 AND {which} ORDER BY id LIMIT $3"
    return [image_of_row(row) for row in await tx.all(query, *_bounds(after, before), limit)]


async def open_body(tx: Transaction, image_id: str) -> tuple[StoredImage, int, list[bytes]] | None:
    """Return an image, its body's id and its first chunk, or all of its chunks where they are WHOLE_BYTES at most.

    One statement, so all as of one moment. Raises InObjectStore.
    """
    query = (
        f"SELECT {IMAGE}, image.body, data FROM {{image}} LEFT JOIN {{chunk}} ON chunk.body = image.body"
        f" AND number < CASE WHEN size <= {WHOLE_BYTES} THEN {WHOLE_BYTES // CHUNK_BYTES} ELSE 1 END"
        " WHERE image.id = $1 AND image.body IS NOT NULL ORDER BY number"
    )
    rows = await tx.all(query, image_id)
    if not rows:
        return None
    image, body, chunks = image_of_row(rows[0][:-2]), int(rows[0][-2]), [data for *_, data in rows if data]
    if not chunks and await has_object(tx, body):
        raise InObjectStore(image)
    return image, body, chunks


async def commit(tx: Transaction, new: GroupCommit, *, may_admit: bool) -> Sequence[StoredImage]:
    """Make versions of one group current. Raises AdmissionNeeded where that takes `may_admit`."""
    await lock_keys(tx, to_change=may_admit)
    rows = await _lock_group(tx, new.original_id)
    images = new.images(rows)
    await admit_checks(tx, new.terms.checks, may_admit=may_admit)
    for version, image in zip(new.versions, images, strict=True):
        body = await _bring_to_life(tx, version)
        numbers = (image.created_ms, image.epoch, checksum_of(image))
        await tx.run(_PUT, image.id, image.token, body, *_values_of_meta(image.meta), *numbers)
    left_out = new.left_out(rows)
    await _clear(tx, left_out)
    await bury(tx, bodies_of([*left_out, *(image.id for image in images)], rows))
    return images


async def _bring_to_life(tx: Transaction, version: NewVersion) -> int:
    """Write what is left of a version's body, and return its id."""
    if version.body is None:
        return await add_body(tx, version.chunks, BodyState.LIVE)
    await add_chunks(tx, version.body, version.first, version.chunks, BodyState.LIVE)
    return version.body


async def find_committed(tx: Transaction, new: GroupCommit) -> Sequence[StoredImage] | None:
    """Return the images where a commit whose answer was lost has happened and its versions are still current."""
    await _lock_group(tx, new.original_id)  # it may be under way to this moment
    images = await get_many(tx, [version.image_id for version in new.versions])
    found = [
        image
        for each in new.versions
        if (image := images.get(each.image_id)) and image.meta.version == each.meta.version
    ]
    return found if len(found) == len(new.versions) else None


async def delete(tx: Transaction, image_id: str, expect: Expected) -> bool:
    """Leave of an image and an original's variants ids, tokens and epochs; tell whether there was such an image."""
    rows = await _lock_group(tx, original_of(image_id))
    check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
    deleted = reached(image_id, rows)
    await _clear(tx, deleted)
    await bury(tx, bodies_of(deleted, rows))
    return image_id in deleted


async def _clear(tx: Transaction, image_ids: Sequence[str]) -> None:
    await tx.each(_CLEAR, [(image_id,) for image_id in image_ids])


async def raise_epoch(tx: Transaction, image_id: str, expect: Expected) -> bool:
    """Raise the epochs of an image and of an original's variants, and tell whether there is such an image."""
    rows = await _lock_group(tx, original_of(image_id))
    check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
    raised = reached(image_id, rows)
    await tx.each(f"{_RAISE_EPOCH} WHERE id = $1", [(each,) for each in raised])
    return image_id in raised


async def raise_epochs(tx: Transaction, after: str | None, before: str | None) -> int:
    """Raise the epochs of all images between two ids; return of how many originals."""
    which, bounds = "id > $1 AND id < $2 AND body IS NOT NULL", _bounds(after, before)
    await tx.lock_rows(which, *bounds)
    raised = f"WITH raised AS ({_RAISE_EPOCH} WHERE {which} RETURNING id)"
    row = await tx.one(f"{raised} SELECT count(*) FROM raised WHERE true{_IS_ORIGINAL}", *bounds)
    assert row is not None
    return int(row[0])


async def list_tombstones(tx: Transaction, after: str | None, before: str | None, limit: int) -> list[Tombstone]:
    """Return deleted images in the order of their ids."""
    query = "SELECT id, token, epoch FROM {image} WHERE id > $1 AND id < $2 AND body IS NULL ORDER BY id LIMIT $3"
    return [Tombstone(*row) for row in await tx.all(query, *_bounds(after, before), limit)]


async def put_tombstones(tx: Transaction, tombstones: Sequence[Tombstone]) -> None:
    """Let ids without an image keep at least these last tokens and epochs."""
    await lock_keys(tx, to_change=True)  # no image is saved meanwhile, or its epoch could be the one of before
    in_order = sorted(tombstones, key=attrgetter("id"))  # as rows are locked: see Transaction.lock_rows
    await tx.each(_PUT_TOMBSTONE, [(each.id, each.token, each.epoch, each.token + each.epoch) for each in in_order])


async def _lock_group(tx: Transaction, original: str) -> dict[str, Row]:
    """Let nobody else write an original or its variants, be they there or not, to the transaction's end; return what
    there is of them."""
    await tx.lock(f"image {original}")
    found = await tx.all(_GROUP, original, *range_of_variants(original))
    return {image_id: Row(*row) for image_id, *row in found}


def _bounds(after: str | None, before: str | None) -> tuple[str, str]:
    """Return bounds that part ids as these texts do, and are ASCII without NUL, as ids are and any database takes."""
    return _as_ascii(after or ""), _as_ascii(before or _LAST)


def _as_ascii(text: str) -> str:
    return "".join(min(max(character, _FIRST), _LAST) for character in text)
