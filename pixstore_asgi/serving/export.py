"""Reading one whole image out of a store, decrypted and verified."""

from contextlib import aclosing

import anyio.to_thread

from ..core.cipher import unseal, unwrap
from ..core.hidden import hide
from ..core.images import ExportedImage, Image, Seal
from ..store.contract import ImageStore
from .rings import Rings, with_ring


async def read_verified(store: ImageStore, rings: Rings, image_id: str) -> ExportedImage | None:
    """Return an image as it is encrypted and as it is decrypted, or None. All of it is in memory.

    Raises IntegrityError where what is stored was changed, StoreError where part of it is missing.
    """
    stream = await store.open_stream(image_id)
    if stream is None:
        return None
    async with aclosing(stream):
        ciphertext = b"".join([chunk async for chunk in stream])
    image, meta = stream.image, stream.image.meta
    unwrapped = hide(await with_ring(rings, lambda ring: unwrap(ring, image.id, meta)))
    name, data = await anyio.to_thread.run_sync(
        lambda: unseal(key=unwrapped().key, iv=meta.iv, tag=meta.tag, ciphertext=ciphertext)
    )
    seal = Seal(unwrapped().key, meta.iv, meta.tag, name)
    return ExportedImage(image.id, image.token, seal, ciphertext, Image(data, name), unwrapped().details)
