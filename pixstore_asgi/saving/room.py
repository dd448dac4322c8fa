"""The room in a directory for one new version: refuses a version as soon as it can't fit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import NamedTuple

from ..core.ids import directory_of, is_variant_id, range_of_directory, range_of_variants
from ..core.images import DirectoryLimit, Usage
from ..errors import DirectoryFull, InputError, StoreDamaged
from ..store.inspection import ImageWrites, countable
from ..store.rules import check_room
from .source import ImageData, Piece

_FORMAT_BYTE = 1  # the ciphertext is longer than the image by this byte


class Room(NamedTuple):
    """The room as it is before the version arrives. Other saves may need it meanwhile, so the commit checks again.

    used: the usage of the directory. replaced: the part of it that the version replaces. again: reads the room again.
    """

    directory: str
    used: Usage
    replaced: Usage
    limit: DirectoryLimit
    again: "Callable[[], Awaitable[Room | None]]"

    @classmethod
    async def left(cls, store: ImageWrites, image_id: str, limit: DirectoryLimit, *, is_new: bool) -> "Room | None":
        """Return the room for a new version of an image, or None if only the commit can tell it. is_new: whether there
        must be no image of this id yet.

        Raises InputError if the image is in no directory, or if the store can't count.
        """
        directory = directory_of(image_id)
        if directory is None:
            raise InputError("max_directory_bytes and max_directory_images need an image in a directory")
        after, before = range_of_directory(directory)
        used = await countable(store).usage(after=after, before=before)
        try:
            replaced = Usage(0, 0) if is_new else await _replaced(store, image_id)
        except StoreDamaged:  # the new version repairs the row
            return None
        return cls(directory, used, replaced, limit, partial(cls.left, store, image_id, limit, is_new=is_new))

    def check(self, data: ImageData, *, is_unchanged: bool) -> None:
        """Raise DirectoryFull if the image can't fit. is_unchanged: whether all bytes of the data are stored."""
        size = getattr(data, "size", None)
        self._check(_FORMAT_BYTE + (size if is_unchanged and isinstance(size, int) else 0))

    async def fitting(self, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
        """Yield the pieces of the image. Raises DirectoryFull before the first piece that does not fit."""
        room: Room | None = self
        size = _FORMAT_BYTE
        async for piece in pieces:
            size += len(piece)
            try:
                if room:
                    room._check(size)
            except DirectoryFull:  # images may have been deleted since the upload began
                if room := await self.again():
                    room._check(size)
            yield piece

    def _check(self, size: int) -> None:
        added = Usage(1 - self.replaced.images, size - self.replaced.bytes)
        check_room(self.directory, self.used, added, self.limit)


async def _replaced(store: ImageWrites, image_id: str) -> Usage:
    """Return the usage of the version that a new version of this image replaces, with its variants."""
    current = await store.get(image_id)
    if is_variant_id(image_id):  # it is no image of its own, old or new
        return Usage(1, current.meta.size if current else 0)
    if current is None:
        return Usage(0, 0)
    after, before = range_of_variants(image_id)
    variants = await countable(store).usage(after=after, before=before)
    return Usage(1, current.meta.size + variants.bytes)
