"""Blob: the bare ciphertext of one version of an image. Any cache may keep it, because reading it needs a key."""

import secrets
from typing import Self

from ..core.images import StoredImage
from ..errors import WireState
from ..store.contract import WHOLE_BYTES, ImageStream
from .cache import ImageCache
from .entries import CachedImage
from .payload import Payload


async def open_blob(images: ImageCache, image_id: str, version: bytes) -> "Blob | None":
    """Return the ciphertext of this version of an image. Return None if the version is not current or there is no
    image.

    Raises StoreError.
    """
    # Read only the row first: a client that does not know the version's id must not make us read or cache a body.
    row = await images.get(image_id)
    if row is None or not _is_current(row, version):
        return None
    if found := images.find_nowait(image_id):
        image, body = found
        return Blob(image, whole=body[1:]) if _is_current(image, version) else None
    opened = await images.open(image_id)
    if opened is None or not _is_current(opened.image, version):
        if opened is not None and not isinstance(opened, CachedImage):
            await opened.aclose()
        return None
    if isinstance(opened, CachedImage):
        return Blob(opened.image, stream=opened.read(with_state=False))
    return Blob(opened.image, stream=opened, in_memory=False)


def _is_current(image: StoredImage, version: bytes) -> bool:
    # Only the version id protects the ciphertext, so compare in constant time.
    return secrets.compare_digest(image.meta.version, version)


class Blob:
    """One ciphertext of `size` bytes. Call `part` at most once: it takes the stream."""

    def __init__(
        self, image: StoredImage, *, whole: bytes = b"", stream: ImageStream | None = None, in_memory: bool = True
    ) -> None:
        self.size = image.meta.size
        self._whole = whole
        self._stream = stream
        self._in_memory = in_memory

    async def part(self, start: int, length: int) -> Payload:
        """Return the payload with `length` bytes from offset `start`.

        A range of at most WHOLE_BYTES is read now, so that sending it uses no connection of the store.
        """
        stream, self._stream = self._stream, None
        if stream is None:
            return Payload(WireState.SUCCESS, head=self._whole[start : start + length], size=length)
        part = _Part(stream, start, length)
        if length > WHOLE_BYTES:
            return Payload(WireState.SUCCESS, head=b"", size=length, stream=part, in_memory=self._in_memory)
        try:
            return Payload(WireState.SUCCESS, head=b"".join([piece async for piece in part]), size=length)
        finally:
            await part.aclose()

    async def aclose(self) -> None:
        """Close the store's stream, unless `part` took it."""
        if self._stream is not None:
            await self._stream.aclose()


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
