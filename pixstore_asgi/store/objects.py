"""Bodies in an object store, such as a bucket: first a pending row, then the body, then the pointer in one step.

A body's name is the hexadecimal of its version, 16 random bytes. It is never overwritten with other bytes. If a copy of
a store was interrupted, the same version may be written again, with another row and the same bytes.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from ..core.images import VERSION_BYTES, StoredImage
from ..errors import StoreError
from .contract import ImageStream

_NAME = re.compile(rf"[0-9a-f]{{{2 * VERSION_BYTES}}}")


class InObjectStore(StoreError):
    """The body of `image` is an object, but the store was asked without its object store."""

    def __init__(self, image: StoredImage) -> None:
        super().__init__(f"the body of image {image.id} is in a bucket: open the store with the blobs=… of its save")
        self.image = image


class Upload(Protocol):
    """One body being uploaded, invisible before `finish`."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Append bytes. The caller may reuse their memory once this returns. Raises StoreError."""
        ...

    async def finish(self) -> None:
        """Make the whole body readable. Raises StoreError; the body may then exist or not."""
        ...

    async def abort(self) -> None:
        """Drop the sent bytes. Never raises."""
        ...


class Bodies(Protocol):
    """An object store for bodies, by name. Methods raise only StoreError, and StoreBusy if the caller may retry.

    `str` of it names the place for an error message, without credentials.
    """

    async def open(self) -> None:
        """Make it ready. Repeated calls do nothing. Raises StoreError if it can't be used."""
        ...

    async def close(self) -> None:
        """Close it. Repeated calls do nothing."""
        ...

    def upload(self, name: str) -> Upload:
        """Begin a body."""
        ...

    def stream(self, image: StoredImage, name: str) -> ImageStream:
        """Return a stream of the body of an image."""
        ...

    async def has(self, name: str) -> bool:
        """Return whether a body exists."""
        ...

    async def remove(self, names: Sequence[str]) -> None:
        """Remove bodies. A missing one counts as removed."""
        ...

    def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all objects in this place, many at a time."""
        ...


def versions_among(names: Sequence[str]) -> list[bytes]:
    """Return the versions that these names belong to. Ignore names of other objects."""
    return [bytes.fromhex(name) for name in names if _NAME.fullmatch(name)]


class OtherPlace(StoreError):
    """This object store does not have the store's bodies, so no row of an object may be deleted."""
