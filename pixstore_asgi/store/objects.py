"""Bodies in an object store, such as a bucket: first a pending row, then the body, then the pointer in one step.

A body's name is the hexadecimal of its version, 16 random bytes. It is never overwritten with other bytes. If a copy of
a store was interrupted, the same version may be written again, with another row and the same bytes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import NamedTuple, Protocol

from ..core.images import VERSION_BYTES, StoredImage
from ..errors import StoreError
from .contract import ImageStream

_ASKED_FOR = 4

_NAME = re.compile(rf"[0-9a-f]{{{2 * VERSION_BYTES}}}")


class InObjectStore(StoreError):
    """The body of `image` is an object, but the store was asked without its object store."""

    def __init__(self, image: StoredImage) -> None:
        super().__init__(f"the body of image {image.id} lies in a bucket: open the store with blobs=… as it was saved")
        self.image = image


class Upload(Protocol):
    """One body being uploaded, invisible before `finish`."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Append bytes. The caller may reuse their memory once this returns. Raises StoreError."""
        ...

    async def finish(self) -> None:
        """Make the whole body readable. Raises StoreError; the body may then exist or not."""
        ...

    async def abort(self) -> None:
        """Drop the sent bytes. Never raises."""
        ...


class Bodies(Protocol):
    """An object store for bodies, by name. Methods raise only StoreError, and StoreBusy if the caller may retry.

    `str` of it names the place for an error message, without credentials.
    """

    async def open(self) -> None:
        """Make it ready. Repeated calls do nothing. Raises StoreError if it can't be used."""
        ...

    async def close(self) -> None:
        """Close it. Repeated calls do nothing."""
        ...

    def upload(self, name: str) -> Upload:
        """Begin a body."""
        ...

    def stream(self, image: StoredImage, name: str) -> ImageStream:
        """Return a stream of the body of an image."""
        ...

    async def has(self, name: str) -> bool:
        """Return whether a body exists."""
        ...

    async def remove(self, names: Sequence[str]) -> None:
        """Remove bodies. A missing one counts as removed."""
        ...

    def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all objects in this place, many at a time."""
        ...


def versions_among(names: Sequence[str]) -> list[bytes]:
    """Return the versions that these names belong to. Ignore names of other objects."""
    return [bytes.fromhex(name) for name in names if _NAME.fullmatch(name)]


class Claimed(NamedTuple):
    """A body that gc has reserved: no write of the same version can begin until its row is deleted."""

    row: int
    name: str


class LiveNames(NamedTuple):
    """Names of current objects: of some of the oldest rows, and of some of the newest."""

    oldest: Sequence[str]
    newest: Sequence[str]


class RowsOfBodies(Protocol):
    """The rows of objects, for gc."""

    async def live_names(self, limit: int) -> LiveNames:
        """Return up to `limit` names of each kind, or none if no current body is an object."""
        ...

    async def claim_bodies(self, limit: int) -> Sequence[Claimed]:
        """Claim objects that were dead or abandoned for long enough and share their name with no other row."""
        ...

    async def forget_bodies(self, claimed: Sequence[Claimed]) -> None:
        """Delete the rows of objects that were removed."""
        ...


async def here_or_in_bucket(opening: Awaitable[ImageStream | None], bodies: Bodies | None) -> ImageStream | None:
    """Return the stream that a store opens, or the object's stream. Raises InObjectStore if `bodies` is None."""
    try:
        return await opening
    except InObjectStore as found:
        if bodies is None:
            raise
        return bodies.stream(found.image, found.image.meta.version.hex())


class OtherPlace(StoreError):
    """This object store does not have the store's bodies, so no row of an object may be deleted."""


class ObjectGc:
    """Removes objects that no image needs.

    It first checks that the object store has objects of current rows. In a wrong bucket or prefix, a removal succeeds
    without removing anything: the rows would be deleted, and their objects would stay forever.
    """

    def __init__(self, rows: RowsOfBodies, bodies: Bodies) -> None:
        self._rows = rows
        self._bodies = bodies
        self._is_known = False

    async def sweep(self, limit: int) -> int:
        """Remove up to `limit` bodies; return how many. Raises OtherPlace, StoreBusy or another StoreError.

        Shielded: a call cancelled between removing and forgetting would leave removed bodies to be claimed again.
        """
        await self.check()
        claimed = await self._rows.claim_bodies(limit)
        if not self._is_known:  # no live row: only bodies seen there are removed, and the other rows stay
            claimed = [body for body in claimed if await self._bodies.has(body.name)]
        if claimed:
            await asyncio.shield(_remove(self._rows, self._bodies, claimed))
        return len(claimed)

    async def check(self) -> None:
        """Check that the object store has several live bodies. Raises OtherPlace if it has none of them, StoreError."""
        if self._is_known:
            return
        live = await self._rows.live_names(_ASKED_FOR)
        if not live.oldest:
            return
        for names in live:  # the place may have been changed a while ago: then the newest are there, and no others
            if not await self._has_any(names):
                raise OtherPlace(
                    f"no current body was found in {self._bodies} ({len(names)} looked for), so nothing is removed "
                    "there: look whether blobs= names the bucket and prefix of this database; if it does, run "
                    "`pixstore-asgi verify`, and restore what is missing"
                )
        self._is_known = True

    async def _has_any(self, names: Sequence[str]) -> bool:
        for name in names:  # one that is lost must not stop all sweeps
            if await self._bodies.has(name):
                return True
        return False


async def _remove(rows: RowsOfBodies, bodies: Bodies, claimed: Sequence[Claimed]) -> None:
    await bodies.remove([body.name for body in claimed])
    await rows.forget_bodies(claimed)
