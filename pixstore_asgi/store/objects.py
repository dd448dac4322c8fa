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
_ASKED_FOR = 4

_NAME = re.compile(rf"[0-9a-f]{{{2 * VERSION_BYTES}}}")


class InObjectStore(StoreError):
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
    """A place for bodies, by name. Only StoreError gets out, with StoreBusy for what may be tried again.

    `str` of it names the place for an error message, without credentials.
    """

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

    async def has(self, name: str) -> bool:
        """Tell whether a body is there."""
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


class LiveNames(NamedTuple):
    """Names of current bodies that lie elsewhere: of some of the oldest rows, and of some of the newest."""

    oldest: Sequence[str]
    newest: Sequence[str]


class RowsOfBodies(Protocol):
    """What a store does for bodies that lie elsewhere."""

    async def live_names(self, limit: int) -> LiveNames:
        """Return up to `limit` names of each kind; none if no current body lies elsewhere."""
        ...

    async def claim_bodies(self, limit: int) -> Sequence[Claimed]:
        """Claim bodies that are dead or given up, and whose name no other row has, for long enough."""
        ...

    async def forget_bodies(self, claimed: Sequence[Claimed]) -> None:
        """Forget the rows of bodies that were removed."""
        ...


class ObjectWriter(GroupWriter):
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


async def here_or_in_bucket(opening: Awaitable[ImageStream | None], bodies: Bodies | None) -> ImageStream | None:
    """Return what a store opens, or, where the body lies elsewhere, the stream from there. Raises InObjectStore."""
    try:
        return await opening
    except InObjectStore as found:
        if bodies is None:
            raise
        return bodies.stream(found.image, found.image.meta.version.hex())


class OtherPlace(StoreError):
    """A store's bodies do not lie in the place that it was given: no row of a body may be forgotten."""


class ObjectGc:
    """Removes bodies elsewhere that no image has any more.

    It first asks the place for bodies of live rows, until it has found some. In a wrong bucket or prefix, removing
    succeeds and removes nothing: the rows would be forgotten, and their objects would stay for ever.
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
        """Ask the place for several live bodies, if there are any. Raises OtherPlace if it has none, StoreError."""
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
