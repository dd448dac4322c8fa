"""Facts about a database's store beyond the contract: its version and clock, the place of bodies, its faults."""

from collections.abc import AsyncIterator, Awaitable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from ..errors import StoreBusy, StoreError
from .contract import ImageStore
from .objects import Bodies


class Fault(NamedTuple):
    """A fault of a store. what: the faulty part, such as "image players:abc" or "body 12". reason: in words."""

    what: str
    reason: str


class Unused(NamedTuple):
    """Replaced, deleted and uncommitted bodies: their number, and their bytes in the database.

    free_bytes: free bytes in the database's file, or None if the store can't tell.
    """

    bodies: int
    bytes: int
    free_bytes: int


class DatabaseInfo(NamedTuple):
    """The database behind a store. clock_s: its own clock, in seconds since the epoch, if it has one."""

    name: str
    version: str
    clock_s: float | None


@runtime_checkable
class Inspectable(Protocol):
    """A store in a database. Its methods raise StoreError. All but `is_made` need it open."""

    @property
    def bodies(self) -> Bodies | None:
        """The object store for new bodies, or None if they go to the database."""
        ...

    async def is_made(self) -> bool:
        """Return whether the store exists. Never creates it, and works on a closed store."""
        ...

    async def database_info(self) -> DatabaseInfo:
        """Return version and clock of the database."""
        ...

    async def place(self) -> Hashable:
        """Return a value that is equal for two stores only if they are the same store under two names."""
        ...

    async def has_objects(self, *, live: bool = False) -> bool:
        """Return whether a current body is outside the database. With `live` False, unswept bodies count too."""
        ...

    async def check_bodies(self) -> None:
        """Raise StoreError if `bodies` does not have the current bodies, StoreBusy if it can't be reached."""
        ...

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids of images above `after`, in their order, including ids of damaged rows."""
        ...

    def faults(self) -> AsyncIterator[Fault]:
        """Yield faults of rows, and bodies in the database without an image. Reads no body."""
        ...

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        """Return the object names of this list that no row has."""
        ...

    async def unused(self) -> Unused:
        """Count the bodies that a sweep removes, now or later."""
        ...


@runtime_checkable
class Freezable(Protocol):
    """An open store that can be read as a snapshot while others write."""

    def snapshot(self) -> AbstractAsyncContextManager[ImageStore]:
        """Return the store as a snapshot, valid for the block. Raises StoreError."""
        ...


async def found_by(look: Awaitable[Sequence[Fault]]) -> Sequence[Fault]:
    """Return the faults that one look at the database finds. A failed look is a fault too. Raises StoreBusy."""
    try:
        return await look
    except StoreBusy:
        raise
    except StoreError as error:
        return [Fault("the database", str(error))]


async def lacks_its_bucket(store: object) -> bool:
    """Return whether an open store has bodies in a bucket, but was opened without that bucket."""
    return isinstance(store, Inspectable) and store.bodies is None and await store.has_objects()
