"""Backfill: adds variants, dimensions and placeholders to images that were saved without them."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from ..core.cipher import add_details, unwrap
from ..core.ids import is_image_id, variant_id, variant_name
from ..core.images import Details, ExportedImage, RewrappedKey, StoredImage
from ..core.keyring import KeyRing
from ..decoding.decoder import Decoder
from ..decoding.task import Decoded, EncodedVariant
from ..errors import ConfigError, IntegrityError, InvalidImage, StoreConflict
from ..store.contract import CommitTerms, ImageStore
from .options import SaveOptions
from .save import Opened, not_found
from .sealing import Encryption, commit_together, write_bytes

Read = Callable[[str], Awaitable[ExportedImage | None]]
"""Returns the verified image or variant with this id, or None."""


class Backfill:
    """Adds missing variants, dimensions and placeholders to images of a store.

    Args:
        store: The store.
        opened: Opens the store if it is not open yet, and returns the current key ring.
        read: Reads one image.
        options: The options of new images. Older images get the same parts.
    """

    def __init__(self, store: ImageStore, opened: Opened, read: Read, options: SaveOptions) -> None:
        self._store = store
        self._opened = opened
        self._read = read
        self._options = options

    @property
    def decoder(self) -> Decoder:
        """The decoder of the options. Raises ConfigError if the options do not decode images."""
        if self._options.decoder is None:
            raise ConfigError("this Pixstore decodes no images: give it variants, placeholder or check_pixels")
        return self._options.decoder

    async def complete(self, image_id: str, *, again: bool = False, is_dry: bool = False) -> bool:
        """Add the missing parts of one original. Return whether there were any to add. The image is held in memory.

        The bytes, token and version of the original stay the same. If an error occurs, the parts added before it stay.

        Args:
            image_id: The id of the original.
            again: Make all of its variants again, with higher tokens.
            is_dry: Do everything except writing.

        Raises:
            ImageNotFound: There is no such image.
            StoreConflict: The image was updated meanwhile.
            InvalidImage: The image does not decode.
            StoreDamaged: Part of the image is missing in the store.
            IntegrityError: The image was changed in the store.
        """
        ring = await self._opened()
        wanted = [variant_id(image_id, variant.name) for variant in self.decoder.task.variants]
        images = await self._store.get_many([image_id, *wanted])
        original = images.get(image_id) if is_image_id(image_id) else None
        if original is None:
            raise not_found(image_id)
        absent = [each for each in wanted if again or each not in images]
        is_bare = self._is_bare(ring, original)
        # A variant without details was copied from another store.
        bare = [images[each] for each in wanted if each not in absent and not _details(ring, images[each])]
        if absent or is_bare:
            decoded = await self._decoded(original)
            if not is_dry:
                for each in absent:
                    await self._add(original, each, decoded.variants[variant_name(each)])
                if is_bare:
                    await self._describe(original, decoded)
        for variant in bare:
            decoded = await self._decoded_variant(variant)
            if not is_dry:
                await self._describe(variant, decoded)
        return bool(absent or is_bare or bare)

    def _is_bare(self, ring: KeyRing, original: StoredImage) -> bool:
        details = _details(ring, original)
        return details is None or (self.decoder.task.placeholder and details.placeholder is None)

    async def _decoded(self, image: StoredImage) -> Decoded:
        found = await self._read(image.id)
        if found is None or found.token != image.token:
            raise _changed(image.id)
        return await self.decoder.decode([found.image.data], found.image.format)

    async def _decoded_variant(self, image: StoredImage) -> Decoded:
        """Decode an existing variant that was copied from another store, to find its dimensions."""
        try:
            return replace(await self._decoded(image), placeholder=None)
        except InvalidImage as error:
            raise InvalidImage(f"its variant {variant_name(image.id)} is no picture: {error}") from error
        except IntegrityError as error:
            raise IntegrityError(f"its variant {variant_name(image.id)}: {error}", error.reason) from error

    async def _add(self, original: StoredImage, image_id: str, variant: EncodedVariant) -> None:
        fresh = Encryption.fresh(pad=self._options.pad)
        details = Details(variant.width, variant.height)
        async with AsyncExitStack() as unless_committed:
            written = await write_bytes(unless_committed, self._store, image_id, variant.data, fresh, details)
            ring = await self._opened()
            # This raises if the original was replaced meanwhile: an old variant must not appear beside the new version.
            await commit_together(ring, [written], CommitTerms(ring.check_values, expect=original.meta.version))

    async def _describe(self, image: StoredImage, seen: Decoded) -> None:
        ring = await self._opened()
        known = _details(ring, image)
        placeholder = seen.placeholder or (known.placeholder if known else None)
        meta = add_details(ring, image.id, image.meta, Details(seen.width, seen.height, placeholder))
        wrapped = RewrappedKey(image.id, meta.version, meta.wrapped_key, was=image.meta.wrapped_key)
        if not await self._store.replace_wrapped_keys([wrapped], checks=ring.check_values):
            raise _changed(image.id)


def _changed(image_id: str) -> StoreConflict:
    return StoreConflict(f"image {image_id} was updated meanwhile")


def _details(ring: KeyRing, image: StoredImage) -> Details | None:
    return unwrap(ring, image.id, image.meta).details
