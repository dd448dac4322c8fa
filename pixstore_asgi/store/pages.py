"""Reads all pages of a store's list."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

from ..core.images import StoredImage, Tombstone
from ..errors import StoreDamaged, StoreError
from .contract import ImageStore
from .inspection import Inspectable

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


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
