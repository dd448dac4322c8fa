"""Blob: the bare ciphertext of one version of an image. Any cache may keep it, because reading it needs a key."""

import secrets
from typing import Self

from ..core.images import StoredImage
from ..errors import WireState
from ..store.contract import WHOLE_BYTES, ImageStream
from .cache import ImageCache
from .entries import CachedImage
from .payload import Payload


async def find_blob(images: ImageCache, image_id: str, version: bytes) -> "Blob | None":
    """Return the ciphertext of this version of an image. Return None if the version is not current or there is no
    image.

    It reads only the row: a client that does not know the version's id must not make us read or cache a body. Raises
    StoreError.
    """
    row = await images.get(image_id)
    return Blob(images, row) if row is not None and _is_current(row, version) else None


def _is_current(image: StoredImage, version: bytes) -> bool:
    # Only the version id protects the ciphertext, so compare in constant time.
    return secrets.compare_digest(image.meta.version, version)


class Blob:
    """One ciphertext of `size` bytes. Its body is not read before `part`."""

    def __init__(self, images: ImageCache, image: StoredImage) -> None:
        self.size = image.meta.size
        self._images = images
        self._image = image

    async def part(self, start: int, length: int) -> Payload | None:
        """Return the payload with `length` bytes from offset `start`. Return None if the image has another version now.

        A range of at most WHOLE_BYTES is read now, so that sending it uses no connection of the store. Raises
        StoreError.
        """
        version = self._image.meta.version
        if found := self._images.find_nowait(self._image.id):
            image, body = found
            if not _is_current(image, version):
                return None
            return Payload(WireState.SUCCESS, head=body[1 + start : 1 + start + length], size=length)
        # A range must not make us read the whole body for the cache.
        opened = await self._images.open(self._image.id, is_whole=length == self.size)
        if opened is None:
            return None
        in_memory = isinstance(opened, CachedImage)
        part = _Part(opened.read(with_state=False) if isinstance(opened, CachedImage) else opened, start, length)
        if _is_current(opened.image, version) and length > WHOLE_BYTES:
            return Payload(WireState.SUCCESS, head=b"", size=length, stream=part, in_memory=in_memory)
        try:
            if not _is_current(opened.image, version):
                return None
            return Payload(WireState.SUCCESS, head=b"".join([piece async for piece in part]), size=length)
        finally:
            await part.aclose()


class _Part:
    """A byte range of a stream. Chunks outside the range are not read."""

    def __init__(self, stream: ImageStream, start: int, length: int) -> None:
        self.image = stream.image
        self._stream = stream
        self._skipped = start - stream.skip(start)
        self._left = length

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._left:
            piece = await anext(self._stream)
            part = piece[self._skipped : self._skipped + self._left]
            self._skipped -= min(self._skipped, len(piece))
            self._left -= len(part)
            if part:
                return part
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await self._stream.aclose()
