"""The ImageStore protocol: what every store does, in words that its contract tests repeat.

A store sees opaque bytes: it neither encrypts nor checks proofs. Each save writes a new, immutable blob and moves the
image's pointer to it in one step, so a reader gets one version or another, never a mixture. Tokens rise strictly per
id, also across delete: a deleted id keeps its last token.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ..core.ids import MAX_TOKEN
from ..core.images import ImageMeta, StoredImage
from ..errors import StoreConflict, StoreError

CHUNK_BYTES = 256 * 1024
"""Length of every piece that a stream yields, but for the last: bounded memory per reader at full speed."""

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""


def wall_clock_ms() -> int:
    """Return the system's time in epoch milliseconds."""
    return max(time.time_ns() // 1_000_000, 0)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Raises StoreError where there is none of asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise StoreError("pixstore_asgi runs under asyncio only, not under trio") from None


class Expect(Enum):
    """What a write expects of the image it changes."""

    ANY = "any state"
    ABSENT = "no image"
    PRESENT = "an image"


Expected = Expect | bytes
"""An Expect, or the `version` (16 bytes) that must be the current one."""


class ImageStream(Protocol):
    """One version of an image, open for reading: an async iterator of ciphertext chunks.

    It stays readable to its end, whatever happens to the image meanwhile. `aclose()` frees it and can be repeated.
    """

    @property
    def image(self) -> StoredImage:
        """The image as it was when the stream was opened."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> bytes:
        """Return the next chunk: CHUNK_BYTES, or what is left.

        Raises StoreError where stored bytes are missing: the reader then stops short, nothing is padded or mixed.
        """
        ...

    async def aclose(self) -> None: ...


class ImageWriter(Protocol):
    """One new version being written; nobody sees it before `commit`. Leaving `async with` uncommitted aborts it.

    A commit that is cancelled while it is under way may have happened.
    """

    async def write(self, piece: bytes) -> None:
        """Append ciphertext."""
        ...

    async def commit(self, meta: ImageMeta, *, expect: Expected = Expect.ANY, token: int | None = None) -> StoredImage:
        """Make this version the image's current one and return it with its new token, max(clock, last token + 1).

        token: the new token instead, for an image that has one from elsewhere. Raises StoreConflict where the image is
        not as expected or `token` is not above the last one, StoreError where `meta.size` is not what was written;
        either way the image stays as it was. A commit that failed has ended the write.
        """
        ...

    async def abort(self) -> None:
        """Drop what was written; harmless after commit and when repeated."""
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()


class ImageStore(Protocol):
    """Keeps encrypted images by id. All methods raise StoreError (StoreBusy, StoreConflict) and nothing foreign."""

    @property
    def key_file(self) -> Path | None:
        """Where a secret made together with this store may be kept, or None where there is no such place."""
        ...

    async def open(self) -> None:
        """Make the store ready, creating or migrating what it needs; harmless when repeated."""
        ...

    async def close(self) -> None:
        """Give up connections and files; harmless when repeated. `open` makes the store ready again."""
        ...

    async def key_checks(self) -> frozenset[bytes]:
        """Return the check values of all secrets that this store was written with; empty for a new store."""
        ...

    async def claim_keys(self, checks: Sequence[bytes]) -> frozenset[bytes]:
        """Return the stored check values missing from `checks`; where none is, record the last of `checks`."""
        ...

    async def get(self, image_id: str) -> StoredImage | None:
        """Return one image, or None."""
        ...

    async def get_many(self, image_ids: Collection[str]) -> dict[str, StoredImage]:
        """Return the images that exist among these ids, by id, all as of one moment."""
        ...

    async def open_stream(self, image_id: str) -> ImageStream | None:
        """Open the current version for reading, or None where there is no image."""
        ...

    async def begin_write(self, image_id: str) -> ImageWriter:
        """Begin a new version of an image that may or may not exist."""
        ...

    async def update_meta(
        self, image_id: str, *, expect: Expected, wrapped_key: bytes | None = None, token: int | None = None
    ) -> StoredImage:
        """Replace an image's wrapped key, raise its token, or both; the ciphertext stays.

        Raises StoreConflict where there is no image, it is not as expected, or `token` is not above the last one.
        """
        ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool:
        """Delete an image and tell whether there was one. Its wrapped key is overwritten."""
        ...

    async def list(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> "list[StoredImage]":
        """Return up to `limit` images in the order of their ids (by code point), above `after` and below `before`."""
        ...

    async def stamp(self) -> Hashable:
        """Return a value that changes with every committed write of any process.

        What was read after taking a stamp is current as long as the stamp is. It is taken for every request: cheap.
        """
        ...

    async def sweep(self, *, limit: int = 100) -> int:
        """Remove up to `limit` blobs that are dead or abandoned and not in use; return how many were removed."""
        ...


def check_expected(image_id: str, version: bytes | None, expect: Expected) -> None:
    """Raise StoreConflict unless an image whose current version is `version` (None: no image) is as expected."""
    if isinstance(expect, bytes):
        fits = version == expect
        wanted = "the version that was read before"
    else:
        fits = expect is Expect.ANY or (expect is Expect.PRESENT) == (version is not None)
        wanted = expect.value
    if not fits:
        found = "there is none" if version is None else "it has another version"
        raise StoreConflict(f"the write to image {image_id} expected {wanted}: {found}")


def next_token(image_id: str, now_ms: int, last: int | None, given: int | None) -> int:
    """Return the token of a new version: the clock, or one more than the last where the clock is not ahead of it.

    `given` is taken instead, and must be above the last.
    """
    if given is not None:
        check_raised(image_id, given, last or 0)
        return given
    token = max(now_ms, 1) if last is None else max(now_ms, last + 1)
    if token > MAX_TOKEN:
        raise StoreError("the image's token would pass 2**53 - 1: set the system clock right")
    return token


def check_raised(image_id: str, token: int, last: int) -> None:
    """Raise StoreConflict unless `token` is above the last one and within range."""
    if not last < token <= MAX_TOKEN:
        raise StoreConflict(f"the token of image {image_id} can only rise: {token} is not above {last}")


def check_size(image_id: str, written: int, meta: ImageMeta) -> None:
    """Raise StoreError unless as many bytes were written as `meta` says."""
    if written != meta.size:
        raise StoreError(f"image {image_id} has {meta.size} bytes in its meta and {written} in its body")
