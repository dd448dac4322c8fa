"""Reads one body from a bucket in chunks, and resumes after a broken connection."""

from collections.abc import AsyncIterator
from typing import Self

from ...core.images import StoredImage
from ...errors import StoreBusy, StoreDamaged
from ..contract import CHUNK_BYTES
from .errors import BucketAway, NoSuchObject
from .objects import Objects

_MOST_BREAKS = 3  # in a row, with nothing read in between


class S3Stream:
    """One version being read. Its object stays until `sweep_grace_s` after another version has replaced it."""

    def __init__(self, objects: Objects, image: StoredImage, name: str) -> None:
        self.image = image
        self._objects = objects
        self._name = name
        self._left = image.meta.size
        self._read = bytearray()
        self._source: AsyncIterator[object] | None = None
        self._breaks = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0:
            await self.aclose()
            raise StopAsyncIteration
        wanted = min(CHUNK_BYTES, self._left)
        try:
            while len(self._read) < wanted:
                await self._read_on()
        except BaseException:
            self._source = None  # a cancelled reader may go on, with another request
            raise
        chunk, self._read = bytes(self._read[:wanted]), self._read[wanted:]
        self._left -= wanted
        return chunk

    def skip(self, most: int) -> int:
        skipped = min(most, self._left) // CHUNK_BYTES * CHUNK_BYTES
        self._left -= skipped
        return skipped

    async def aclose(self) -> None:
        self._left, self._read, self._source = 0, bytearray(), None

    async def _read_on(self) -> None:
        try:
            piece = await self._next_piece()
        except StoreBusy:
            self._source = None
            self._breaks += 1
            if self._breaks == _MOST_BREAKS:
                raise
            return
        self._breaks = 0
        self._read += piece
        if len(self._read) > self._left:
            raise self._damaged()

    async def _next_piece(self) -> memoryview:
        """Return the next bytes. Raises StoreBusy if the connection broke, or the last byte of the body is missing."""
        if self._source is None:
            self._source = await self._asked()
        async with self._objects.patiently():
            piece = await anext(self._source, None)
        if piece is None:
            raise BucketAway("the bucket's answer was cut short: look at the network and its proxies, and try again")
        return memoryview(piece)  # type: ignore[arg-type]

    async def _asked(self) -> AsyncIterator[object]:
        start = self.image.meta.size - self._left + len(self._read)
        try:
            answer = await self._objects.get(self._name, start)
        except NoSuchObject:
            raise NoSuchObject(
                f"the object of image {self.image.id} is missing from the bucket: look whether blobs= names the bucket "
                "and prefix that it was saved with, or restore it from a backup"
            ) from None
        if answer.meta["size"] != self.image.meta.size:
            raise self._damaged()
        return aiter(answer.stream(min_chunk_size=CHUNK_BYTES))

    def _damaged(self) -> StoreDamaged:
        return StoreDamaged(f"the object of image {self.image.id} has another length than it: restore it from a backup")
