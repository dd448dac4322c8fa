"""ImageCache: keeps images of a store in memory, and uses them as long as the store returns the same version stamp.

A version stamp is a value that changes whenever the image may have changed. The cache asks for the stamp before it
reads the row. While the stamp stays the same, the row is current. After a change, the row is read again. If it names
the same version, the cached body stays valid, because the ciphertext of a version never changes.

A body is cached when it is read for the second time, if a cache of this size would still hold it. So a first read costs
the same as without a cache. Keys stay wrapped in memory, as in the store.

A body that arrives through a stream is cached only if it passes its tag check. Otherwise one wrong answer from a bucket
or network would be served until the process ends. A body from `read_nowait` is local and needs no check.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing, asynccontextmanager

from ..core.cipher import TagCheck
from ..core.events import event
from ..core.images import StoredImage
from ..core.options import check_numbers
from ..core.wire import encode_state
from ..errors import ConfigError, IntegrityError, WireState
from ..store.contract import WHOLE_BYTES, ImageStore, ImageStream
from .entries import ROW_BYTES, Admission, CachedImage, Entries

_log = logging.getLogger("pixstore_asgi")

_SUCCESS = encode_state(WireState.SUCCESS)
_CHUNKS_A_PIECE = 4  # fewer sends cost less, but some servers copy the unsent rest of a piece for a slow reader

BeginCheck = Callable[[StoredImage], Awaitable[TagCheck | None]]
"""Takes a row. Returns a check of the image's body by its tag, or None if the image's key can't be unwrapped."""


def check_cache_bytes(max_bytes: int) -> None:
    """Raise ConfigError if this is not a valid size of a cache."""
    check_numbers(cache_bytes=max_bytes)
    if max_bytes < 0:
        raise ConfigError("cache_bytes must be a number of bytes, or 0 for no cache")


class ReadTimes:
    """Reports the duration of each read from the store to observers. Without an observer, it reads no clock."""

    def __init__(self) -> None:
        self._observers: list[Callable[[float], object]] = []

    def watch(self, observer: Callable[[float], object]) -> None:
        """Call this observer with the seconds of each later read. Adding it twice has no effect."""
        if observer not in self._observers:
            self._observers.append(observer)

    def begin(self) -> float:
        """Return the start time of a read, to pass to `end`."""
        return time.perf_counter() if self._observers else 0

    def end(self, begun_s: float) -> None:
        """Report a read that found an image. An observer's error is logged and does not change the answer."""
        for observer in self._observers if begun_s else ():
            try:
                observer(time.perf_counter() - begun_s)
            except Exception as error:
                _log.error("on_served failed for a reading: %s", type(error).__name__, extra=event("on_served_failed"))


class _Flight:
    """One load under way. Later callers for the same key wait until `ended` is set. has_failed: the load raised an
    IntegrityError.
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False


class ImageCache:
    """Reads a store through a cache of at most `max_bytes`; 0 caches nothing. It belongs to one event loop.

    begin_check: begins the tag check of a body before the body is cached. read_times: reports the duration of each read
    from the store.
    """

    def __init__(
        self,
        store: ImageStore,
        max_bytes: int,
        begin_check: BeginCheck,
        read_times: ReadTimes,
    ) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._begin_check = begin_check
        self._read_times = read_times
        self._admission = Admission(max_bytes)
        self._entries = Entries(max_bytes)
        self._under_way: dict[tuple[Hashable, ...], _Flight] = {}

    @property
    def used(self) -> int:
        """The number of bytes that count against `max_bytes`."""
        return self._entries.used

    async def get(self, image_id: str) -> StoredImage | None:
        """Return the current row of an image, or None."""
        (stamp,) = self._store.stamps((image_id,)) if self._max_bytes else (None,)
        if cached := self._entries.current(image_id, stamp):
            return cached.image
        image = await self._store.get(image_id)
        self._entries.learn(image_id, image, stamp)
        return image

    async def get_many(self, image_ids: Sequence[str]) -> dict[str, StoredImage]:
        """Return the rows of these images by id. Ids without an image are left out. All rows are of one snapshot."""
        stamps = self._store.stamps(image_ids) if self._max_bytes else [None] * len(image_ids)
        cached = list(map(self._entries.current, image_ids, stamps))
        if all(cached):
            return {entry.image.id: entry.image for entry in cached if entry}
        images = await self._store.get_many(image_ids)
        for image_id, stamp in zip(image_ids, stamps, strict=True):
            self._entries.learn(image_id, images.get(image_id), stamp)
        return images

    def find_nowait(self, image_id: str) -> tuple[StoredImage, bytes] | None:
        """Return the current image and its Success payload. Return None if that needs a wait or the payload has several
        pieces.
        """
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

    async def open(self, image_id: str, *, is_whole: bool = True) -> CachedImage | ImageStream | None:
        """Return the current image with its body: from memory if it is cached, else as a stream of the store.

        is_whole: whether the caller reads the whole body. If not, a body that is not cached stays so.

        Raises IntegrityError if a body that is to be cached fails its tag check. The next request reads it again.
        """
        while self._may_keep(image_id) if is_whole else self._has_body(image_id):
            (stamp,) = self._store.stamps((image_id,))
            if self._is_outdated(image_id, stamp) and not await self._refresh(image_id, stamp):
                continue
            if (cached := self._entries.current(image_id, stamp)) and cached.pieces:
                return cached
            if not is_whole:
                break
            async with self._alone(image_id) as other:
                if other is None:
                    return await self._load(image_id, stamp)
            if other.has_failed:  # waiting requests would otherwise load it one after another, and all would fail
                break
            # Repeat: the image may have changed since the other request read it.
        return await self._read(image_id)

    def forget(self, image_id: str) -> None:
        """Remove an image from the cache."""
        self._entries.forget(image_id)

    def clear(self) -> None:
        """Remove all images, and forget all requests."""
        self._admission.clear()
        self._entries.forget_all()

    def _may_keep(self, image_id: str) -> bool:
        """Return whether the body is cached or may be cached now. Count this request for the admission."""
        known = self._entries.get(image_id)
        if self._max_bytes == 0 or (known and known.pieces is None and not self._entries.fits(known.image)):
            return False
        if self._has_body(image_id):
            return True
        was_requested = image_id in self._admission
        self._admission.add_request(image_id)
        return was_requested

    def _has_body(self, image_id: str) -> bool:
        known = self._entries.get(image_id)
        return known is not None and known.pieces is not None

    def _is_outdated(self, image_id: str, stamp: Hashable) -> bool:
        """Return whether the body is cached but its row must be read again."""
        known = self._entries.get(image_id)
        return known is not None and known.pieces is not None and known.stamp != stamp

    async def _refresh(self, image_id: str, stamp: Hashable) -> bool:
        """Read the row again. Return False if the caller only waited for another request that did it.

        Concurrent requests for one image and stamp share one read. An image that changes constantly can't starve them.
        """
        async with self._alone(image_id, stamp) as other:
            if other is None:
                self._entries.learn(image_id, await self._store.get(image_id), stamp)
        return other is None

    @asynccontextmanager
    async def _alone(self, *key: Hashable) -> AsyncIterator[_Flight | None]:
        """Yield None immediately to the first caller for a key. Others wait until the first caller's block ends, and
        get that caller's _Flight.
        """
        if other := self._under_way.get(key):
            await other.ended.wait()
            yield other
            return
        flight = self._under_way[key] = _Flight()
        try:
            yield None
        except IntegrityError:
            flight.has_failed = True
            raise
        finally:
            del self._under_way[key]
            flight.ended.set()

    async def _load(self, image_id: str, stamp: Hashable) -> CachedImage | ImageStream | None:
        stream = await self._read(image_id)
        if stream is None or not self._entries.fits(stream.image):
            return stream
        try:
            check = await self._begin_check(stream.image)
        except BaseException:
            await stream.aclose()
            raise
        if check is None or not self._entries.make_room(ROW_BYTES + stream.image.meta.size):
            return stream
        # Count its bytes before the load: many concurrent loads could otherwise exceed the limit.
        cached = CachedImage(self._entries, stream.image, stamp, with_body=True)
        try:
            chunks = await _read_checked(stream, check)
        except BaseException:
            cached.drop()
            raise
        self._entries.keep(cached, _pieces([_SUCCESS + chunks[0], *chunks[1:]]))
        return cached

    def _read_nowait(self, image_id: str) -> tuple[StoredImage, bytes] | None:
        was_requested = image_id in self._admission
        (stamp,) = self._store.stamps((image_id,)) if was_requested else (None,)
        begun_s = self._read_times.begin()
        found = self._store.read_nowait(image_id)
        if found is None:
            return None
        self._read_times.end(begun_s)
        image, chunks = found
        whole = b"".join([_SUCCESS, *chunks])
        if self._entries.fits(image):
            self._admission.add_request(image_id)
            self._admission.add_read(image.meta.size)
            if was_requested and self._entries.make_room(ROW_BYTES + image.meta.size):
                self._entries.keep(CachedImage(self._entries, image, stamp, with_body=True), (whole,))
        return image, whole

    async def _read(self, image_id: str) -> ImageStream | None:
        """Open the image's stream in the store. Tell the admission how many bytes its body has."""
        begun_s = self._read_times.begin()
        stream = await self._store.open_stream(image_id)
        if stream:
            self._read_times.end(begun_s)
        if stream and self._max_bytes:
            if self._entries.fits(stream.image):
                self._admission.add_read(stream.image.meta.size)
            elif image_id not in self._entries:
                # This entry only records that the image does not fit. Its stamp never matches.
                self._entries.learn(image_id, stream.image, object())
        return stream


def _pieces(chunks: list[bytes]) -> tuple[bytes, ...]:
    starts = range(0, len(chunks), _CHUNKS_A_PIECE)
    return tuple(b"".join(chunks[start : start + _CHUNKS_A_PIECE]) for start in starts)


async def _read_checked(stream: ImageStream, check: TagCheck) -> list[bytes]:
    """Return all chunks of a stream and close it. Raises IntegrityError if they fail the check, or StoreError."""
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
