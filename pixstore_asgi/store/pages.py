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


async def pages_of_ids(
    store: ImageStore, *, after: str = "", before: str | None = None
) -> AsyncIterator[Sequence[str]]:
    """Yield the ids of all images between two bounds, a page at a time.

    Where the store can tell, also of those whose rows are damaged. Raises StoreBusy where the store is away, StoreError
    where it can't be told which images there are.
    """
    if not isinstance(store, Inspectable):
        async for images in pages_of(store.list, after=after, before=before):
            yield [image.id for image in images]
        return
    while page := await store.ids(after=after, limit=_PAGE):
        yield page if before is None else [image_id for image_id in page if image_id < before]
        if before is not None and page[-1] >= before:
            return
        if page[-1] <= after:
            raise StoreError("its images are in no order: restore the database from a backup")
        after = page[-1]
