"""Opening the store that an option names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..errors import InputError, StoreError
from ..store.connect import bucket_at, connect
from ..store.contract import ImageStore
from ..store.inspection import Inspectable, lacks_its_bucket
from ..store.objects import Bodies, versions_among
from .databases import Database


async def made(database: Database, blobs: str | None) -> ImageStore:
    """Return a store that there is already, not open, whose close leaves there what no image needs.

    Raises InputError where there is none.
    """
    await check_made(database)
    return _without_gc_at_close(database, blobs)


def _without_gc_at_close(database: Database, blobs: str | None) -> ImageStore:
    store = connect(database.store, blobs)
    if isinstance(store, Inspectable):
        # It may be a backup, whose rows know nothing of what was saved to the bucket since.
        store.sweeps_at_close = False
    return store


@asynccontextmanager
async def opened(database: Database, blobs: str | None) -> AsyncIterator[ImageStore]:
    """Open a store, made where there is none, until the block ends; what no image needs stays there."""
    store = _without_gc_at_close(database, blobs)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_as_made(database: Database, blobs: str | None) -> AsyncIterator[ImageStore]:
    """Open a store that there is already, with its bucket. Raises InputError where there is none, or no `blobs`."""
    await check_made(database)
    async with opened(database, blobs) as store:
        if await lacks_its_bucket(store):
            raise InputError("this store has bodies in a bucket: pass --blobs, as the application's blobs")
        yield store


async def check_made(database: Database) -> None:
    """Raise InputError where there is no such store."""
    if not await is_made(database):
        where = "path" if database.file else "database and the schema that it names"
        raise InputError(f"there is no store at {database}: look at the {where}")


async def is_made(database: Database) -> bool:
    """Tell whether there is such a store already; one that can't tell that is made by being opened."""
    store = connect(database.store)
    return await store.is_made() if isinstance(store, Inspectable) else True


async def count_of(store: ImageStore) -> int:
    """Return how many images a bar is to count to, 0 where rows are damaged."""
    try:
        return sum((await store.key_usage()).values())
    except StoreError:
        return 0


async def check_prefix(blobs: str, target: Database | None) -> None:
    """Raise InputError for a prefix that is not the target's: of one version, two copies would have but one object.

    target: the store that is to have it, or None where it is not made yet.
    """
    bucket = bucket_at(blobs)
    await bucket.open()
    try:
        if target is not None:
            async with opened(target, None) as store:
                if isinstance(store, Inspectable) and await store.has_bodies_elsewhere():
                    await _check_has_own(store, bucket)
                    return
        if not await bucket.is_empty():
            raise InputError("the prefix has objects already, and none of them is the target's: give another one")
    finally:
        await bucket.close()


async def _check_has_own(store: Inspectable, bodies: Bodies) -> None:
    is_empty = True
    async for names in bodies.names():
        versions = versions_among(names)
        if len(await store.unknown_bodies(versions)) < len(versions):
            return
        is_empty = is_empty and not names
    # What has bodies on their way elsewhere alone is a target whose first ones never came there.
    if not is_empty or await store.has_bodies_elsewhere(live=True):
        raise InputError(
            "the target has bodies in a bucket, and none of them below this prefix: give the one they have"
        )
