"""Reads a whole image, or its variants, decrypted and verified."""

from contextlib import aclosing

import anyio.to_thread

from ..core.cipher import unseal, unwrap
from ..core.ids import range_of_variants
from ..core.images import ExportedImage, Image, Seal
from ..store.contract import ImageStore
from .rings import Rings, with_ring

_MOST_VARIANTS = 1000  # of one image


async def read_verified(store: ImageStore, rings: Rings, image_id: str) -> ExportedImage | None:
    """Return an image in its encrypted and its decrypted form, or None. Holds all of it in memory.

    Raises IntegrityError if the stored image was changed, StoreError if part of it is missing.
    """
    stream = await store.open_stream(image_id)
    if stream is None:
        return None
    async with aclosing(stream):
        ciphertext = b"".join([chunk async for chunk in stream])
    image, meta = stream.image, stream.image.meta
    unwrapped = await with_ring(rings, lambda ring: unwrap(ring, image.id, meta))
    name, data = await anyio.to_thread.run_sync(
        lambda: unseal(key=unwrapped.key, iv=meta.iv, tag=meta.tag, ciphertext=ciphertext)
    )
    seal = Seal(unwrapped.key, meta.iv, meta.tag, name)
    return ExportedImage(image.id, image.token, seal, ciphertext, Image(data, name), unwrapped.details)


async def read_variants(store: ImageStore, rings: Rings, image_id: str) -> list[ExportedImage]:
    """Return the variants of an image, as `read_verified` returns the image itself."""
    after, before = range_of_variants(image_id)
    variants = await store.list(after=after, before=before, limit=_MOST_VARIANTS)
    exported = [await read_verified(store, rings, variant.id) for variant in variants]
    return [variant for variant in exported if variant]
