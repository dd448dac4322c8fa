"""The PostgreSQL store's rows of images: reading them, and the writes that change one or many."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

from ...core.images import ImageMeta, StoredImage, Tombstone
from ..contract import CHUNK_BYTES, WHOLE_BYTES, CommitTerms, Expected
from ..elsewhere import BodyElsewhere
from ..rules import check_expected, image_of_row, next_past, next_token
from .bodies import Chunks, add_body, add_chunks, bury
from .elsewhere import has_object
from .key_checks import admit_checks, lock_keys
from .schema import BodyState
from .session import Session

_META = "version, format, iv, tag, size, sha256, wrapped_key"
IMAGE = f"image.id, token, {_META}, created_ms, epoch"
"""The columns of a whole image, as `image_of_row` takes them."""

_COLUMNS = ("id", "token", "body", *_META.split(", "), "created_ms", "epoch")
_values_of_meta = attrgetter(*_META.split(", "))
_CHANGES = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])
_PUT = (
    f"INSERT INTO {{image}} ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_COLUMNS)))})"
    f" ON CONFLICT (id) DO UPDATE SET {_CHANGES}"
)
_CLEAR = f"UPDATE {{image}} SET {', '.join(f'{column} = NULL' for column in _COLUMNS[2:-1])} WHERE id = $1"
_PUT_TOMBSTONE = (
    "INSERT INTO {image} AS image (id, token, epoch) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE"
    " SET token = greatest(image.token, excluded.token), epoch = greatest(image.epoch, excluded.epoch)"
    " WHERE image.body IS NULL"
)
_FIRST, _LAST = "\x01", "\x7f"  # below and above all characters of ids


async def get_many(db: Session, image_ids: Collection[str]) -> dict[str, StoredImage]:
    """Return the images that exist among these ids: one statement, so all as of one moment."""
    query = f"SELECT {IMAGE} FROM {{image}} WHERE id = ANY($1::text[]) AND body IS NOT NULL"
    rows = await db.all(query, list(dict.fromkeys(image_ids)))
    return {row[0]: image_of_row(row) for row in rows}


async def list_images(db: Session, after: str | None, before: str | None, limit: int) -> list[StoredImage]:
    """Return images in the order of their ids."""
    query = f"SELECT {IMAGE} FROM {{image}} WHERE id > $1 AND id < $2 AND body IS NOT NULL ORDER BY id LIMIT $3"
    return [image_of_row(row) for row in await db.all(query, *_bounds(after, before), limit)]


async def open_body(db: Session, image_id: str) -> tuple[StoredImage, int, list[bytes]] | None:
    """Return an image, its body's id and its first chunk, or all of its chunks where they are WHOLE_BYTES at most.

    One statement, so all as of one moment. Raises BodyElsewhere.
    """
    query = (
        f"SELECT {IMAGE}, image.body, data FROM {{image}} LEFT JOIN {{chunk}} ON chunk.body = image.body"
        f" AND number < CASE WHEN size <= {WHOLE_BYTES} THEN {WHOLE_BYTES // CHUNK_BYTES} ELSE 1 END"
        " WHERE image.id = $1 AND image.body IS NOT NULL ORDER BY number"
    )
    rows = await db.all(query, image_id)
    if not rows:
        return None
    image, body, chunks = image_of_row(rows[0][:-2]), int(rows[0][-2]), [data for *_, data in rows if data]
    if not chunks and await has_object(db, body):
        raise BodyElsewhere(image)
    return image, body, chunks


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """One version that is to become its image's current one.

    body: its pending body, of which `first` chunks are written, or None where all of it is in `chunks`.
    """

    image_id: str
    meta: ImageMeta
    terms: CommitTerms
    body: int | None
    first: int
    chunks: Chunks = field(repr=False)
    now_ms: int


async def commit(db: Session, new: Commit, *, may_admit: bool) -> StoredImage:
    """Make a version its image's current one. Raises AdmissionNeeded where that takes `may_admit`."""
    await lock_keys(db, to_change=may_admit)
    old = await _lock_image(db, new.image_id)
    check_expected(new.image_id, old.version, new.terms.expect)
    token = next_token(new.image_id, new.now_ms, old.token, new.terms.token)
    await admit_checks(db, new.terms.checks, may_admit=may_admit)
    if new.body is None:
        body = await add_body(db, new.chunks, BodyState.LIVE)
    else:
        body = new.body
        await add_chunks(db, body, new.first, new.chunks, BodyState.LIVE)
    past = next_past(new.now_ms, old.created_ms, old.epoch, new.terms.past)
    image = StoredImage(new.image_id, token, new.meta, past.created_ms, past.epoch)
    await db.run(_PUT, image.id, token, body, *_values_of_meta(new.meta), image.created_ms, image.epoch)
    if old.body is not None:
        await bury(db, old.body)
    return image


async def find_committed(db: Session, new: Commit) -> StoredImage | None:
    """Return the image where a commit whose answer was lost has happened and is still the current version."""
    await _lock_image(db, new.image_id)  # it may be under way to this moment
    image = (await get_many(db, [new.image_id])).get(new.image_id)
    return image if image and image.meta.version == new.meta.version else None


async def delete(db: Session, image_id: str, expect: Expected) -> bool:
    """Leave of an image its id, token and epoch, and mark its body dead."""
    old = await _lock_image(db, image_id)
    check_expected(image_id, old.version, expect)
    if old.body is None:
        return False
    await db.run(_CLEAR, image_id)
    await bury(db, old.body)
    return True


async def raise_epoch(db: Session, image_id: str, expect: Expected) -> bool:
    """Raise the epoch of an image's proofs, and tell whether there is one."""
    old = await _lock_image(db, image_id)
    check_expected(image_id, old.version, expect)
    return await db.run("UPDATE {image} SET epoch = epoch + 1 WHERE id = $1 AND body IS NOT NULL", image_id) > 0


async def raise_epochs(db: Session, after: str | None, before: str | None) -> int:
    """Raise the epochs of all images between two ids; return of how many."""
    query = "UPDATE {image} SET epoch = epoch + 1 WHERE id > $1 AND id < $2 AND body IS NOT NULL"
    return await db.run(query, *_bounds(after, before))


async def list_tombstones(db: Session, after: str | None, before: str | None, limit: int) -> list[Tombstone]:
    """Return deleted images in the order of their ids."""
    query = "SELECT id, token, epoch FROM {image} WHERE id > $1 AND id < $2 AND body IS NULL ORDER BY id LIMIT $3"
    return [Tombstone(*row) for row in await db.all(query, *_bounds(after, before), limit)]


async def put_tombstones(db: Session, tombstones: Sequence[Tombstone]) -> None:
    """Let ids without an image keep at least these last tokens and epochs."""
    await lock_keys(db, to_change=True)  # no image is saved meanwhile, or its epoch could be the one of before
    await db.each(_PUT_TOMBSTONE, [(each.id, each.token, each.epoch) for each in tombstones])


class _State(NamedTuple):
    token: int | None = None
    body: int | None = None
    version: bytes | None = None
    created_ms: int | None = None
    epoch: int | None = None


async def _lock_image(db: Session, image_id: str) -> _State:
    """Let nobody else write an image, be it there or not, to the transaction's end; return what there is of it."""
    await db.lock(f"image {image_id}")
    row = await db.one("SELECT token, body, version, created_ms, epoch FROM {image} WHERE id = $1 FOR UPDATE", image_id)
    return _State(*row) if row else _State()


def _bounds(after: str | None, before: str | None) -> tuple[str, str]:
    """Return bounds that part ids as these texts do, and are ASCII without NUL, as ids are and any database takes."""
    return _as_ascii(after or ""), _as_ascii(before or _LAST)


def _as_ascii(text: str) -> str:
    return "".join(min(max(character, _FIRST), _LAST) for character in text)
