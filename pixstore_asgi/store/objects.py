"""Protocols for bodies in an object store, such as a bucket.

A save inserts a pending row and uploads the body. After that it sets the image's pointer, which makes the body current.
The name of an object is the hexadecimal of its version, 16 random bytes. An object is never overwritten with other
bytes. If a copy of a store was interrupted, the same version may be written again, with another row and the same bytes.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ..core.images import VERSION_BYTES, StoredImage
from ..errors import StoreDamaged, StoreError
from .contract import ImageStream

_SHORT_BYTES = 64 * 1024
_NAME = re.compile(rf"[0-9a-f]{{{2 * VERSION_BYTES}}}")


class InObjectStore(StoreError):
    """The body of `image` is in an object store. A store that was opened with `bodies` reads the body there; a store
    without it raises this error.
    """

    def __init__(self, image: StoredImage) -> None:
        super().__init__(
            f"the body of image {image.id} is outside the database: open the store with the blobs=… of its save"
        )
        self.image = image


class NoSuchBody(StoreDamaged):
    """The body is missing: it is lost, or gc has removed it because the image was replaced meanwhile."""


class UploadGone(StoreError):
    """The row of a pending body, a chunk of it or its file is gone: gc took the upload for an abandoned one."""

    def __init__(self) -> None:
        super().__init__(
            "the stored part of an upload is gone: the upload paused for longer than sweep_grace_s, or PostgreSQL lost "
            "the part in a failover; send it again"
        )


class Owner(NamedTuple):
    """A database that uses an object store.

    is_new: it has no body outside its tables yet, so it may take an empty place for itself. file: its SQLite file, or
    None if it will only read bodies, or is in no file. is_copy: returns whether another SQLite file has the same id.
    """

    database_id: bytes
    is_new: bool
    file: Path | None = None
    is_copy: Callable[[Path], bool] = lambda other: False


class Upload(Protocol):
    """Uploads one body. Readers don't see the body before `finish`."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Append bytes. The caller may reuse their memory after this returns. Raises StoreError."""
        ...

    async def finish(self) -> None:
        """Make the whole body readable. If it raises StoreError, the body may exist or not."""
        ...

    async def abort(self) -> None:
        """Drop the sent bytes. Never raises."""
        ...


class Bodies(Protocol):
    """An object store that keeps bodies by name. Methods raise only StoreError: StoreBusy if the caller may retry.

    `str()` returns the name of the place without credentials, for error messages.
    """

    smallest_bytes: int
    """Bodies of at least this many bytes go here. Shorter ones stay in the database."""

    async def open(self) -> None:
        """Make the object store ready. Repeated calls do nothing. Raises StoreError if it can't be used."""
        ...

    async def attach(self, read_owner: Callable[[], Awaitable[Owner]]) -> bool:
        """Check that this place belongs to the database. Return True if it does, False if the place can't tell.

        read_owner: reads the database. Raises StoreError if the place belongs to another database.
        """
        ...

    async def has_owner(self) -> bool:
        """Return whether the place belongs to a database. False if the place can't tell."""
        ...

    def add_owner(self, database_id: bytes) -> None:
        """Add a second id, before the database changes to that id. The next `attach` keeps only the id that it gets.

        It may wait for a disk. No process may call `attach` before the database has the new id.
        """
        ...

    async def close(self) -> None:
        """Close the connections. Repeated calls do nothing."""
        ...

    def upload(self, name: str) -> Upload:
        """Begin the upload of a body."""
        ...

    async def open_stream(self, image: StoredImage, name: str) -> ImageStream:
        """Open a stream of an image's body. name: the name of the body.

        Raises NoSuchBody if the body is missing. A place that learns this only from the first read raises StoreDamaged
        there.
        """
        ...

    async def has(self, name: str) -> bool:
        """Return whether a body of this name exists."""
        ...

    async def remove(self, names: Sequence[str]) -> None:
        """Remove bodies by name. A missing one counts as removed."""
        ...

    async def unfinished(self) -> Mapping[str, str]:
        """Return the uploads that a process is making or has left: the name of the body by the name of its part."""
        ...

    async def remove_unfinished(self, parts: Sequence[str]) -> None:
        """Remove parts by name. A missing one counts as removed."""
        ...

    def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all objects in this place, many at a time."""
        ...


Pieces = list[bytes | bytearray]


def keep(pieces: Pieces, piece: bytes | memoryview) -> None:
    """Append a copy of a piece to others. Short pieces are joined, because each object costs memory."""
    if len(piece) >= _SHORT_BYTES:
        pieces.append(bytes(piece))
    elif pieces and isinstance(pieces[-1], bytearray) and len(pieces[-1]) < _SHORT_BYTES:
        pieces[-1] += piece
    else:
        pieces.append(bytearray(piece))


def versions_among(names: Sequence[str]) -> list[bytes]:
    """Return the versions that these object names stand for. Ignore names of other objects."""
    return [bytes.fromhex(name) for name in names if _NAME.fullmatch(name)]


class OtherPlace(StoreError):
    """The object store has none of the database's current bodies, so it is the wrong place. gc must not delete rows."""
