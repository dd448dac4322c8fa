"""The rules that all stores share: expected states, tokens, image groups, lengths of bodies, and the form of rows.

An image group is an original and its variants. A store only reads and writes rows; this module decides about them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.ids import MAX_TOKEN, SERVED_ID, directory_of, original_of
from ..core.images import (
    IV_BYTES,
    KEY_ID_BYTES,
    MAX_EPOCH,
    SHA256_BYTES,
    TAG_BYTES,
    VERSION_BYTES,
    WRAPPED_KEY_BYTES,
    DirectoryLimit,
    ImageMeta,
    Past,
    StoredImage,
    Usage,
)
from ..errors import DirectoryFull, ImageExists, SecretError, StoreConflict, StoreDamaged, StoreError
from .contract import CommitTerms, Expect, Expected, KeyChecks

Chunks = Sequence[bytes | bytearray]

_ROW_TYPES = (str, int, bytes, int, bytes, bytes, int, type(None), bytes, int, int)  # see image_of_row
_EARLIER_ROW_TYPES = (*_ROW_TYPES[:7], bytes, *_ROW_TYPES[8:])  # with a SHA-256


def check_expected(image_id: str, version: bytes | None, expect: Expected) -> None:
    """Raise StoreConflict if an image is not as expected, or ImageExists if it must be absent.

    version: its current one, or None if there is no image.
    """
    if expect is Expect.ABSENT and version is not None:
        raise ImageExists(f"there is already an image {image_id}: update it, or save under another id")
    if isinstance(expect, bytes):
        fits = version == expect
        wanted = "the version that was read before"
    else:
        fits = expect is Expect.ANY or (expect is Expect.PRESENT) == (version is not None)
        wanted = expect.value
    if not fits:
        found = "there is none" if version is None else "it has another version"
        raise StoreConflict(f"the write to image {image_id} expected {wanted}: {found}")


def next_token(image_id: str, now_ms: int, last: int | None, given: int | None) -> int:
    """Return the token of a new version: the clock, or the last token plus one if that is higher.

    given: a token to use instead, for a copied image. Raises StoreConflict if `given` is not above the last token or is
    too large, StoreError if the next token would be too large.
    """
    if given is not None:
        if not (last or 0) < given <= MAX_TOKEN:
            raise StoreConflict(f"the token of image {image_id} can only rise: {given} is not above {last or 0}")
        return given
    token = max(now_ms, 1) if last is None else max(now_ms, last + 1)
    if token > MAX_TOKEN:
        raise StoreError("the image's token would exceed 2**53 - 1: correct the system clock")
    return token


def checksum_of(image: StoredImage) -> int:
    """Return the sum of token, creation time and epoch, which no authentication tag covers.

    A store keeps the sum in the image's row, so that `verify` can find a damaged number. A revoke or delete changes the
    numbers and the sum by the same amount, so earlier damage still shows.
    """
    return image.token + image.created_ms + image.epoch


def next_past(now_ms: int, created_ms: int | None, epoch: int | None, given: Past | None) -> Past:
    """Return the creation time and epoch of an image that gets a new version.

    created_ms, epoch: the stored values, or None. given: the values to take if the image is copied from another store.
    The higher epoch wins, so revoked proofs stay revoked.
    """
    if given is not None:
        return Past(given.created_ms, max(given.epoch, epoch or 0))
    return Past(now_ms if created_ms is None else created_ms, epoch or 0)


def check_meta(image_id: str, meta: ImageMeta, *, version: bytes, size: int) -> None:
    """Raise StoreError unless `meta` has this version and size, and a wrapped key of full length."""
    if meta.version != version:
        raise StoreError(f"image {image_id} has another version in its meta than in its write")
    if meta.size != size:
        raise StoreError(f"image {image_id} has {meta.size} bytes in its meta and {size} in its body")
    if len(meta.wrapped_key) < WRAPPED_KEY_BYTES:
        raise StoreError(f"image {image_id} has a wrapped key of less than {WRAPPED_KEY_BYTES} bytes in its meta")


def check_room(directory: str, used: Usage, added: Usage, limit: DirectoryLimit) -> None:
    """Raise DirectoryFull if a write exceeds the limit of a directory.

    used: the usage before the write. added: the growth by the write; a negative one is always accepted.
    """
    if limit.images is not None and added.images > max(limit.images - used.images, 0):
        raise DirectoryFull(
            f"directory {directory} has {used.images:,} of at most {limit.images:,} images: delete images, or raise "
            "max_directory_images",
            directory,
            "images",
        )
    if limit.bytes is not None and added.bytes > max(limit.bytes - used.bytes, 0):
        raise DirectoryFull(
            f"directory {directory} has {used.bytes:,} of at most {limit.bytes:,} bytes, and the image needs "
            f"{added.bytes:,} more: delete images, or raise max_directory_bytes",
            directory,
            "bytes",
        )


def check_unneeded(check: bytes, images: int) -> None:
    """Raise StoreConflict if images need the secret of a check value. images: how many need it."""
    if images:
        raise StoreConflict(f"secret {check[:KEY_ID_BYTES].hex()} can't be retired: {images} images are under it")


def admit(
    checks: Sequence[bytes], known: KeyChecks, database_id: bytes, is_needed: Callable[[bytes], bool]
) -> frozenset[bytes]:
    """Check that this process may wrap keys in the store. Return the check values that the store must delete.

    checks: the check values of the process's key ring; the last one belongs to the secret that wraps new keys. known,
    database_id: the store's check values and id. is_needed: returns whether an image needs the secret of a check value.

    The returned check values are known to the store, missing in the ring, and needed by no image. The caller deletes
    them in the transaction that saves the image and its key. If several processes start on an empty store with
    different secrets, the first save makes its secret a needed one. The other processes then get SecretError.

    Raises SecretError in three cases: the ring belongs to another database id; its last secret was retired; images need
    a secret that the ring lacks.
    """
    if not checks[-1].endswith(database_id):
        raise SecretError("the store was given another id after this process had opened it: start the process again")
    if checks[-1] in known.retired:
        raise SecretError(
            f"secret {checks[-1][:KEY_ID_BYTES].hex()} was retired, and nothing is saved under it any more: start this "
            "process with the secrets that are in use"
        )
    absent = known.in_use - set(checks)
    check_ring(filter(is_needed, absent), checks)
    return absent


def check_ring(needed: Iterable[bytes], checks: Iterable[bytes]) -> None:
    """Raise SecretError if the ring lacks a secret that images need. Both arguments are check values."""
    if missing := _key_ids(needed):
        raise SecretError(
            f"the store was written with secret {missing}, but this process has {_key_ids(checks)} "
            f"(these are public key ids): "
            "set the secret of the store; after a rotation, list the old secret before the new one"
        )


def _key_ids(checks: Iterable[bytes]) -> str:
    return ", ".join(sorted(check[:KEY_ID_BYTES].hex() for check in checks))


def image_of_row(row: Sequence[Any]) -> StoredImage:
    """Return the image of a row. Its columns: id, token, the fields of ImageMeta in their order, created_ms, epoch.

    Raises StoreDamaged for a row that no store can have written.
    """
    image = StoredImage(row[0], row[1], ImageMeta(*row[2:-2]), row[-2], row[-1])
    # A schema's checks hold for rows that this package writes, not for a damaged or edited database.
    if tuple(map(type, row)) not in (_ROW_TYPES, _EARLIER_ROW_TYPES) or not _is_in_bounds(image):
        raise StoreDamaged(f"the stored row of image {image.id!r:.200} is damaged: restore the database from a backup")
    return image


def _is_in_bounds(image: StoredImage) -> bool:
    meta = image.meta
    lengths = (len(meta.version), len(meta.iv), len(meta.tag))
    return (
        SERVED_ID.fullmatch(image.id) is not None
        and lengths == (VERSION_BYTES, IV_BYTES, TAG_BYTES)
        and (meta.sha256 is None or len(meta.sha256) == SHA256_BYTES)
        and 0 < meta.format < 256
        and meta.size > 0
        and 1 <= image.token <= MAX_TOKEN
        and 0 <= image.epoch <= MAX_EPOCH
    )


class Row(NamedTuple):
    """The values of an image's row that a write depends on. A deleted image has None for the values that it lacks.

    token: the last token. body: the store's id of the current body. size: the length of that body.
    """

    token: int | None = None
    body: int | None = None
    version: bytes | None = None
    created_ms: int | None = None
    epoch: int | None = None
    size: int | None = None


NO_ROW = Row()
"""The row for an id that never had an image."""

Rows = Mapping[str, Row]
"""All rows of an image group by id, including those of deleted images."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """One written version, ready for its commit.

    body: the id of its pending body, or None if no part of the body is stored yet. first: how many chunks are stored
    already. chunks: the other chunks.
    """

    image_id: str
    meta: ImageMeta
    body: int | None = None
    first: int = 0
    chunks: Chunks = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class GroupCommit:
    """The versions that one commit makes current in one step: the version of an image, and those of its variants.

    terms: the terms for the first version. keeps_others: whether other variants of the image stay.
    """

    versions: Sequence[NewVersion]
    terms: CommitTerms
    keeps_others: bool
    now_ms: int

    @property
    def original_id(self) -> str:
        """The id of the group's original."""
        return original_of(self.versions[0].image_id)

    def images(self, rows: Rows) -> list[StoredImage]:
        """Return the images as the commit stores them. rows: the stored rows of their group.

        Raises StoreConflict or StoreError.
        """
        _check_numbers(rows)
        first, terms = self.versions[0].image_id, self.terms
        own, original = rows.get(first, NO_ROW), rows.get(self.original_id, NO_ROW)
        check_expected(self.original_id, original.version, terms.expect)
        token = next_token(first, self.now_ms, self._last_token(rows), terms.token)
        epoch = own.epoch if terms.past else max(own.epoch or 0, original.epoch or 0)
        past = next_past(self.now_ms, original.created_ms, epoch, terms.past)

        def stored(new: NewVersion) -> StoredImage:
            row = rows.get(new.image_id, NO_ROW)
            rising = next_token(new.image_id, token, row.token, None)
            epoch = max(past.epoch, row.epoch or 0)  # revoked proofs stay revoked
            return StoredImage(new.image_id, rising, new.meta, past.created_ms, epoch)

        return [stored(new) for new in self.versions]

    @property
    def limited_directory(self) -> str | None:
        """The directory whose usage the commit must check, or None."""
        return directory_of(self.original_id) if self.terms.limit else None

    def check_room(self, rows: Rows, used: Usage) -> None:
        """Raise DirectoryFull if the commit exceeds the limit of its directory. used: the usage before the commit."""
        directory, limit = self.limited_directory, self.terms.limit
        if directory is None or limit is None:
            return
        new = [version.image_id for version in self.versions]
        is_new_image = new[0] == self.original_id and rows.get(new[0], NO_ROW).body is None
        replaced = sum(rows.get(image_id, NO_ROW).size or 0 for image_id in [*new, *self.left_out(rows)])
        added = sum(version.meta.size for version in self.versions) - replaced
        check_room(directory, used, Usage(int(is_new_image), added), limit)

    def _last_token(self, rows: Rows) -> int | None:
        """Return the token that the first version's token must exceed, or None if there is none."""
        first = self.versions[0].image_id
        own = rows.get(first, NO_ROW).token
        if self.terms.token is not None:
            return own
        if first != self.original_id:
            of_original = rows.get(self.original_id, NO_ROW).token or 1
            return max(own or 0, of_original - 1)  # a token below its original's marks a variant of an earlier version
        return max((row.token or 0 for row in rows.values()), default=None)

    def left_out(self, rows: Rows) -> list[str]:
        """Return the ids of the existing variants that this commit deletes."""
        if self.keeps_others:
            return []
        new = {version.image_id for version in self.versions}
        return [image_id for image_id in reached(self.versions[0].image_id, rows) if image_id not in new]


def _check_numbers(rows: Rows) -> None:
    # A new version replaces other damaged values, but its own numbers are computed from these.
    for image_id, row in rows.items():
        if not all(isinstance(number, int | None) for number in (row.token, row.created_ms, row.epoch)):
            raise StoreDamaged(
                f"the stored row of image {image_id!r:.200} is damaged: delete the image and save it under another id, "
                "or restore the database from a backup"
            )


def reached(image_id: str, rows: Rows) -> list[str]:
    """Return the ids that a delete or revoke of this id affects: an original's whole group, or only the variant."""
    return [each for each, row in rows.items() if row.body is not None and image_id in (each, original_of(each))]


def bodies_of(image_ids: Sequence[str], rows: Rows) -> list[int]:
    """Return the ids of the current bodies of these images."""
    bodies = (rows.get(image_id, NO_ROW).body for image_id in image_ids)
    return [body for body in bodies if body is not None]
