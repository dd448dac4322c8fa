"""Reading all that a store lists, a page at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from ..core.images import StoredImage, Tombstone
from ..errors import StoreError
from .contract import ImageStore
from .inspection import Inspectable

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield all that a store's `list` or `list_tombstones` has between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id


async def pages_of_ids(store: ImageStore) -> AsyncIterator[Sequence[str]]:
    """Yield the ids of all images, a page at a time, also of those whose rows are damaged, where the store can tell.

    Raises StoreBusy where the store is away, StoreError where it can't be told which images there are.
    """
    if not isinstance(store, Inspectable):
        async for images in pages_of(store.list):
            yield [image.id for image in images]
        return
    after = ""
    while page := await store.ids(after=after, limit=_PAGE):
        yield page
        if page[-1] <= after:
            raise StoreError("its images are in no order: restore the database from a backup")
        after = page[-1]
