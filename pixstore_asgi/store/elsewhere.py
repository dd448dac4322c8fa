"""Bodies that lie elsewhere than their rows, such as in a bucket: pending row, body, then the pointer in one step.

A body is named by its version's 16 random bytes, in hexadecimal, and never overwritten with other bytes. Where a copy
of a store was cut off, the same version may be written again: its rows are told apart, its bytes are the same.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import NamedTuple, Protocol

import anyio

from ..core.events import event
from ..core.images import VERSION_BYTES, ImageMeta, StoredImage
from ..errors import StoreError
from .clock import Clock
from .contract import ImageStream
from .group_writer import CommitWith, GroupWriter
from .groups import NewVersion
from .rules import check_meta

_log = logging.getLogger("pixstore_asgi")
TOUCHED_EVERY_S = 30.0
"""How often a row is told that its body is still on its way."""

_NAME = re.compile(rf"[0-9a-f]{{{2 * VERSION_BYTES}}}")


class BodyElsewhere(StoreError):
    """The body of `image` lies elsewhere than in the store that was asked for it."""

    def __init__(self, image: StoredImage) -> None:
        super().__init__(f"the body of image {image.id} lies in a bucket: open the store with blobs=… as it was saved")
        self.image = image


class Upload(Protocol):
    """One body on its way, of which nobody sees anything before `finish`."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Append bytes, whose memory is the caller's again once this returns. Raises StoreError."""
        ...

    async def finish(self) -> None:
        """Make the body readable, whole. Raises StoreError; it may then be there or not."""
        ...

    async def abort(self) -> None:
        """Drop what was sent. Raises nothing."""
        ...


class Bodies(Protocol):
    """A place for bodies, by name. Only StoreError gets out, with StoreBusy for what may be tried again."""

    async def open(self) -> None:
        """Make it ready; harmless when repeated. Raises StoreError where it can't be used."""
        ...

    async def close(self) -> None:
        """Give it up; harmless when repeated."""
        ...

    def upload(self, name: str) -> Upload:
        """Begin a body."""
        ...

    def stream(self, image: StoredImage, name: str) -> ImageStream:
        """Return the body of an image, open for reading."""
        ...

    async def remove(self, names: Sequence[str]) -> None:
        """Remove bodies; one that is not there is none the less removed."""
        ...

    def names(self) -> AsyncIterator[Sequence[str]]:
        """Yield the names of all that lies there, many at a time."""
        ...


def versions_among(names: Sequence[str]) -> list[bytes]:
    """Return the versions that these names are of, without those that are no body's."""
    return [bytes.fromhex(name) for name in names if _NAME.fullmatch(name)]


class PendingBody(Protocol):
    """The row of a body that is on its way; a sweep takes it for given up once it was not touched for long."""

    @property
    def body(self) -> int:
        """What the store calls it."""
        ...

    async def touch(self) -> None:
        """Tell that the body is still on its way. Raises StoreError where it was swept."""
        ...

    async def drop(self) -> None:
        """Mark the body as given up. Raises StoreError where that can't be: a sweep finds it later."""
        ...


class Claimed(NamedTuple):
    """A body that a sweep has for itself: no write of the same version begins until its row is forgotten."""

    row: int
    name: str


class RowsOfBodies(Protocol):
    """What a store does for bodies that lie elsewhere."""

    async def claim_bodies(self, limit: int) -> Sequence[Claimed]:
        """Claim bodies that are dead or given up, and whose name no other row has, for long enough."""
        ...

    async def forget_bodies(self, claimed: Sequence[Claimed]) -> None:
        """Forget the rows of bodies that were removed."""
        ...


class ElsewhereWriter(GroupWriter):
    """One version being written, its body elsewhere and its row in a store."""

    def __init__(
        self, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith, row: PendingBody, upload: Upload
    ) -> None:
        super().__init__(image_id, version, clock_ms, commit)
        self._row = row
        self._upload = upload
        self._touched_s = time.monotonic()

    async def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        try:
            await self._touch()
            self._size += len(piece)
            await self._upload.write(piece)
        except BaseException:
            await self.abort()  # what was under way is gone: going on would leave a hole
            raise

    async def abort(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        with anyio.CancelScope(shield=True):
            await self._upload.abort()
            try:
                await self._row.drop()
            except StoreError as error:  # must not hide why the write was given up; a later sweep finds the body
                _log.info("an upload given up was not marked dead: %s", error, extra=event("upload_not_dropped"))

    async def _finish(self, meta: ImageMeta) -> NewVersion:
        self._check_open()
        check_meta(self._image_id, meta, version=self._version, size=self._size)
        await self._touch()  # before the body is there: one whose row was swept would stay for ever
        await self._upload.finish()
        return NewVersion(self._image_id, meta, self._row.body)

    def _release(self) -> None:
        """Nothing to give up: time alone keeps what is pending."""

    async def _touch(self) -> None:
        if time.monotonic() - self._touched_s > TOUCHED_EVERY_S:
            self._touched_s = time.monotonic()
            await self._row.touch()


async def here_or_elsewhere(opening: Awaitable[ImageStream | None], bodies: Bodies | None) -> ImageStream | None:
    """Return what a store opens, or, where the body lies elsewhere, the stream from there. Raises BodyElsewhere."""
    try:
        return await opening
    except BodyElsewhere as found:
        if bodies is None:
            raise
        return bodies.stream(found.image, found.image.meta.version.hex())


async def sweep_bodies(rows: RowsOfBodies, bodies: Bodies, limit: int) -> int:
    """Remove up to `limit` bodies that no image has any more; return how many.

    Shielded: who is cancelled between the two steps would leave what was removed to be claimed again.
    """
    claimed = await rows.claim_bodies(limit)
    if claimed:
        await asyncio.shield(_remove(rows, bodies, claimed))
    return len(claimed)


async def _remove(rows: RowsOfBodies, bodies: Bodies, claimed: Sequence[Claimed]) -> None:
    await bodies.remove([body.name for body in claimed])
    await rows.forget_bodies(claimed)
