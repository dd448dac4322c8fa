"""Saves images: writes a new image or version to the store completely, or changes nothing. Also revokes proofs."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from ..core.ids import (
    as_token,
    checked_directory,
    directory_of,
    is_image_id,
    is_served_id,
    is_variant_id,
    original_of,
    range_of_directory,
    variant_id,
)
from ..core.images import Details, ExportedImage, StoredImage
from ..core.keyring import KeyRing
from ..decoding.holding import Held
from ..errors import ImageNotFound, InputError, StoreConflict, StoreDamaged
from ..process import Clock
from ..store.contract import CommitTerms, Expect, Expected, ImageStore
from ..store.inspection import ImageWrites
from ..store.rules import check_expected
from .options import SaveOptions
from .room import Room
from .sealing import Encryption, Written, commit_together, write_bytes, write_version
from .source import ImageData, Piece, holding, read_pieces, stripped

Opened = Callable[[], Awaitable[KeyRing]]
"""Opens the store if it is not open yet, and returns the current key ring."""

Saved = tuple[KeyRing, Sequence[StoredImage]]
"""The key ring that wrapped the keys, and the rows of the stored image and its variants."""

_MAX_AHEAD_MS = 24 * 60 * 60 * 1000  # how far a token may be ahead of the clock: more than a wrong clock or time zone


@dataclass(frozen=True, slots=True, repr=False)
class Saves:
    """Writes images to one store.

    Every method that saves raises these errors. The store is unchanged after each of them, with one exception.

    - InvalidImage (ImageTooLarge, UploadTimeout) and InputError: the upload is not accepted. Not `reseal`, which reads
      no upload.
    - StoreError, StoreConflict included. The exception is ConnectionLost, a StoreBusy of PostgreSQL: the operation may
      or may not have been committed.
    - SecretError: `opened` found no valid key ring, or the store refuses the ring.
    - DirectoryFull, a StoreError: with a limit, unless the image fits into its directory. Not `reseal`.
    - ImageExists, a StoreConflict: `create`, and `take_over` without `if_token`.
    - ImageNotFound: `update`, `reseal`, and `take_over` with `if_token` or for a variant.
    - IntegrityError: `take_over`, if the bytes do not belong to `encryption`.

    Args:
        store: The store, or the store within a transaction of the application.
        opened: Opens the store if it is not open yet, and returns the current key ring.
        options: How to save.
        clock_ms: Returns epoch milliseconds.
    """

    store: ImageWrites
    opened: Opened
    options: SaveOptions
    clock_ms: Clock

    def within(self, store: ImageWrites) -> "Saves":
        """Return a Saves that writes in this transaction of the application."""
        return replace(self, store=store)

    def override(self, **given: Any) -> "Saves":
        """Return a Saves with some options replaced, for one call. None keeps an option."""
        changed = {name: value for name, value in given.items() if value is not None}
        return replace(self, options=replace(self.options, **changed)) if changed else self

    async def create(self, image_id: str, data: ImageData, *, is_random: bool = True) -> Saved:
        """Save an image under a new id. Raises ImageExists if there is already an image with this id.

        is_random: whether the id can't be in use. If it may be, the store is asked before the upload is read.
        """
        await self.opened()
        if not is_random:
            image = await self.store.get(image_id)
            check_expected(image_id, image.meta.version if image else None, Expect.ABSENT)
        return await self._write(image_id, data, CommitTerms(expect=Expect.ABSENT))

    async def update(self, image_id: str, data: ImageData, *, if_token: int | None = None) -> Saved:
        """Save a new version of an image. Raises ImageNotFound, or StoreConflict if the image's token is not
        `if_token`.
        """
        await self.opened()
        expect = await version_to_replace(self.store, image_id, if_token)
        return await self._write(image_id, data, CommitTerms(expect=expect))

    async def take_over(
        self,
        image_id: str,
        data: ImageData,
        *,
        token: int,
        encryption: Encryption | None,
        if_token: int | None,
    ) -> Saved:
        """Save an image that keeps its id and token from another store.

        if_token: replace the version with this token; for a variant, its original must have this token. encryption: how
        the other store encrypted the image. Raises IntegrityError if `data` gives another tag than `encryption` has.
        """
        if not is_served_id(image_id) or token is None or as_token(token) != token:
            raise InputError(
                f"{image_id!r:.80} with token {token!r:.40} is not a valid id and token of an image: "
                f"see docs/wire-format.md"
            )
        check_token_time(image_id, token, self.clock_ms())
        await self.opened()
        expect: Expected = Expect.ABSENT
        if is_variant_id(image_id):
            expect = (await _current(self.store, original_of(image_id), if_token)).meta.version
        elif if_token is not None:
            expect = await version_to_replace(self.store, image_id, if_token)
        return await self._write(image_id, data, CommitTerms(expect=expect, token=token), encryption=encryption)

    async def reseal(self, found: Sequence[ExportedImage], if_token: int | None) -> Saved:
        """Encrypt an image and its variants again, under new keys, and save them as new versions. Their details stay.

        found: the image, then its variants, as read from the store. Their bytes stay the same, but the option `pad`
        pads images that were saved without padding.
        """
        original = found[0]
        _check_token(original.id, original.token, if_token)
        expect = await version_to_replace(self.store, original.id, original.token)
        async with AsyncExitStack() as unless_committed:
            written = []
            for each in found:
                fresh = replace(Encryption.fresh(pad=self.options.pad), format=each.image.format)
                new = await write_bytes(unless_committed, self.store, each.id, each.image.data, fresh, each.details)
                written.append(new)
            return await self._commit(written, CommitTerms(expect=expect))

    async def _write(
        self, image_id: str, data: ImageData, terms: CommitTerms, *, encryption: Encryption | None = None
    ) -> Saved:
        # An image from another store keeps its bytes.
        options = replace(self.options, strip_metadata=False, pad=False) if encryption else self.options
        encryption = encryption or Encryption.fresh(pad=options.pad)
        terms = replace(terms, limit=options.limit)
        room = None
        if options.limit:
            is_new = terms.expect is Expect.ABSENT
            room = await Room.left(self.store, image_id, options.limit, is_new=is_new)
        if room:
            room.check(data, is_unchanged=not options.strip_metadata)
        held = options.decoder.budget.hold() if options.decoder else None
        pieces = _arriving(data, options, held, room)
        async with AsyncExitStack() as unless_committed:
            if held:
                unless_committed.callback(held.release)
            original = await write_version(
                unless_committed, self.store, image_id, pieces, encryption, options.formats, options.on_progress
            )
            await self.opened()  # after a close, the decoder would start a process that nothing ends
            if options.decoder is None or held is None:
                return await self._commit([original], terms)
            try:
                decoded = await options.decoder.decode(held.whole(), original.format, options.focus)
            finally:
                held.release()
            written = [replace(original, details=Details(decoded.width, decoded.height, decoded.placeholder))]
            variants = {} if is_variant_id(image_id) else decoded.variants
            for name, variant in variants.items():
                of_variant, details = variant_id(image_id, name), Details(variant.width, variant.height)
                fresh = Encryption.fresh(pad=options.pad)
                new = await write_bytes(unless_committed, self.store, of_variant, variant.data, fresh, details)
                written.append(new)
            return await self._commit(written, terms)

    async def _commit(self, written: Sequence[Written], terms: CommitTerms) -> Saved:
        # Ask for the ring only now: during a long upload, secrets may be reloaded and an old secret retired.
        ring = await self.opened()
        try:
            return ring, await commit_together(ring, written, replace(terms, checks=ring.check_values))
        except StoreConflict:
            if terms.expect is Expect.PRESENT and terms.token is None:
                raise not_found(written[0].image_id) from None
            raise


def _arriving(data: ImageData, options: SaveOptions, held: Held | None, room: Room | None) -> AsyncIterator[Piece]:
    """Return the pieces of an image as they are stored. held: keeps them for the decoder, as they arrive."""
    pieces: AsyncIterator[Piece] = read_pieces(data, options.limits)
    if held:  # decode the original bytes, not the stripped ones: stripping could hide damage
        pieces = holding(pieces, held)
    if options.strip_metadata:
        pieces = stripped(pieces)
    return room.fitting(pieces) if room else pieces


async def revoke(store: ImageStore, image_id: str | None, directory: str | None, if_token: int | None) -> int:
    """Raise the epoch of one image, or of all images in a directory. Proofs with an older epoch are then invalid.

    Returns the number of images. Raises ImageNotFound, StoreConflict if the image's token is not `if_token`, and
    InputError unless exactly one of image and directory is given.
    """
    if (image_id is None) == (directory is None) or (if_token is not None and image_id is None):
        raise InputError("revoke needs the id of one image, with or without if_token, or a directory")
    if image_id is None:
        after, before = range_of_directory(directory)
        return await store.raise_epochs(after=after, before=before)
    expect = await version_to_replace(store, image_id, if_token)
    try:
        return int(await store.raise_epoch(image_id, expect=expect))
    except StoreConflict:
        if expect is Expect.PRESENT:
            raise not_found(image_id) from None
        raise


async def version_to_replace(store: ImageWrites, image_id: str, if_token: int | None) -> Expected:
    """Return the state of the image that a write must expect: with `if_token` its current version, else PRESENT.

    Raises ImageNotFound, and StoreConflict if the image's token is not `if_token`.
    """
    try:
        image = await _current(store, image_id, if_token)
    except StoreDamaged:
        if if_token is None:
            return Expect.PRESENT  # the row is damaged, but a new version repairs it
        raise
    return Expect.PRESENT if if_token is None else image.meta.version


async def _current(store: ImageWrites, image_id: str, if_token: int | None) -> StoredImage:
    image = await store.get(image_id) if is_image_id(image_id) else None
    if image is None:
        raise not_found(image_id)
    _check_token(image_id, image.token, if_token)
    return image


def _check_token(image_id: str, token: int, if_token: int | None) -> None:
    if if_token not in (None, token):
        raise StoreConflict(f"image {image_id} has token {token}, not {if_token}: it was updated meanwhile")


def new_id(directory: str | None) -> str:
    """Return a random id for an image, in this directory if one is given. Raises InputError for an invalid
    directory.
    """
    name = secrets.token_urlsafe(16)
    return name if directory is None else f"{checked_directory(directory)}:{name}"


def checked_id(image_id: object, directory: str | None) -> str:
    """Return the id that an application gave for a new image. Raises InputError unless it is the id of an image, in
    this directory if one is given.
    """
    if not isinstance(image_id, str) or not is_image_id(image_id):
        raise InputError(
            "image_id must be the text of 1 to 64 ASCII letters, digits, `_` or `-`, or a directory, a colon and 1 to "
            f"128 of them, not {image_id!r:.80}"
        )
    if directory is not None and directory_of(image_id) != checked_directory(directory):
        raise InputError(f"image_id {image_id} is not in directory {directory}: its id begins with `{directory}:`")
    return image_id


def check_token_time(image_id: str, token: int, now_ms: int) -> None:
    """Raise InputError if a given token is more than a day ahead of the clock."""
    # Tokens only rise, even after a delete. After a token near the largest one, the id could get no further versions.
    if token > now_ms + _MAX_AHEAD_MS:
        raise InputError(
            f"the token {token} of image {image_id} is more than a day ahead of this machine's clock: "
            "tokens are epoch milliseconds; set the clock right, or import the image under an earlier token"
        )


def not_found(image_id: str) -> ImageNotFound:
    """Return the error for an image that does not exist."""
    if is_variant_id(image_id):
        return ImageNotFound(
            f"{image_id} is a variant, which is saved and deleted with its original: name image {original_of(image_id)}"
        )
    return ImageNotFound(f"there is no image {image_id!r}: it was deleted, or never saved here")
