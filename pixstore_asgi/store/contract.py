"""The ImageStore protocol: what every store does, in words that its contract tests repeat.

A store sees opaque bytes: it neither encrypts nor checks proofs. Each save writes a new, immutable blob and moves the
image's pointer to it in one step, so a reader gets one version or another, never a mixture. Tokens rise strictly per
id, also across delete: a deleted id keeps its last token.
"""

from collections.abc import Collection, Hashable, Sequence
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ..core.images import ImageMeta, StoredImage

CHUNK_BYTES = 256 * 1024
"""Length of every piece that a stream yields, but for the last: bounded memory per reader at full speed."""


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
        not as expected or `token` is not above the last one, StoreError where `meta` has another size than was
        written, or another version than the write was begun with; the image then stays as it was. A commit that failed
        has ended the write.
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

    @property
    def max_body_bytes(self) -> int | None:
        """The longest body that the store takes, in bytes, or None where it sets no limit."""
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

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:
        """Begin a new version of an image that may or may not exist.

        version: 16 random bytes, drawn for this write alone: a name for the body wherever it is put.
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
        """Return a value that is equal to an earlier one of this store only where nothing was written in between.

        Whoever takes a stamp, then reads, and gets an equal stamp later holds what is current. So a value never comes
        back: not after further writes of any process, not after the store was closed and opened. A store that can't
        tell whether anything was written returns a new object each time; every read then asks it anew. Taken for every
        request: it must be cheap.
        """
        ...

    async def sweep(self, *, limit: int = 100) -> int:
        """Remove up to `limit` blobs that are dead or abandoned and not in use; return how many were removed."""
        ...
