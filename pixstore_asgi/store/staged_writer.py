"""StagedWriter: writes one version into a store in chunks, each MiB while the next one arrives."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from ..core.events import event
from ..core.images import ImageMeta
from ..errors import StoreError
from ..process import Clock
from .contract import CHUNK_BYTES
from .group_writer import CommitWith, GroupWriter
from .groups import Chunks, NewVersion
from .rules import check_meta

_log = logging.getLogger("pixstore_asgi")
_STAGED_CHUNKS = 4


class StagedWriter(GroupWriter):
    """One version being written. It collects up to 1 MiB, then stages it, invisible, while the next MiB arrives.

    So no lock is held while a client uploads. A store implements stage, commit and drop.
    """

    def __init__(self, image_id: str, version: bytes, clock_ms: Clock, commit: CommitWith) -> None:
        super().__init__(image_id, version, clock_ms, commit)
        self._body: int | None = None  # the row that it is staged under
        self._staged_chunks = 0
        self._staging: asyncio.Future[None] | None = None
        self._chunks: list[bytes | bytearray] = []
        self._rest = bytearray()

    @abstractmethod
    async def _stage(self, first: int, chunks: Chunks) -> None:
        """Write chunks, from number `first` on. Called one at a time, in order."""

    @abstractmethod
    async def _drop(self) -> None:
        """Mark the staged chunks as abandoned. If that fails it raises StoreError, and gc finds them later."""

    async def write(self, piece: bytes | memoryview) -> None:
        self._check_open()
        self._size += len(piece)
        left = memoryview(piece)
        while left:
            if len(self._chunks) == _STAGED_CHUNKS:
                await self._stage_soon()
            left = self._keep(left)

    async def abort(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._take()
        if self._size > _STAGED_CHUNKS * CHUNK_BYTES:
            with anyio.CancelScope(shield=True):
                await self._drop_staged()

    async def _finish(self, meta: ImageMeta) -> NewVersion:
        self._check_open()
        check_meta(self._image_id, meta, version=self._version, size=self._size)
        await self._end_stage()
        chunks = [*self._take(), *filter(None, [self._rest])]
        return NewVersion(self._image_id, meta, self._body, self._staged_chunks, chunks)

    async def _stage_soon(self) -> None:
        await self._end_stage()  # one at a time, so that memory is bounded
        chunks = self._take()
        self._staging = asyncio.ensure_future(self._stage(self._staged_chunks, chunks))
        self._staged_chunks += len(chunks)

    async def _end_stage(self) -> None:
        """Wait until the current chunks are staged. Raises their error if that failed."""
        staging, self._staging = self._staging, None
        if staging is not None:
            async with self._aborting():
                await staging

    @asynccontextmanager
    async def _aborting(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            # The chunks being staged are gone from the buffer: going on would leave a hole.
            await self.abort()
            raise

    async def _drop_staged(self) -> None:
        # After a stage that may be running: its body is known only then.
        try:
            if self._staging is not None:
                await asyncio.gather(self._staging, return_exceptions=True)
            await self._drop()
        except StoreError as error:  # must not hide the error that ended the write; gc finds the body later
            _log.info("an upload given up was not marked dead: %s", error, extra=event("upload_not_dropped"))
        finally:
            self._release()

    def _keep(self, piece: memoryview) -> memoryview:
        """Copy up to one chunk of the piece. Return the rest of the piece."""
        room = CHUNK_BYTES - len(self._rest)
        if not self._rest and len(piece) >= CHUNK_BYTES:
            self._chunks.append(bytes(piece[:room]))
        else:
            self._rest += piece[:room]
            if len(self._rest) == CHUNK_BYTES:
                self._chunks.append(self._rest)
                self._rest = bytearray()
        return piece[room:]

    def _take(self) -> list[bytes | bytearray]:
        chunks, self._chunks = self._chunks, []
        return chunks
