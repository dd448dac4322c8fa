"""Reads images for the application: their records, their decrypted bytes and lists of them."""

from collections.abc import Iterable
from contextlib import aclosing

from ..core.cipher import unseal, unwrap
from ..core.ids import is_image_id, is_served_id, range_of_directory, range_of_variants, variant_id
from ..core.images import ExportedImage, Image, ImageInfo, Seal, Usage
from ..core.record import ImageRecord
from ..errors import InputError
from ..process import in_thread
from ..store.contract import ImageStore
from ..store.inspection import countable
from .proofs import Proofs, RecordTerms
from .rings import Rings, with_ring

_MOST_VARIANTS = 1000  # of one image


class Reading:
    """Reads the images of one store. Every method opens the store if needed, and raises SecretError or StoreError.

    Args:
        store: The store.
        rings: Gives access to the key ring of the store.
        proofs: Makes the records.
        variants: The names of the variants in a record.
    """

    def __init__(self, store: ImageStore, rings: Rings, proofs: Proofs, variants: Iterable[str]) -> None:
        self._store = store
        self._rings = rings
        self._proofs = proofs
        self._variants = tuple(variants)

    async def exists(self, image_id: str) -> bool:
        """Return whether there is an image or a variant with this id; any text."""
        await self._rings.opened()
        return is_served_id(image_id) and await self._rings.images.get(image_id) is not None

    async def record(self, image_id: str, terms: RecordTerms) -> ImageRecord | None:
        """Return a fresh record of an image, or None. Raises IntegrityError if a row was changed outside this
        package.
        """
        if self._variants:
            return (await self.records([image_id], terms)).get(image_id)
        await self._rings.opened()
        image = await self._rings.images.get(image_id) if is_image_id(image_id) else None
        return await with_ring(self._rings, lambda ring: self._proofs.record(ring, [image], terms)) if image else None

    async def records(self, image_ids: Iterable[str], terms: RecordTerms) -> dict[str, ImageRecord]:
        """Return fresh records of the images that exist, by id, in the order of the ids. Raises the error of
        `record`, and InputError if `image_ids` is one text.
        """
        if isinstance(image_ids, str):
            raise InputError("image_ids must be a list of ids, not one text; for one image call get_image_record")
        known = [image_id for image_id in image_ids if is_image_id(image_id)]
        if not known:  # a page without pictures needs no secret
            return {}
        await self._rings.opened()
        wanted = [*known, *(variant_id(image_id, name) for image_id in known for name in self._variants)]
        images = await self._rings.images.get_many(wanted)
        found = [images[image_id] for image_id in wanted if image_id in images]
        return await with_ring(self._rings, lambda ring: self._proofs.records(ring, found, terms))

    async def export(self, image_id: str) -> ExportedImage | None:
        """Read an image or variant completely into memory and check its tag. Return its encrypted and decrypted form,
        or None if it is missing.

        Raises IntegrityError if the stored image was changed, and StoreError if part of it is missing.
        """
        await self._rings.opened()
        return await self._export(image_id) if is_served_id(image_id) else None

    async def export_variants(self, image_id: str) -> list[ExportedImage]:
        """Return all variants of an image, each as `export` returns it."""
        await self._rings.opened()
        if not is_image_id(image_id):
            return []
        after, before = range_of_variants(image_id)
        variants = await self._store.list(after=after, before=before, limit=_MOST_VARIANTS)
        exported = [await self._export(variant.id) for variant in variants]
        return [variant for variant in exported if variant]

    async def list(self, *, directory: str | None, after: str | None, limit: int, variants: bool) -> "list[ImageInfo]":
        """List images in the order of their ids. Raises InputError if the limit or the directory is invalid."""
        if limit < 1:
            raise InputError(f"limit must be at least 1, not {limit}")
        start, end = range_of_directory(directory)
        await self._rings.opened()
        after = max(start, after or "")
        images = await self._store.list(after=after, before=end, limit=limit, originals_only=not variants)
        return [ImageInfo.of(image) for image in images]

    async def usage(self, directory: str | None) -> Usage:
        """Count images and bytes. Raises InputError if the directory is invalid, or if the store can't count."""
        after, before = range_of_directory(directory)
        await self._rings.opened()
        return await countable(self._store).usage(after=after, before=before)

    async def _export(self, image_id: str) -> ExportedImage | None:
        stream = await self._store.open_stream(image_id)
        if stream is None:
            return None
        async with aclosing(stream):
            ciphertext = b"".join([chunk async for chunk in stream])
        image, meta = stream.image, stream.image.meta
        unwrapped = await with_ring(self._rings, lambda ring: unwrap(ring, image.id, meta))
        name, data = await in_thread(lambda: unseal(key=unwrapped.key, iv=meta.iv, tag=meta.tag, ciphertext=ciphertext))
        seal = Seal(unwrapped.key, meta.iv, meta.tag, name)
        return ExportedImage(image.id, image.token, seal, ciphertext, Image(data, name), unwrapped.details)
