"""Saves: new images and new versions written to the store, or not at all."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from ..core.ids import as_token, checked_directory, is_image_id, is_served_id, is_variant_id, original_of, variant_id
from ..core.images import Details, ExportedImage, StoredImage
from ..core.keyring import KeyRing
from ..errors import ImageNotFound, InputError, StoreConflict, StoreDamaged
from ..store.clock import wall_clock_ms
from ..store.contract import CommitTerms, Expect, Expected
from ..store.transactions import ImageWrites
from .limits import UploadLimits
from .sealing import Encryption
from .source import ImageData, read_pieces
from .treatment import NO_TREATMENT, Treatment
from .written import OnProgress, Written, commit_together, write_bytes, write_version

Opened = Callable[[], Awaitable[KeyRing]]
"""Opens the store where it is not open yet, and returns the key ring as it is then."""

Saved = tuple[KeyRing, Sequence[StoredImage]]
"""An image as it is stored, with its variants behind it, and the key ring that its keys are wrapped under."""

_MAX_AHEAD_MS = 24 * 60 * 60 * 1000  # of the clock: more than clocks and time zones differ by mistake


class Saves:
    """Writes the images of one Pixstore. formats: the names of the formats accepted. limits: of each upload. treatment:
    what is done to each image.

    opened: opens the store where it is not open yet, and returns the key ring as it is then.

    Every method that saves raises InvalidImage (ImageTooLarge, UploadTimeout), InputError or StoreError; then nothing
    has changed.
    """

    def __init__(
        self,
        store: ImageWrites,
        opened: Opened,
        formats: frozenset[str],
        limits: UploadLimits,
        treatment: Treatment = NO_TREATMENT,
    ) -> None:
        self._store = store
        self._opened = opened
        self._formats = formats
        self._limits = limits
        self._treatment = treatment

    def within(self, store: ImageWrites) -> "Saves":
        """Return what writes to this in place of the store: to its transaction that the application shares."""
        return Saves(store, self._opened, self._formats, self._limits, self._treatment)

    def override(self, *, strips: bool | None) -> "Saves":
        """Return these saves with `strips` overridden for one call. None overrides nothing."""
        treatment = self._treatment.override(strips=strips)
        return Saves(self._store, self._opened, self._formats, self._limits, treatment)

    async def create(self, image_id: str, data: ImageData, *, on_progress: OnProgress | None = None) -> Saved:
        """Save an image under an id that has none. Raises StoreConflict where it has."""
        await self._opened()
        return await self._write(image_id, data, CommitTerms(expect=Expect.ABSENT), on_progress=on_progress)

    async def update(
        self,
        image_id: str,
        data: ImageData,
        *,
        if_token: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Saved:
        """Save a new version of an image. Raises ImageNotFound, and StoreConflict where its token is not `if_token`."""
        await self._opened()
        expect = await version_to_replace(self._store, image_id, if_token)
        return await self._write(image_id, data, CommitTerms(expect=expect), on_progress=on_progress)

    async def take_over(
        self,
        image_id: str,
        data: ImageData,
        *,
        token: int,
        encryption: Encryption | None,
        if_token: int | None,
    ) -> Saved:
        """Save an image that has its id and token from elsewhere; if_token: over the version of this token.

        Of a variant, if_token is its original's, which has to be there. encryption: to the same bytes as there; raises
        IntegrityError where it is another image's.
        """
        if not is_served_id(image_id) or token is None or as_token(token) != token:
            raise InputError(f"{image_id!r:.80} with token {token!r:.40} can't be an image: see docs/wire-format.md")
        check_token_time(image_id, token)
        await self._opened()
        expect: Expected = Expect.ABSENT
        if is_variant_id(image_id):
            expect = (await _current(self._store, original_of(image_id), if_token)).meta.version
        elif if_token is not None:
            expect = await version_to_replace(self._store, image_id, if_token)
        return await self._write(image_id, data, CommitTerms(expect=expect, token=token), encryption=encryption)

    async def reseal(self, found: Sequence[ExportedImage], if_token: int | None) -> Saved:
        """Save an image that was read from the store, and its variants, under other keys, as they were marked.

        Their bytes stay what they are, but for the padding of those that have none yet.
        """
        original = found[0]
        if if_token not in (None, original.token):
            raise StoreConflict(
                f"image {original.id} has token {original.token}, not {if_token}: it was updated meanwhile"
            )
        expect = await version_to_replace(self._store, original.id, original.token)
        async with AsyncExitStack() as unless_committed:
            written = []
            for each in found:
                fresh = replace(Encryption.fresh(pad=self._treatment.pads), format=each.image.format)
                new = await write_bytes(unless_committed, self._store, each.id, each.image.data, fresh, each.details)
                written.append(new)
            return await self._commit(written, CommitTerms(expect=expect))

    async def _write(
        self,
        image_id: str,
        data: ImageData,
        terms: CommitTerms,
        *,
        encryption: Encryption | None = None,
        on_progress: OnProgress | None = None,
    ) -> Saved:
        treatment = self._treatment.keeping_bytes() if encryption else self._treatment
        encryption = encryption or Encryption.fresh(pad=treatment.pads)
        pieces = treatment.begin(read_pieces(data, self._limits))
        async with AsyncExitStack() as unless_committed:
            unless_committed.callback(pieces.release)
            original = await write_version(
                unless_committed, self._store, image_id, aiter(pieces), encryption, self._formats, on_progress
            )
            await self._opened()  # or, closed meanwhile, it would start a process to decode that nobody ends
            decoded = await pieces.decoded(original.format)
            if decoded is None:
                return await self._commit([original], terms)
            written = [replace(original, details=Details(decoded.width, decoded.height, decoded.placeholder))]
            variants = {} if is_variant_id(image_id) else decoded.variants
            for name, variant in variants.items():
                of_variant, details = variant_id(image_id, name), Details(variant.width, variant.height)
                fresh = Encryption.fresh(pad=treatment.pads)
                new = await write_bytes(unless_committed, self._store, of_variant, variant.data, fresh, details)
                written.append(new)
            return await self._commit(written, terms)

    async def _commit(self, written: Sequence[Written], terms: CommitTerms) -> Saved:
        # Now: in the course of a long upload the secrets may have been reloaded, and the old one retired.
        ring = await self._opened()
        try:
            return ring, await commit_together(ring, written, replace(terms, checks=ring.check_values))
        except StoreConflict:
            if terms.expect is Expect.PRESENT and terms.token is None:
                raise not_found(written[0].image_id) from None
            raise


async def version_to_replace(store: ImageWrites, image_id: str, if_token: int | None) -> Expected:
    """Return what a write to an image expects of it. Raises ImageNotFound, StoreConflict where it has another token."""
    try:
        image = await _current(store, image_id, if_token)
    except StoreDamaged:
        if if_token is None:
            return Expect.PRESENT  # what replaces a damaged row mends it
        raise
    return Expect.PRESENT if if_token is None else image.meta.version


async def _current(store: ImageWrites, image_id: str, if_token: int | None) -> StoredImage:
    image = await store.get(image_id) if is_image_id(image_id) else None
    if image is None:
        raise not_found(image_id)
    if if_token not in (None, image.token):
        raise StoreConflict(f"image {image_id} has token {image.token}, not {if_token}: it was updated meanwhile")
    return image


def new_id(directory: str | None) -> str:
    """Return a random image id, in a directory if there is one. Raises InputError for a directory that can't be."""
    name = secrets.token_urlsafe(16)
    return name if directory is None else f"{checked_directory(directory)}:{name}"


def check_token_time(image_id: str, token: int) -> None:
    """Raise InputError for a token from elsewhere that lies more than a day ahead of the clock."""
    # Tokens only rise, also across delete: one near the largest would leave its id no further version, ever.
    if token > wall_clock_ms() + _MAX_AHEAD_MS:
        raise InputError(
            f"the token {token} of image {image_id} is more than a day ahead of this machine's clock: "
            "tokens are epoch milliseconds; set the clock right, or import the image under an earlier token"
        )


def not_found(image_id: str) -> ImageNotFound:
    """Return the error for an image that is not there."""
    if is_variant_id(image_id):
        return ImageNotFound(f"{image_id} is a variant, which comes and goes with image {original_of(image_id)}")
    return ImageNotFound(f"there is no image {image_id!r}: it was deleted, or never saved here")
