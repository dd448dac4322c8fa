"""Saves: new images and new versions written to the store, or not at all."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..core.cipher import wrap_key
from ..core.formats.names import FORMAT_BYTES
from ..core.ids import as_token, checked_directory, is_image_id
from ..core.images import VERSION_BYTES, ExportedImage, StoredImage
from ..core.keyring import KeyRing
from ..errors import ImageNotFound, InputError, StoreConflict
from ..store.clock import wall_clock_ms
from ..store.contract import CommitTerms, Expect, Expected
from ..store.transactions import ImageWrites
from .limits import UploadLimits
from .sealing import Encryption, begin_sealing
from .source import ImageData, read_pieces

Opened = Callable[[], Awaitable[KeyRing]]
"""Opens the store where it is not open yet, and returns the key ring as it is then."""

OnProgress = Callable[[int], None]
"""Called with the number of an image's bytes taken so far."""

_MAX_AHEAD_MS = 24 * 60 * 60 * 1000  # of the clock: more than clocks and time zones differ by mistake


class Saves:
    """Writes the images of one Pixstore. formats: the names of the formats accepted. limits: of each upload.

    opened: opens the store where it is not open yet, and returns the key ring as it is then. pad: whether images that
    bring no seal are padded, see core/padding.py.

    Every method returns the image as it is stored then, and raises InvalidImage (ImageTooLarge, UploadTimeout),
    InputError or StoreError; then nothing has changed.
    """

    def __init__(
        self,
        store: ImageWrites,
        opened: Opened,
        formats: frozenset[str],
        limits: UploadLimits,
        *,
        pad: bool = False,
    ) -> None:
        self._store = store
        self._opened = opened
        self._formats = formats
        self._limits = limits
        self._pad = pad

    def within(self, store: ImageWrites) -> "Saves":
        """Return what writes to this in place of the store: to its transaction that the application shares."""
        return Saves(store, self._opened, self._formats, self._limits, pad=self._pad)

    async def create(self, image_id: str, data: ImageData, *, on_progress: OnProgress | None = None) -> StoredImage:
        """Save an image under an id that has none. Raises StoreConflict where it has."""
        await self._opened()
        return await self._write(image_id, data, Expect.ABSENT, on_progress=on_progress)

    async def update(
        self,
        image_id: str,
        data: ImageData,
        *,
        if_token: int | None = None,
        on_progress: OnProgress | None = None,
    ) -> StoredImage:
        """Save a new version of an image. Raises ImageNotFound, and StoreConflict where its token is not `if_token`."""
        await self._opened()
        expect = await version_to_replace(self._store, image_id, if_token)
        return await self._write(image_id, data, expect, on_progress=on_progress)

    async def take_over(
        self,
        image_id: str,
        data: ImageData,
        *,
        token: int,
        encryption: Encryption | None,
        if_token: int | None,
    ) -> StoredImage:
        """Save an image that has its id and token from elsewhere; if_token: over the version of this token.

        encryption: to the same bytes as there; raises IntegrityError where it is another image's.
        """
        if not is_image_id(image_id) or token is None or as_token(token) != token:
            raise InputError(f"{image_id!r:.80} with token {token!r:.40} can't be an image: see docs/wire-format.md")
        check_token_time(image_id, token)
        await self._opened()
        expect = Expect.ABSENT if if_token is None else await version_to_replace(self._store, image_id, if_token)
        return await self._write(image_id, data, expect, token=token, encryption=encryption)

    async def reseal(self, image_id: str, found: ExportedImage | None, if_token: int | None) -> StoredImage:
        """Save an image that was read from the store again, as it was marked, under another key.

        Its bytes stay what they are, but for the padding of one that has none yet.
        """
        if found is None:
            raise not_found(image_id)
        if if_token not in (None, found.token):
            raise StoreConflict(f"image {image_id} has token {found.token}, not {if_token}: it was updated meanwhile")
        expect = await version_to_replace(self._store, image_id, found.token)
        # What is there is saved again, whatever is accepted from users now.
        anything = Saves(self._store, self._opened, frozenset(FORMAT_BYTES), UploadLimits(len(found.image.data)))
        fresh = replace(Encryption.fresh(pad=self._pad), format=found.image.format)
        return await anything._write(image_id, found.image.data, expect, encryption=fresh)

    async def _write(
        self,
        image_id: str,
        data: ImageData,
        expect: Expected,
        *,
        token: int | None = None,
        encryption: Encryption | None = None,
        on_progress: OnProgress | None = None,
    ) -> StoredImage:
        encryption = encryption or Encryption.fresh(pad=self._pad)
        sealing = await begin_sealing(read_pieces(data, self._limits), self._formats, encryption)
        version = secrets.token_bytes(VERSION_BYTES)
        async with await self._store.begin_write(image_id, version) as writer:
            async for ciphertext in sealing:
                await writer.write(ciphertext)
                if on_progress:
                    on_progress(sealing.taken)
            # Now: in the course of a long upload the secrets may have been reloaded, and the old one retired.
            ring = await self._opened()
            meta = wrap_key(ring, encryption.key(), image_id, sealing.meta(version))
            try:
                image, *_ = await writer.commit(meta, CommitTerms(ring.check_values, expect, token))
            except StoreConflict:
                if expect is Expect.PRESENT:
                    raise not_found(image_id) from None
                raise
        return image


async def version_to_replace(store: ImageWrites, image_id: str, if_token: int | None) -> Expected:
    """Return what a write to an image expects of it. Raises ImageNotFound, StoreConflict where it has another token."""
    image = await store.get(image_id) if is_image_id(image_id) else None
    if image is None:
        raise not_found(image_id)
    if if_token not in (None, image.token):
        raise StoreConflict(f"image {image_id} has token {image.token}, not {if_token}: it was updated meanwhile")
    return Expect.PRESENT if if_token is None else image.meta.version


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
    return ImageNotFound(f"there is no image {image_id!r}: it was deleted, or never saved here")
