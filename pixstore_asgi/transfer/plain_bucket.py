"""Plain pictures in a bucket of S3: reads its objects, and never writes to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..core.hidden import HiddenBytes
from ..errors import InputError, StoreBusy
from ..store.s3.objects import NoSuchObject, Objects, Place
from .folder import ReadFile
from .plain_names import file_path

_FORM = "URL must be s3://bucket/prefix, optionally with ?endpoint=URL or ?region=name"
_PATIENCE_S = 10.0
_ATTEMPTS = 3


class PlainBucket:
    """The objects below a prefix. Their names are their keys below it."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def names(self) -> AsyncIterator[str]:
        """Yield the names of all objects."""
        async for page in self._objects.names():
            for name in page:
                if name:  # the mark of the prefix itself, as the consoles of S3 make it for a folder
                    yield name

    async def read(self, name: str, *, max_bytes: int) -> ReadFile:
        """Return the bytes and the time of an object.

        Raises StoreBusy if the bucket can't be reached, and InputError or ImageTooLarge if this object can't be read.
        """
        file_path(name)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                data, modified = await self._objects.read(name, max_bytes=max_bytes)
                break
            except NoSuchObject:
                raise InputError("there is no such object: it is only the mark of a folder, or was deleted") from None
            except StoreBusy:
                if attempt == _ATTEMPTS:
                    raise
        return ReadFile(HiddenBytes(data), int(modified.timestamp() * 1000))


def place_of(url: str) -> Place:
    """Return the place for a URL. Raises ConfigError."""
    return Place.of(url, _FORM)


@asynccontextmanager
async def opened_bucket(place: Place) -> AsyncIterator[PlainBucket]:
    """Keep a bucket open during the block. Raises StoreError if it refuses the credentials."""
    objects = Objects(place, _PATIENCE_S)
    await objects.check()
    yield PlainBucket(objects)
