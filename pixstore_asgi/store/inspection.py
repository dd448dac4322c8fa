"""A store beyond the contract: its database and faults, snapshots, all its images page by page, and writes in a
transaction of the application."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..core.images import StoredImage, Tombstone
from ..errors import InputError, StoreBusy, StoreDamaged, StoreError
from .contract import Expect, Expected, ImageStore, ImageWriter
from .objects import Bodies

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


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


class ImageWrites(Protocol):
    """Writes an image, and reads the row to replace: a store, or a store within a transaction."""

    async def get(self, image_id: str) -> StoredImage | None: ...

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter: ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool: ...


@runtime_checkable
class Transactional(Protocol):
    """A store that can write within a transaction of the application."""

    def within(self, connection: Any) -> ImageWrites:
        """Return this store within the transaction of a connection. Raises InputError for anything else."""
        ...


def within(store: ImageStore, connection: object) -> ImageWrites:
    """Return an open store's stand-in within a connection's transaction. Raises InputError if it can't write there."""
    if not isinstance(store, Transactional):
        raise InputError(
            "connection needs a store in PostgreSQL: no other store shares a transaction of the application"
        )
    return store.within(connection)


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


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield everything that a store's `list` or `list_tombstones` returns between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id


class Found(NamedTuple):
    """Images by id, and the error of each damaged row."""

    images: dict[str, StoredImage]
    damaged: dict[str, StoreDamaged]


NOTHING = Found({}, {})
"""The result for no store."""


async def find(store: ImageStore, image_ids: Sequence[str]) -> Found:
    """Return the existing images among these ids. A damaged row, which makes `get_many` fail, hides no other image.

    Raises StoreError if the store fails for another reason.
    """
    try:
        return Found(await store.get_many(image_ids), {})
    except StoreDamaged as error:
        if len(image_ids) == 1:
            return Found({}, {image_ids[0]: error})
    middle = len(image_ids) // 2
    lower, upper = await find(store, image_ids[:middle]), await find(store, image_ids[middle:])
    return Found(lower.images | upper.images, lower.damaged | upper.damaged)


async def pages_of_images(store: ImageStore, *, size: int = _PAGE) -> AsyncIterator[Found]:
    """Yield all images of a store, a page at a time, with the damaged rows if the store can list them.

    Raises StoreError if the store fails for another reason.
    """
    after = ""
    while True:
        try:
            page = Found({image.id: image for image in await store.list(after=after, limit=size)}, {})
            ids: Sequence[str] = list(page.images)
        except StoreDamaged:
            if not isinstance(store, Inspectable):
                raise
            ids = await store.ids(after=after, limit=size)
            page = await find(store, ids)
        if not ids:
            return
        yield page
        after = _last_of(ids, after)


def _last_of(ids: Sequence[str], after: str) -> str:
    """Return the last id of a page. Raises StoreError if it is not above the last id of the previous page."""
    if ids[-1] <= after:
        raise StoreError("its images are not in order: restore the database from a backup")
    return ids[-1]


async def pages_of_ids(
    store: ImageStore, *, after: str = "", before: str | None = None
) -> AsyncIterator[Sequence[str]]:
    """Yield the ids of all images between two bounds, a page at a time.

    Ids of damaged rows are included if the store can tell. Raises StoreBusy if the store can't be reached, StoreError
    if the ids can't be read.
    """
    if not isinstance(store, Inspectable):
        async for images in pages_of(store.list, after=after, before=before):
            yield [image.id for image in images]
        return
    while page := await store.ids(after=after, limit=_PAGE):
        yield page if before is None else [image_id for image_id in page if image_id < before]
        if before is not None and page[-1] >= before:
            return
        after = _last_of(page, after)
