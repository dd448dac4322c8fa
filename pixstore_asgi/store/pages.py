"""Reading all that a store lists, a page at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from ..core.images import StoredImage, Tombstone

_PAGE = 1000
_T = TypeVar("_T", StoredImage, Tombstone)


async def pages_of(
    read: Callable[..., Awaitable[Sequence[_T]]], *, after: str | None = None, before: str | None = None
) -> AsyncIterator[Sequence[_T]]:
    """Yield all that a store's `list` or `list_tombstones` has between two bounds, a page at a time."""
    while page := await read(after=after, before=before, limit=_PAGE):
        yield page
        after = page[-1].id
