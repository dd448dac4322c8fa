"""Which images there are to move."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from ..core.ids import original_of
from ..core.images import StoredImage, Tombstone
from ..pixstore import Pixstore

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


async def list_ids(pix: Pixstore, directory: str | None = None, *, originals_only: bool = False) -> list[str]:
    """Return the ids of all images, or of one directory's, each with those of its variants behind it.

    originals_only: leave variants out. Raises InputError or StoreError.
    """
    ids: list[str] = []
    after, variants = None, not originals_only
    while page := await pix.list_images(directory=directory, after=after, limit=_PAGE, variants=variants):
        ids += [info.id for info in page]
        after = ids[-1]
    return sorted(ids, key=lambda image_id: (original_of(image_id), image_id))


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield all that a store's `list` or `list_tombstones` has between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id
