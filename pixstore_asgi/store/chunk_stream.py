"""ChunkStream: reads one version from a store. It fetches the next chunk while the caller uses the current one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from ..core.images import StoredImage
from ..errors import StoreDamaged, StoreError
from ..process import check_loop, running_loop
from .contract import CHUNK_BYTES


class ChunkStream:
    """An ImageStream of one version. Its first chunks are in memory; `read_nowait` or `read_chunk` reads the others.

    After a chunk of `read_chunk`, it fetches the next one while the caller uses this one, so a paused reader holds two
    chunks in memory. reads_ahead: False for a source that itself holds the next bytes.

    read_chunk: returns a chunk by its number, or None if the chunk is missing. reason: the end of the error message for
    a missing chunk, with cause and remedy. release: called once, as soon as this stream no longer needs the body.
    read_nowait: returns a chunk that can be read without a wait, else None.
    """

    def __init__(
        self,
        image: StoredImage,
        chunks: list[bytes],
        read_chunk: Callable[[int], Awaitable[bytes | None]],
        reason: str,
        release: Callable[[], object] | None = None,
        *,
        reads_ahead: bool = True,
        read_nowait: Callable[[int], bytes | None] | None = None,
    ) -> None:
        self.image = image
        self._chunks = chunks
        self._read_chunk = read_chunk
        self._reason = reason
        self._release = release
        self._loop = running_loop()
        self._reads_ahead = reads_ahead
        self._read_nowait = read_nowait
        self._waits = read_nowait is None  # whether the last chunk came from `read_chunk`
        self._number = 0
        self._left = image.meta.size
        self._ahead: asyncio.Task[bytes | StoreError | None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0:
            await self.aclose()
            raise StopAsyncIteration
        chunk = self._chunks.pop(0) if self._chunks else await self._read()
        if not isinstance(chunk, bytes) or len(chunk) != min(CHUNK_BYTES, self._left):
            await self.aclose()
            if isinstance(chunk, StoreError):
                raise chunk
            raise missing_part(self.image.id, self._reason)
        self._number += 1
        self._left -= len(chunk)
        self._read_ahead()
        return chunk

    def skip(self, most: int) -> int:
        chunks = min(most, self._left) // CHUNK_BYTES
        self._number += chunks
        self._left -= chunks * CHUNK_BYTES
        del self._chunks[:chunks]
        return chunks * CHUNK_BYTES

    async def aclose(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
        self._free()

    async def _read(self) -> bytes | StoreError | None:
        check_loop(self._loop)
        if self._ahead is None and self._read_nowait is not None:
            await asyncio.sleep(0)  # other tasks run between two reads on this thread
            try:
                chunk = self._read_nowait(self._number)
            except StoreError as error:
                return error
            self._waits = chunk is None
            if chunk is not None:
                return chunk
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._outcome(self._number))
        return await asyncio.shield(self._ahead)  # a cancelled reader may go on

    def _read_ahead(self) -> None:
        self._ahead = None
        if self._reads_ahead and self._waits and self._left and not self._chunks:
            self._ahead = asyncio.create_task(self._outcome(self._number))

    async def _outcome(self, number: int) -> bytes | StoreError | None:
        """Read a chunk. Return a StoreError instead of raising it: asyncio logs errors of tasks that nothing awaits."""
        try:
            return await self._read_chunk(number)
        except StoreError as error:
            return error

    def _free(self) -> None:
        self._left, self._chunks, self._ahead = 0, [], None
        release, self._release = self._release, None
        if release is not None:
            release()

    def __del__(self) -> None:
        self._free()  # a stream that was dropped unread must not keep its body for ever


def missing_part(image_id: str, reason: str) -> StoreDamaged:
    """Return the error for a body with a missing part. reason: why it may be missing, and the remedy."""
    return StoreDamaged(f"part of image {image_id} is missing from the store: {reason}")
