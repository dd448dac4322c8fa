"""The SQLite store's rows of images: plain functions of one sqlite3 connection.

Each runs whole on its connection's thread, so that no cancellation can leave a transaction open.
"""

import json
import sqlite3
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from ...core.ids import VARIANT_MARK, original_of, range_of_variants
from ...core.images import StoredImage, Tombstone
from ...errors import StoreDamaged
from ..contract import CHUNK_BYTES, WHOLE_BYTES, Expected
from ..groups import NO_ROW, Row, bodies_of, reached
from ..objects import InObjectStore
from ..rules import check_expected, checksum_of, image_of_row
from . import wrapped_keys
from .blobs import CHUNK_BITS, bury
from .objects import has_object
from .wrapped_keys import IMAGES, WRAPPED_KEY
from .writer import Writer, write_transaction

_OF_META = ("version", "format", "iv", "tag", "size", "sha256")  # and the wrapped key
_values_of_meta = attrgetter(*_OF_META)
_CREATED = "coalesce(created_ms, token)"  # tokens are times; before schema version 2 there was nothing else
_IMAGE = f"image.id, token, {', '.join(_OF_META)}, {WRAPPED_KEY}, {_CREATED}, epoch"
_IS_ORIGINAL = f" AND instr(id, '{VARIANT_MARK}') = 0"
_AFTER_ALL = "\x7f"  # above every id, which are ASCII
_COLUMNS = ("id", "token", "blob", *_OF_META, "details", "created_ms", "epoch", "checksum")
_INSERT = f"INSERT INTO image ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_CHANGES = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
_INSERT_OR_UPDATE = f"{_INSERT} ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
_PUT_TOMBSTONE = (
    "INSERT INTO image (id, token, epoch, checksum) VALUES (:id, :token, :epoch, :token + :epoch)"
    " ON CONFLICT (id) DO UPDATE SET token = max(token, excluded.token), epoch = max(epoch, excluded.epoch),"
    " checksum = max(token, excluded.token) + max(epoch, excluded.epoch)"
    " WHERE blob IS NULL AND (excluded.token > token OR excluded.epoch > epoch)"
)
_CLEAR = (
    f"UPDATE image SET {', '.join(f'{name} = NULL' for name in ('blob', *_OF_META, 'details', 'created_ms'))},"
    " checksum = checksum - coalesce(created_ms, 0) WHERE id = ?"
)
_RAISE_EPOCH = "UPDATE image SET epoch = epoch + 1, checksum = checksum + 1"
_ROW = f"SELECT id, token, blob, version, iif(blob IS NULL, NULL, {_CREATED}), epoch FROM image"
_GROUP = f"{_ROW} WHERE id = ? UNION ALL {_ROW} WHERE id > ? AND id < ?"
_IMAGE_AND_CHUNKS = (
    f"SELECT {_IMAGE}, blob, data FROM {IMAGES} LEFT JOIN chunk ON chunk.id BETWEEN blob << {CHUNK_BITS}"
    f" AND (blob << {CHUNK_BITS}) + iif(size <= {WHOLE_BYTES}, (size - 1) / {CHUNK_BYTES}, ? - 1)"
    " WHERE image.id = ? AND blob IS NOT NULL ORDER BY chunk.id"
)


def get(db: sqlite3.Connection, image_id: str) -> StoredImage | None:
    """Return one image."""
    row = db.execute(f"SELECT {_IMAGE} FROM {IMAGES} WHERE id = ? AND blob IS NOT NULL", (image_id,)).fetchone()
    return image_of_row(row) if row else None


def get_many(db: sqlite3.Connection, image_ids: Collection[str]) -> dict[str, StoredImage]:
    """Return the images that exist among these ids, however many: one statement, so all as of one moment."""
    query = f"SELECT {_IMAGE} FROM {IMAGES} WHERE id IN (SELECT value FROM json_each(?)) AND blob IS NOT NULL"
    return {row[0]: image_of_row(row) for row in db.execute(query, (json.dumps(list(image_ids)),)).fetchall()}


def list_images(
    db: sqlite3.Connection, after: str | None, before: str | None, limit: int, *, originals_only: bool = False
) -> list[StoredImage]:
    """Return images in the order of their ids."""
    which = f"blob IS NOT NULL{_IS_ORIGINAL if originals_only else ''}"
    query = f"SELECT {_IMAGE} FROM {IMAGES} WHERE id > ? AND id < ? AND {which} ORDER BY id LIMIT ?"
    return [image_of_row(row) for row in db.execute(query, (after or "", before or _AFTER_ALL, limit)).fetchall()]


def list_tombstones(db: sqlite3.Connection, after: str | None, before: str | None, limit: int) -> list[Tombstone]:
    """Return deleted images in the order of their ids."""
    query = "SELECT id, token, epoch FROM image WHERE id > ? AND id < ? AND blob IS NULL ORDER BY id LIMIT ?"
    return [Tombstone(*row) for row in db.execute(query, (after or "", before or _AFTER_ALL, limit)).fetchall()]


def put_tombstones(db: Writer, tombstones: Sequence[Tombstone]) -> None:
    """Let ids without an image keep at least these last tokens and epochs."""
    with write_transaction(db, [each.id for each in tombstones]):
        values = [{"id": each.id, "token": each.token, "epoch": each.epoch} for each in tombstones]
        db.executemany(_PUT_TOMBSTONE, values)


def open_blob(db: sqlite3.Connection, image_id: str) -> tuple[StoredImage, int, list[bytes]] | None:
    """Return an image, its blob's id and its first chunk, or all of its chunks where they are WHOLE_BYTES at most.

    One statement, so all as of one moment: no sweep comes between row and chunks. Raises InObjectStore.
    """
    found = _read(db, image_id, chunks_of_larger=1)
    if not found:
        return None
    row, blob = found[0][:-2], found[0][-2]
    if not isinstance(blob, int):
        raise StoreDamaged(f"the stored row of image {image_id!r} is damaged: restore the database from a backup")
    image, chunks = image_of_row(row), [data for *_, data in found if data]
    if not chunks and has_object(db, blob):
        raise InObjectStore(image)
    return image, blob, chunks


def whole_image(db: sqlite3.Connection, image_id: str) -> tuple[StoredImage, list[bytes]] | None:
    """Return an image with all its chunks; None where there is none, or it is longer than WHOLE_BYTES or damaged."""
    found = _read(db, image_id, chunks_of_larger=0)
    if not found:
        return None
    image, chunks = image_of_row(found[0][:-2]), [data for *_, data in found if data]
    return (image, chunks) if sum(map(len, chunks)) == image.meta.size else None


def _read(db: sqlite3.Connection, image_id: str, *, chunks_of_larger: int) -> list[Any]:
    return db.execute(_IMAGE_AND_CHUNKS, (chunks_of_larger, image_id)).fetchall()


def find_group(db: sqlite3.Connection, original: str) -> dict[str, Row]:
    """Return what there is of an original and its variants, by id; of deleted ones their last tokens and epochs."""
    found = db.execute(_GROUP, (original, *range_of_variants(original))).fetchall()
    return {image_id: Row(*row) for image_id, *row in found}


def put_image(db: sqlite3.Connection, image: StoredImage, blob: int, *, is_new: bool) -> None:
    """Point an image to a blob."""
    numbers = (image.created_ms, image.epoch, checksum_of(image))
    meta = image.meta
    values = (image.id, image.token, blob, *_values_of_meta(meta), wrapped_keys.details_of(meta.wrapped_key), *numbers)
    db.execute(_INSERT if is_new else _INSERT_OR_UPDATE, values)
    wrapped_keys.put(db, blob, meta.wrapped_key)


def clear(db: Writer, image_ids: Sequence[str]) -> None:
    """Turn images into tombstones of their ids, tokens and epochs."""
    for image_id in image_ids:
        db.execute(_CLEAR, (image_id,))


def delete(db: Writer, image_id: str, expect: Expected, now_ms: int) -> bool:
    """Within a transaction, turn an image, and the variants of an original, into tombstones, and mark their blobs dead.

    Tells whether there was such an image. Raises StoreConflict, with nothing written.
    """
    rows = find_group(db, original_of(image_id))
    check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
    deleted = reached(image_id, rows)
    if deleted:
        db.note_dead_keys(are_there=True)
    clear(db, deleted)
    bury(db, bodies_of(deleted, rows), now_ms)
    return image_id in deleted


def raise_epoch(db: Writer, image_id: str, expect: Expected) -> bool:
    """Raise the epochs of an image and the variants of an original, and tell whether there is such an image."""
    with write_transaction(db, [image_id]):
        rows = find_group(db, original_of(image_id))
        check_expected(image_id, rows.get(image_id, NO_ROW).version, expect)
        raised = reached(image_id, rows)
        for each in raised:
            db.execute(f"{_RAISE_EPOCH} WHERE id = ?", (each,))
    return image_id in raised


def raise_epochs(db: Writer, after: str | None, before: str | None) -> int:
    """Raise the epochs of all images between two ids; return of how many originals."""
    which, bounds = "id > ? AND id < ? AND blob IS NOT NULL", (after or "", before or _AFTER_ALL)
    with write_transaction(db, None):
        db.execute(f"{_RAISE_EPOCH} WHERE {which}", bounds)
        (originals,) = db.execute(f"SELECT count(*) FROM image WHERE {which}{_IS_ORIGINAL}", bounds).fetchone()
    return int(originals)
