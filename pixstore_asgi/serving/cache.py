"""ImageCache: images read of a store, kept in memory and used only while the store's stamps say they are current.

An image's stamp is taken before its row is read; what was read is current as long as the stamp is. When it has changed,
the row is read again, and the body stays where the version does: a version's ciphertext never changes. A body is kept
from its second reading on, where that comes while a cache of this size would still have it; the first one costs what it
costs without a cache. Keys are kept wrapped, as the store has them.

A body that comes through a stream is kept only if it passes its tag check: a wrong answer of a bucket or of a network
would otherwise be served until the process ends. A body that the store reads at once lies on this machine: no check.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from typing import Self

from ..core.cipher import TagCheck
from ..core.images import StoredImage
from ..core.options import check_numbers
from ..core.wire import encode_state
from ..errors import ConfigError, WireState
from ..store.contract import WHOLE_BYTES, ImageStore, ImageStream
from .admission import Admission
from .rings import Rings
from .tag_check import begin_tag_check, read_checked
from .turns import Turns

_SUCCESS = encode_state(WireState.SUCCESS)
_ROW_BYTES = 1024  # what an entry takes beside its body, roughly
_CHUNKS_A_PIECE = 4  # every send costs a server some work, and what a slow reader leaves of a piece is copied by some
_LARGEST_SHARE = 4  # a body above a fourth of the cache would push out too many others


class CachedImage:
    """One image in memory. `pieces` is its Success payload, state byte first, or None where only its row is known.

    It counts as used in its cache until it is dropped and read by nobody.
    """

    __slots__ = ("_cache", "_is_dropped", "_readers", "image", "pieces", "size", "stamp")

    def __init__(self, cache: "ImageCache", image: StoredImage, stamp: Hashable, *, with_body: bool = False) -> None:
        self.image = image
        self.stamp = stamp
        self.size = _ROW_BYTES + (image.meta.size if with_body else 0)
        self.pieces: tuple[bytes, ...] | None = None
        self._cache = cache
        self._readers = 0
        self._is_dropped = False
        cache.used += self.size

    def read(self, *, with_state: bool) -> ImageStream:
        """Return a stream over the body, with the Success payload's state byte in front or without."""
        assert self.pieces
        self._readers += 1
        pieces = self.pieces if with_state else (self.pieces[0][1:], *self.pieces[1:])
        return _CachedStream(self, pieces)

    def leave(self) -> None:
        """End one reading."""
        self._readers -= 1
        self._free()

    def drop(self) -> None:
        """Count no longer than it is read."""
        self._is_dropped = True
        self._free()

    def _free(self) -> None:
        if self._is_dropped and self._readers == 0:
            self._cache.used -= self.size


def check_cache_bytes(max_bytes: int) -> None:
    """Raise ConfigError if a cache can't have this size."""
    check_numbers(cache_bytes=max_bytes)
    if max_bytes < 0:
        raise ConfigError("cache_bytes must be a number of bytes, or 0 for no cache")


class ImageCache:
    """Reads a store through memory: at most `max_bytes` of it, the least recently used go first; 0 keeps nothing.

    It belongs to one event loop. Bodies that are being read are counted to their end, so that slow readers can't make
    it grow. rings: has the keys that check a body before it is kept, and is told how long the store took to read.
    """

    def __init__(self, store: ImageStore, max_bytes: int, rings: Rings) -> None:
        self.used = 0
        self.read_times = rings.read_times
        self._store = store
        self._max_bytes = max_bytes
        self._rings = rings
        self._admission = Admission(max_bytes)
        self._entries: OrderedDict[str, CachedImage] = OrderedDict()
        self._turns = Turns()

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image as it is now, or None."""
        (stamp,) = self._store.stamps((image_id,)) if self._max_bytes else (None,)
        if cached := self._current(image_id, stamp):
            return cached.image
        image = await self._store.get(image_id)
        self._learn(image_id, image, stamp)
        return image

    def find_nowait(self, image_id: str) -> tuple[StoredImage, bytes] | None:
        """Return the current image with its Success payload in one piece, or None if that takes a wait or is longer."""
        known = self._entries.get(image_id)
        if known is None or known.pieces is None:
            is_longer = known is not None and known.image.meta.size > WHOLE_BYTES
            return None if is_longer else self._read_nowait(image_id)
        if len(known.pieces) != 1:
            return None
        (stamp,) = self._store.stamps((image_id,))
        if known.stamp != stamp:
            return None
        self._entries.move_to_end(image_id)
        return known.image, known.pieces[0]

    async def get_many(self, image_ids: Sequence[str]) -> dict[str, StoredImage]:
        """Return the images that exist among these ids, by id, all as of one moment."""
        stamps = self._store.stamps(image_ids) if self._max_bytes else [None] * len(image_ids)
        cached = list(map(self._current, image_ids, stamps))
        if all(cached):
            return {entry.image.id: entry.image for entry in cached if entry}
        images = await self._store.get_many(image_ids)
        for image_id, stamp in zip(image_ids, stamps, strict=True):
            self._learn(image_id, images.get(image_id), stamp)
        return images

    async def open(self, image_id: str) -> CachedImage | ImageStream | None:
        """Return an image with its body as it is now: in memory, or as a stream of the store where it is not kept.

        Raises IntegrityError if a body that was to be kept fails its tag check; the next request reads it again.
        """
        while self._max_bytes:
            known = self._entries.get(image_id)
            is_kept = known is not None and known.pieces is not None
            if not is_kept and not (self._may_fit(known) and self._is_asked_again(image_id)):
                break
            (stamp,) = self._store.stamps((image_id,))
            cached = self._current(image_id, stamp)
            if cached is None and is_kept:
                # Once for each stamp: where that changes all the time, nobody waits for another.
                async with self._turns.alone(image_id, stamp) as other:
                    if other:
                        continue
                    self._learn(image_id, await self._store.get(image_id), stamp)
                cached = self._current(image_id, stamp)
            if cached and cached.pieces:
                return cached
            async with self._turns.alone(image_id) as other:
                if other is None:
                    return await self._load(image_id, stamp)
            if other.has_failed:  # the next load would fail too: requests must not wait for it one after another
                break
            # Then look again: what was loaded may be older than this request.
        return await self._read(image_id)

    def forget(self, image_id: str) -> None:
        """Drop what is known of an image."""
        if cached := self._entries.pop(image_id, None):
            cached.drop()

    def clear(self) -> None:
        """Drop everything."""
        self._admission.clear()
        while self._entries:
            self.forget(next(iter(self._entries)))

    def _current(self, image_id: str, stamp: Hashable) -> CachedImage | None:
        cached = self._entries.get(image_id)
        if cached is None or cached.stamp != stamp:
            return None
        self._entries.move_to_end(image_id)
        return cached

    async def _load(self, image_id: str, stamp: Hashable) -> CachedImage | ImageStream | None:
        stream = await self._read(image_id)
        if stream is None or not self._fits(stream.image):
            return stream
        try:
            check = await self._begin_check(stream.image)
        except BaseException:
            await stream.aclose()
            raise
        if check is None or not self._make_room(stream.image):
            return stream
        # It counts from now on, or many at once would pass the limit.
        cached = CachedImage(self, stream.image, stamp, with_body=True)
        try:
            chunks = await read_checked(stream, check)
        except BaseException:
            cached.drop()
            raise
        self._keep(cached, _pieces([_SUCCESS + chunks[0], *chunks[1:]]))
        return cached

    async def _begin_check(self, image: StoredImage) -> TagCheck | None:
        return await begin_tag_check(self._rings, image)

    def _read_nowait(self, image_id: str) -> tuple[StoredImage, bytes] | None:
        was_asked = image_id in self._admission
        (stamp,) = self._store.stamps((image_id,)) if was_asked else (None,)
        begun_s = self.read_times.begin()
        found = self._store.read_at_once(image_id)
        if found is None:
            return None
        self.read_times.end(begun_s)
        image, chunks = found
        whole = b"".join([_SUCCESS, *chunks])
        if self._fits(image):
            self._admission.add_request(image_id)
            self._admission.add_read(image.meta.size)
            if was_asked and self._make_room(image):
                self._keep(CachedImage(self, image, stamp, with_body=True), (whole,))
        return image, whole

    def _keep(self, cached: CachedImage, pieces: tuple[bytes, ...]) -> None:
        cached.pieces = pieces
        self.forget(cached.image.id)
        self._entries[cached.image.id] = cached

    def _learn(self, image_id: str, image: StoredImage | None, stamp: Hashable) -> None:
        """Keep what was read of an image's row under a stamp; its body stays where the version is the same."""
        known = self._entries.get(image_id)
        if known and image and known.image.meta.version == image.meta.version:
            known.image, known.stamp = image, stamp
            self._entries.move_to_end(image_id)
            return
        self.forget(image_id)
        if image and self._make_room(None):
            self._entries[image_id] = CachedImage(self, image, stamp)

    async def _read(self, image_id: str) -> ImageStream | None:
        """Open an image in the store, whose body then counts as read."""
        begun_s = self.read_times.begin()
        stream = await self._store.open_stream(image_id)
        if stream:
            self.read_times.end(begun_s)
        if stream and self._max_bytes:
            if self._fits(stream.image):
                self._admission.add_read(stream.image.meta.size)
            elif image_id not in self._entries:
                self._learn(image_id, stream.image, object())  # never current: it tells that the image does not fit
        return stream

    def _is_asked_again(self, image_id: str) -> bool:
        was_asked = image_id in self._admission
        self._admission.add_request(image_id)
        return was_asked

    def _may_fit(self, known: CachedImage | None) -> bool:
        return known is None or self._fits(known.image)

    def _fits(self, image: StoredImage) -> bool:
        return (_ROW_BYTES + image.meta.size) * _LARGEST_SHARE <= self._max_bytes

    def _make_room(self, body: StoredImage | None) -> bool:
        """Make room for a row, or for an image with its body; False where that can't be."""
        if body and not self._fits(body):
            return False
        room = self._max_bytes - _ROW_BYTES - (body.meta.size if body else 0)
        while self.used > room and self._entries:
            self.forget(next(iter(self._entries)))
        return self.used <= room


def _pieces(chunks: list[bytes]) -> tuple[bytes, ...]:
    starts = range(0, len(chunks), _CHUNKS_A_PIECE)
    return tuple(b"".join(chunks[start : start + _CHUNKS_A_PIECE]) for start in starts)


class _CachedStream:
    """A reading of a cached body; it counts as one to its end."""

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
        return 0  # all of it is in memory

    async def aclose(self) -> None:
        self._leave()

    def _leave(self) -> None:
        cached, self._cached, self._pieces = self._cached, None, iter(())
        if cached is not None:
            cached.leave()

    __del__ = _leave  # a stream that was dropped unread must not count for ever
