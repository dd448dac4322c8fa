"""Backfill: what images lack that were saved before their variants or placeholder were asked for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import NamedTuple

from ..core.cipher import add_details, unwrap
from ..core.ids import is_image_id, variant_id, variant_name
from ..core.images import Details, ExportedImage, RewrappedKey, StoredImage
from ..core.keyring import KeyRing
from ..decoding.decoder import Decoder
from ..decoding.variants import Decoded, EncodedVariant
from ..errors import ConfigError, IntegrityError, InvalidImage, StoreConflict
from ..store.contract import CommitTerms, ImageStore
from .save import Opened, not_found
from .sealing import Encryption
from .treatment import Treatment
from .written import commit_together, write_bytes

Read = Callable[[str], Awaitable[ExportedImage | None]]
"""Returns an image or a variant, verified, or None."""


class _Lack(NamedTuple):
    """What an image lacks. variants: ids of those to be made. original: whether its own details are. others: variants
    whose details are, since they came from elsewhere."""

    variants: Sequence[str]
    original: bool
    others: Sequence[StoredImage]


class Backfill:
    """Makes what images lack of the variants, widths, heights and placeholders that are made of new ones.

    opened: opens the store where it is not open yet, and returns the key ring. treatment: that of new images.
    """

    def __init__(self, store: ImageStore, opened: Opened, read: Read, treatment: Treatment) -> None:
        self._store = store
        self._opened = opened
        self._read = read
        self._treatment = treatment

    @property
    def decoder(self) -> Decoder:
        """By which pictures are decoded. Raises ConfigError where none are."""
        if self._treatment.decoder is None:
            raise ConfigError("nothing is made of images here: give Pixstore variants, placeholder or check_pixels")
        return self._treatment.decoder

    async def complete(self, image_id: str, *, again: bool = False, is_dry: bool = False) -> bool:
        """Make what an original lacks, and tell whether it lacked anything. All of it is in memory meanwhile.

        again: all of its variants anew, with higher tokens. is_dry: do all but write. The original's bytes, token and
        version stay as they are. What was made before an error stays. Raises ImageNotFound, StoreConflict where it was
        updated meanwhile, InvalidImage for what does not decode, StoreDamaged for what is not all there,
        IntegrityError for what was changed in the store.
        """
        ring = await self._opened()
        images = await self._store.get_many([image_id, *self._ids_of_variants(image_id)])
        original = images.get(image_id) if is_image_id(image_id) else None
        if original is None:
            raise not_found(image_id)
        lack = self._lack(ring, images, original, again=again)
        if lack.variants or lack.original:
            decoded = await self._decoded(original)
            if not is_dry:
                for each in lack.variants:
                    await self._add(original, each, decoded.variants[variant_name(each)])
                if lack.original:
                    await self._describe(original, decoded)
        for variant in lack.others:
            decoded = await self._decoded_variant(variant)
            if not is_dry:
                await self._describe(variant, decoded)
        return any(lack)

    def _ids_of_variants(self, image_id: str) -> list[str]:
        return [variant_id(image_id, variant.name) for variant in self.decoder.task.variants]

    def _lack(self, ring: KeyRing, images: Mapping[str, StoredImage], original: StoredImage, *, again: bool) -> _Lack:
        details = unwrap(ring, original.id, original.meta).details
        is_bare = details is None or (self.decoder.task.placeholder and details.placeholder is None)
        wanted = self._ids_of_variants(original.id)
        missing = [each for each in wanted if again or each not in images]
        others = [images[each] for each in wanted if each not in missing]
        bare = [each for each in others if unwrap(ring, each.id, each.meta).details is None]
        return _Lack(missing, is_bare, bare)

    async def _decoded(self, image: StoredImage) -> Decoded:
        found = await self._read(image.id)
        if found is None or found.token != image.token:
            raise _changed(image.id)
        return await self.decoder.decode([found.image.data], found.image.format)

    async def _decoded_variant(self, image: StoredImage) -> Decoded:
        """Decode a variant that came from elsewhere: nobody knows which box it was made for."""
        try:
            return replace(await self._decoded(image), placeholder=None)
        except InvalidImage as error:
            raise InvalidImage(f"its variant {variant_name(image.id)} is no picture: {error}") from error
        except IntegrityError as error:
            raise IntegrityError(f"its variant {variant_name(image.id)}: {error}", error.reason) from error

    async def _add(self, original: StoredImage, image_id: str, variant: EncodedVariant) -> None:
        fresh = Encryption.fresh(pad=self._treatment.pads)
        details = Details(variant.width, variant.height)
        async with AsyncExitStack() as unless_committed:
            written = await write_bytes(unless_committed, self._store, image_id, variant.data, fresh, details)
            ring = await self._opened()
            # A variant of a version that is over must never stand beside the next one.
            await commit_together(ring, [written], CommitTerms(ring.check_values, expect=original.meta.version))

    async def _describe(self, image: StoredImage, seen: Decoded) -> None:
        ring = await self._opened()
        known = unwrap(ring, image.id, image.meta).details
        placeholder = seen.placeholder or (known.placeholder if known else None)
        meta = add_details(ring, image.id, image.meta, Details(seen.width, seen.height, placeholder))
        wrapped = RewrappedKey(image.id, meta.version, meta.wrapped_key, was=image.meta.wrapped_key)
        if not await self._store.replace_wrapped_keys([wrapped], checks=ring.check_values):
            raise _changed(image.id)


def _changed(image_id: str) -> StoreConflict:
    return StoreConflict(f"image {image_id} was updated meanwhile")
