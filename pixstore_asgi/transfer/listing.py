"""Which images there are to move."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from ..core.images import StoredImage, Tombstone
from ..pixstore import Pixstore

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


async def list_ids(pix: Pixstore, directory: str | None = None) -> list[str]:
    """Return the ids of all images, or of one directory's, in order. Raises InputError or StoreError."""
    ids: list[str] = []
    while page := await pix.list_images(directory=directory, after=ids[-1] if ids else None, limit=_PAGE):
        ids += [info.id for info in page]
    return ids


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield all that a store's `list` or `list_tombstones` has between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id
