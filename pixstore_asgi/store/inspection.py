"""Protocols beyond the store's contract: a database to inspect, snapshots, writes in a transaction of the application.

Also functions that read all images or ids of a store, a page at a time.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from ..core.images import StoredImage, Tombstone, Usage
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
    """The bodies that gc removes now or later: replaced, deleted and uncommitted ones.

    bodies: their number. bytes: their bytes in the database. free_bytes: free bytes in the database's file, or 0 if the
    store can't tell.
    """

    bodies: int
    bytes: int
    free_bytes: int


class Outside(NamedTuple):
    """The current bodies in a bucket or a folder. bodies: their number. bytes: the sum of their lengths."""

    bodies: int
    bytes: int


class DatabaseInfo(NamedTuple):
    """The database behind a store. clock_s: the server's clock, in seconds since the epoch, or None if there is no
    server.
    """

    name: str
    version: str
    clock_s: float | None


@runtime_checkable
class Inspectable(Protocol):
    """A store in a database that can be checked and counted. Methods raise StoreError. All but `is_made` need
    it open.
    """

    @property
    def bodies(self) -> Bodies | None:
        """The object store that new bodies go to, or None if they go to the database."""
        ...

    async def is_made(self) -> bool:
        """Return whether the store has been created. Never creates it, and works on a closed store."""
        ...

    async def database_info(self) -> DatabaseInfo:
        """Return name, version and clock of the database."""
        ...

    async def place(self) -> Hashable:
        """Return a value that identifies the store: two values are equal only if both are of the same store."""
        ...

    async def has_objects(self, *, live: bool = False) -> bool:
        """Return whether a body is in an object store. live: count only current bodies. False: count also those that gc
        has yet to remove.
        """
        ...

    async def outside(self) -> Outside:
        """Count the current bodies in a bucket or a folder. It reads only rows."""
        ...

    async def check_bodies(self) -> None:
        """Raise StoreError if the object store in `bodies` lacks the current bodies, StoreBusy if it can't be
        reached.
        """
        ...

    async def adopt_orphans(self) -> None:
        """Mark the objects in `bodies` that no row names as unused, so that `sweep` removes them.

        No other store may keep objects in the same place.
        """
        ...

    async def ids(self, *, after: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids of images above `after`, in order. Ids of damaged rows are included."""
        ...

    def faults(self) -> AsyncIterator[Fault]:
        """Yield faults of rows, and bodies in the database that no image points to. Does not read bodies."""
        ...

    async def unknown_bodies(self, versions: Sequence[bytes]) -> Sequence[bytes]:
        """Return the versions of this list that no row has. The name of an object is its version."""
        ...

    async def unused(self) -> Unused:
        """Count the bodies that gc removes now or later."""
        ...


@runtime_checkable
class Countable(Protocol):
    """An open store that can count the images of a directory."""

    async def usage(self, *, after: str | None = None, before: str | None = None) -> Usage:
        """Return the usage of all current images between these bounds, which are those of `ImageStore.list`.

        It reads no bodies, and must be fast: a save with a limit calls it.
        """
        ...


@runtime_checkable
class Freezable(Protocol):
    """An open store that offers a snapshot of itself while others write."""

    def snapshot(self) -> AbstractAsyncContextManager[ImageStore]:
        """Return a context manager for a snapshot: its block gets a store that shows one state. Raises StoreError."""
        ...


class ImageWrites(Protocol):
    """The methods that a save or a delete of one image needs. A store has them, and so has a store within a
    transaction.
    """

    async def get(self, image_id: str) -> StoredImage | None: ...

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter: ...

    async def delete(self, image_id: str, *, expect: Expected = Expect.ANY) -> bool: ...


@runtime_checkable
class Transactional(Protocol):
    """A store that can write within a transaction of the application."""

    def within(self, connection: Any) -> ImageWrites:
        """Return this store within the transaction of a connection. Raises InputError for any other object."""
        ...


def within(store: ImageStore, connection: object) -> ImageWrites:
    """Return an open store within the transaction of a connection. Raises InputError if the store can't write there."""
    if not isinstance(store, Transactional):
        raise InputError(
            "connection needs a store in PostgreSQL: no other store shares a transaction of the application"
        )
    return store.within(connection)


def countable(store: object) -> Countable:
    """Return a store that can count its images. Raises InputError if it can't."""
    if not isinstance(store, Countable):
        raise InputError(f"{type(store).__name__} can't count its images: it has no method `usage`")
    return store


async def found_by(look: Awaitable[Sequence[Fault]]) -> Sequence[Fault]:
    """Await one check of the database and return its faults.

    If the check itself raises a StoreError, return that as a fault. Only StoreBusy is raised.
    """
    try:
        return await look
    except StoreBusy:
        raise
    except StoreError as error:
        return [Fault("the database", str(error))]


async def lacks_its_bucket(store: object) -> bool:
    """Return whether an open store has bodies outside its database, but was opened without their place."""
    return isinstance(store, Inspectable) and store.bodies is None and await store.has_objects()


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield all items that a store's `list` or `list_tombstones` returns between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id


class Found(NamedTuple):
    """The result of reading images by id: the images, and the error of each damaged row. Both are dicts by id."""

    images: dict[str, StoredImage]
    damaged: dict[str, StoreDamaged]


NOTHING = Found({}, {})
"""The result if there is no store to read from."""


async def find(store: ImageStore, image_ids: Sequence[str]) -> Found:
    """Return the existing images among these ids. A damaged row makes `get_many` fail, but hides no other image here.

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
    """Yield all images of a store, a page at a time.

    If the store is Inspectable, a page also has the errors of damaged rows; else a damaged row raises StoreDamaged.
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

    If the store is Inspectable, ids of damaged rows are included. Raises StoreBusy if the store can't be reached,
    StoreError if the ids can't be read.
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
