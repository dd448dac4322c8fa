"""Reads the rows of images."""

from collections.abc import Collection

from ...core.ids import VARIANT_MARK
from ...core.images import StoredImage, Tombstone, Usage
from ...errors import StoreDamaged
from ..objects import InObjectStore
from ..rules import image_of_row
from .bodies import has_object
from .transaction import Transaction

META = ("version", "format", "iv", "tag", "size", "sha256")
"""The columns of an image's meta, without its wrapped key."""

_IMAGE = f"image.id, token, {', '.join(META)}, {{wrapped_key}}, {{created}}, epoch"  # as image_of_row takes them

GET = f"SELECT {_IMAGE} FROM {{images}} WHERE id = $1 AND {{pointer}} IS NOT NULL"
"""Selects one image."""

IMAGE_AND_CHUNKS = (
    f"SELECT {_IMAGE}, image.{{pointer}}, data FROM {{images}} LEFT JOIN {{chunk}} ON {{first_chunks}}"
    " WHERE image.id = $1 AND image.{pointer} IS NOT NULL ORDER BY {chunk_number}"
)
"""Selects an image, its body's id and its chunks: all of them if the body has at most WHOLE_BYTES, else the first."""

_GET_MANY = f"SELECT {_IMAGE} FROM {{images}} WHERE id = ANY($1::text[]) AND {{pointer}} IS NOT NULL"
_LIST = f"SELECT {_IMAGE} FROM {{images}} WHERE id > $1 AND id < $2 AND {{pointer}} IS NOT NULL"
_FIRST, _LAST = "\x01", "\x7f"  # below and above all characters of ids

IS_ORIGINAL = f"strpos(id, '{VARIANT_MARK}') = 0"
"""The SQL condition that an image is an original, not a variant."""


async def get_many(tx: Transaction, image_ids: Collection[str]) -> dict[str, StoredImage]:
    """Return the existing images among these ids, by id. One statement reads them, so they are one snapshot."""
    rows = await tx.all(_GET_MANY, list(dict.fromkeys(image_ids)))
    return {row[0]: image_of_row(row) for row in rows}


async def list_images(
    tx: Transaction, after: str | None, before: str | None, limit: int, *, originals_only: bool = False
) -> list[StoredImage]:
    """Return up to `limit` images between two bounds, in the order of their ids."""
    which = f" AND {IS_ORIGINAL}" if originals_only else ""
    rows = await tx.all(f"{_LIST}{which} ORDER BY id LIMIT $3", *bounds(after, before), limit)
    return [image_of_row(row) for row in rows]


async def usage(tx: Transaction, after: str | None, before: str | None, *, only_bytes: bool = False) -> Usage:
    """Return the usage of all images between two bounds. only_bytes: do not count images, which takes twice as long."""
    # A deleted image has no size. In PostgreSQL an index has ids and sizes, so that this reads no rows.
    count = "0" if only_bytes else f"count(size) FILTER (WHERE {IS_ORIGINAL})"
    query = f"SELECT {count}, CAST(coalesce(sum(size), 0) AS bigint) FROM {{image}} WHERE id > $1 AND id < $2"
    row = await tx.one(query, *bounds(after, before))
    assert row is not None
    return Usage(*row)


async def open_body(tx: Transaction, image_id: str) -> tuple[StoredImage, int, list[bytes]] | None:
    """Return an image, its body's id, and its chunks: all if it has at most WHOLE_BYTES, else the first.

    One statement reads row and chunks, so gc can't remove chunks in between. Raises InObjectStore if the body is an
    object.
    """
    rows = await tx.all(IMAGE_AND_CHUNKS, image_id)
    if not rows:
        return None
    body = rows[0][-2]
    if not isinstance(body, int):
        raise StoreDamaged(f"the stored row of image {image_id!r} is damaged: restore the database from a backup")
    image, chunks = image_of_row(rows[0][:-2]), [data for *_, data in rows if data]
    if not chunks and await has_object(tx, body):
        raise InObjectStore(image)
    return image, body, chunks


async def list_tombstones(tx: Transaction, after: str | None, before: str | None, limit: int) -> list[Tombstone]:
    """Return up to `limit` deleted images between two bounds, in the order of their ids."""
    query = "SELECT id, token, epoch FROM {image} WHERE id > $1 AND id < $2 AND {pointer} IS NULL ORDER BY id LIMIT $3"
    return [Tombstone(*row) for row in await tx.all(query, *bounds(after, before), limit)]


def bounds(after: str | None, before: str | None) -> tuple[str, str]:
    """Return two bounds in ASCII without NUL, which any database accepts. The same ids are between them as between
    `after` and `before`.
    """
    return _as_ascii(after or ""), _as_ascii(before or _LAST)


def _as_ascii(text: str) -> str:
    return "".join(min(max(character, _FIRST), _LAST) for character in text)
