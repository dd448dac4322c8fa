"""The tag check of a body before the cache keeps it."""

from contextlib import aclosing

from ..core.cipher import TagCheck, unwrap_key
from ..core.images import StoredImage
from ..errors import IntegrityError
from ..store.contract import ImageStream
from .rings import Rings, with_ring


async def begin_tag_check(rings: Rings, image: StoredImage) -> TagCheck | None:
    """Return the check of an image's body, or None if its key can't be unwrapped. Raises SecretError or StoreError."""
    meta = image.meta
    try:
        return await with_ring(
            rings, lambda ring: TagCheck(key=unwrap_key(ring, image.id, meta), iv=meta.iv, tag=meta.tag)
        )
    except IntegrityError:  # a client that has the key is served all the same
        return None


async def read_checked(stream: ImageStream, check: TagCheck) -> list[bytes]:
    """Return all chunks of a stream and close it. Raises IntegrityError if they fail the check, StoreError."""
    chunks = []
    async with aclosing(stream):
        async for chunk in stream:
            check.update(chunk)
            chunks.append(chunk)
    try:
        check.finish()
    except IntegrityError as error:
        raise IntegrityError(
            f"the store returned a body of image {stream.image.id} that fails its tag check, so it is not kept in "
            "memory: run `pixstore-asgi verify`, and restore the body from a backup",
            error.reason,
        ) from None
    return chunks
