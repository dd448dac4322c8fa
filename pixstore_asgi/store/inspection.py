"""Facts about a store in a database beyond the contract: which database it is, where bodies lie, its faults."""

from collections.abc import AsyncIterator, Awaitable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from ..errors import StoreBusy, StoreError
from .contract import ImageStore
from .objects import Bodies


class Fault(NamedTuple):
    """A fault of a store. what: its place, such as "image players:abc" or "body 12". reason: in words."""

    what: str
    reason: str


class Unused(NamedTuple):
    """Replaced, deleted and uncommitted bodies: how many, and their bytes in the database.

    free_bytes: free bytes in the database's file, if the store can tell.
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
    """A store in a database. Its methods raise StoreError; all but `is_made` want it open."""

    sweeps_at_close: bool
    """Whether `close` removes unneeded bodies. False if the rows may be a copy of those of a bucket in use."""

    sweep_grace_s: float
    """How long replaced bodies stay for readers that the store can't see, in seconds."""

    @property
    def bodies(self) -> Bodies | None:
        """The place for new bodies instead of the database."""
        ...

    async def is_made(self) -> bool:
        """Tell, open or not, whether there is such a store already, and make none."""
        ...

    async def database_info(self) -> DatabaseInfo:
        """Return which database this is."""
        ...

    async def place(self) -> Hashable:
        """Return a value that is equal for two stores only if they are the same store under two names."""
        ...

    async def has_bodies_elsewhere(self, *, live: bool = False) -> bool:
        """Tell whether any body lies elsewhere than in the database: a current one, or, unless `live`, one to sweep."""
        ...

    async def check_bodies(self) -> None:
        """Raise StoreError if `bodies` is not the place that current bodies lie in, StoreBusy if it is away."""
        ...

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids of images above `after`, in their order, including ids of damaged rows."""
        ...

    def faults(self) -> AsyncIterator[Fault]:
        """Yield faults of rows, and bodies in the database that belong to no image, without reading bodies."""
        ...

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        """Return those of these versions, the names of bodies elsewhere, that no row has."""
        ...

    async def unused(self) -> Unused:
        """Count the bodies that a sweep removes, now or later."""
        ...


@runtime_checkable
class Freezable(Protocol):
    """An open store that can be read as it was at one moment, while others write."""

    def snapshot(self) -> AbstractAsyncContextManager[ImageStore]:
        """Return the store as it is now, to be read for the time of a block. Raises StoreError."""
        ...


async def found_by(look: Awaitable[Sequence[Fault]]) -> Sequence[Fault]:
    """Return the faults that a look at a database has found; a failed look is a fault, too. Raises StoreBusy."""
    try:
        return await look
    except StoreBusy:
        raise
    except StoreError as error:
        return [Fault("the database", str(error))]


async def lacks_its_bucket(store: object) -> bool:
    """Tell whether an open store has bodies in a bucket, and was opened without it."""
    return isinstance(store, Inspectable) and store.bodies is None and await store.has_bodies_elsewhere()
