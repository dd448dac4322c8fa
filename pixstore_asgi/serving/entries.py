"""Entries: the images of one cache by id, limited in bytes. Admission decides whether a further image is cached."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Self

from ..core.images import StoredImage
from ..store.contract import ImageStream

ROW_BYTES = 1024  # rough size of an entry without its body
_LARGEST_SHARE = 4  # a body larger than a quarter of the cache would evict too many others
_LEAST_BYTES = 4096  # each request counts at least this, which limits the memory for remembered ids


class CachedImage:
    """One image in memory. pieces: its Success payload, state byte first, or None if only its row is cached.

    stamp: the version stamp that the store returned before the row was read. The bytes of a dropped image still count
    in `Entries.used` until its last reader has finished.
    """

    __slots__ = (
        "_entries",
        "_is_dropped",
        "_readers",
        "image",
        "pieces",
        "size",
        "stamp",
    )

    def __init__(
        self,
        entries: "Entries",
        image: StoredImage,
        stamp: Hashable,
        *,
        with_body: bool = False,
    ) -> None:
        self.image = image
        self.stamp = stamp
        self.size = ROW_BYTES + (image.meta.size if with_body else 0)
        self.pieces: tuple[bytes, ...] | None = None
        self._entries = entries
        self._readers = 0
        self._is_dropped = False
        entries.used += self.size

    def read(self, *, with_state: bool) -> ImageStream:
        """Return a stream of the cached body. with_state: whether the stream begins with the state byte of Success."""
        assert self.pieces
        self._readers += 1
        pieces = self.pieces if with_state else (self.pieces[0][1:], *self.pieces[1:])
        return _CachedStream(self, pieces)

    def leave(self) -> None:
        """Count one reader less, because its stream has ended."""
        self._readers -= 1
        self._free()

    def drop(self) -> None:
        """Mark the image as dropped. Its bytes no longer count once its last reader has finished."""
        self._is_dropped = True
        self._free()

    def _free(self) -> None:
        if self._is_dropped and self._readers == 0:
            self._entries.used -= self.size


class Entries(OrderedDict[str, CachedImage]):
    """The images in the memory of one cache, from the least to the most recently used.

    used: the bytes of all images here, and of dropped images that are still read. So slow readers can't exceed the
    limit.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.used = 0
        self._max_bytes = max_bytes

    def current(self, image_id: str, stamp: Hashable) -> CachedImage | None:
        """Return an image if its stamp equals `stamp`, and mark it as the most recently used. Else return None."""
        cached = self.get(image_id)
        if cached is None or cached.stamp != stamp:
            return None
        self.move_to_end(image_id)
        return cached

    def keep(self, cached: CachedImage, pieces: tuple[bytes, ...]) -> None:
        """Store an image with its body. It replaces an older entry of the same image."""
        cached.pieces = pieces
        self.forget(cached.image.id)
        self[cached.image.id] = cached

    def learn(self, image_id: str, image: StoredImage | None, stamp: Hashable) -> None:
        """Store a row that was read after `stamp` was taken. If there is an entry of the same version, keep its body.

        image: the row, or None if there is no image.
        """
        known = self.get(image_id)
        if known and image and known.image.meta.version == image.meta.version:
            known.image, known.stamp = image, stamp
            self.move_to_end(image_id)
            return
        self.forget(image_id)
        if image and self.make_room(ROW_BYTES):
            self[image_id] = CachedImage(self, image, stamp)

    def forget(self, image_id: str) -> None:
        """Drop an image."""
        if cached := self.pop(image_id, None):
            cached.drop()

    def forget_all(self) -> None:
        """Drop all images."""
        while self:
            self.forget(next(iter(self)))

    def fits(self, image: StoredImage) -> bool:
        """Return whether the body of an image is small enough for this cache."""
        return (ROW_BYTES + image.meta.size) * _LARGEST_SHARE <= self._max_bytes

    def make_room(self, size: int) -> bool:
        """Drop the least recently used images until `size` bytes are free. Return False if slow readers still use
        too many bytes.
        """
        room = self._max_bytes - size
        while self.used > room and self:
            self.forget(next(iter(self)))
        return self.used <= room


class _CachedStream:
    """A stream of a cached body. `Entries.used` counts the body until the stream ends, is closed or is dropped."""

    def __init__(self, cached: CachedImage, pieces: tuple[bytes, ...]) -> None:
        self.image = cached.image
        self._cached: CachedImage | None = cached
        self._pieces: Iterator[bytes] = iter(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        await self.aclose()
        raise StopAsyncIteration

    def skip(self, most: int) -> int:
        return 0  # skipping saves nothing in memory

    async def aclose(self) -> None:
        self._leave()

    def _leave(self) -> None:
        cached, self._cached, self._pieces = self._cached, None, iter(())
        if cached is not None:
            cached.leave()

    __del__ = _leave  # the bytes of a stream that is dropped unread must stop counting


class Admission:
    """Decides which images are worth caching: those that are requested again soon.

    It forgets a requested id after further reads of at least half of `max_bytes` and at most `max_bytes`. An image that
    is requested again before that would still be in a cache of this size. Most other images would be evicted before
    their next request, so they are not cached.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._read_bytes = 0
        # Two sets, each for half of the bytes: this costs less per request than an ordered list of all ids.
        self._current: set[str] = set()
        self._previous: set[str] = set()

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._current or image_id in self._previous

    def add_request(self, image_id: str) -> None:
        """Remember a request for an image."""
        self._current.add(image_id)
        self.add_read(_LEAST_BYTES)  # also for unknown ids and for images too large for the cache

    def add_read(self, size: int) -> None:
        """Count the `size` bytes of a body that was read from the store."""
        self._read_bytes += size
        if self._read_bytes * 2 > self._max_bytes:
            self._previous, self._current, self._read_bytes = self._current, set(), 0

    def clear(self) -> None:
        """Forget all requests."""
        self._current, self._previous, self._read_bytes = set(), set(), 0
