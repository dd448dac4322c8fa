"""What a store in a database tells of itself beyond the contract: which it is, where bodies lie, what is wrong."""

from collections.abc import AsyncIterator, Awaitable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from ..errors import StoreBusy, StoreError
from .contract import ImageStore
from .objects import Bodies


class Fault(NamedTuple):
    """Something that is not as it should be. what: such as "image players:abc" or "body 12". reason: in words."""

    what: str
    reason: str


class Unused(NamedTuple):
    """What is replaced, deleted or not yet committed: bodies, and bytes of them that lie in the database.

    free_bytes: room in the database's file that is free already, where the store can tell.
    """

    bodies: int
    bytes: int
    free_bytes: int


class DatabaseInfo(NamedTuple):
    """The database behind a store. clock_s: its own clock, in seconds since the epoch, where it has one."""

    name: str
    version: str
    clock_s: float | None


@runtime_checkable
class Inspectable(Protocol):
    """A store in a database. Its methods raise StoreError; all but `is_made` want it open."""

    sweeps_at_close: bool
    """Whether `close` takes away what no image needs: not where the rows may be a copy beside the original's bucket."""

    sweep_grace_s: float
    """How long what was replaced stays for readers that can't be seen, in seconds."""

    @property
    def bodies(self) -> Bodies | None:
        """Where new bodies are kept in place of the database."""
        ...

    async def is_made(self) -> bool:
        """Tell, open or not, whether there is such a store already, and make none."""
        ...

    async def database_info(self) -> DatabaseInfo:
        """Return which database this is."""
        ...

    async def place(self) -> Hashable:
        """Return what two stores have alike where they are one, by whatever names."""
        ...

    async def has_bodies_elsewhere(self, *, live: bool = False) -> bool:
        """Tell whether any body lies elsewhere than in the database: a current one, or, unless `live`, one to sweep."""
        ...

    async def check_bodies(self) -> None:
        """Raise StoreError if `bodies` is not the place that current bodies lie in, StoreBusy if it is away."""
        ...

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids of images above `after`, in their order, also of those whose rows are damaged."""
        ...

    def faults(self) -> AsyncIterator[Fault]:
        """Yield what is wrong with rows, and bodies in the database that belong to nothing, without reading bodies."""
        ...

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        """Return those of these versions, the names of bodies elsewhere, that no row has."""
        ...

    async def unused(self) -> Unused:
        """Count what a sweep takes away, now or later."""
        ...


@runtime_checkable
class Freezable(Protocol):
    """An open store that can be read as it was at one moment, while others write."""

    def snapshot(self) -> AbstractAsyncContextManager[ImageStore]:
        """Return the store as it is now, to be read for the time of a block. Raises StoreError."""
        ...


async def found_by(look: Awaitable[Sequence[Fault]]) -> Sequence[Fault]:
    """Return what a look at a database has found; that it can't be looked at is a fault, too. Raises StoreBusy."""
    try:
        return await look
    except StoreBusy:
        raise
    except StoreError as error:
        return [Fault("the database", str(error))]


async def lacks_its_bucket(store: object) -> bool:
    """Tell whether an open store has bodies elsewhere, and was not given where."""
    return isinstance(store, Inspectable) and store.bodies is None and await store.has_bodies_elsewhere()
