"""Writes within a transaction of the application, for stores that support it."""

from typing import Any, Protocol, runtime_checkable

from ..core.images import StoredImage
from ..errors import InputError
from .contract import Expect, Expected, ImageStore, ImageWriter


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
