"""ChunkStream: reads one version from a store. It fetches the next chunk while the caller uses the current one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from ..core.images import StoredImage
from ..errors import StoreDamaged, StoreError
from ..process import check_loop
from .contract import CHUNK_BYTES


class ChunkStream:
    """An ImageStream of one version. Its first chunks are in memory; `read_chunk` reads the others.

    It fetches the next chunk while the caller uses the previous one, so a paused reader holds two chunks in memory.
    reads_ahead: False for a source that itself holds the next bytes.

    read_chunk: returns a chunk by its number, or None if the chunk is missing. reason: the end of the error message for
    a missing chunk, with cause and remedy. release: called once, as soon as this stream no longer needs the body.
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
    ) -> None:
        self.image = image
        self._chunks = chunks
        self._read_chunk = read_chunk
        self._reason = reason
        self._release = release
        self._reads_ahead = reads_ahead
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
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._outcome(self._number))
        check_loop(self._ahead.get_loop())
        return await asyncio.shield(self._ahead)  # a cancelled reader may go on

    def _read_ahead(self) -> None:
        self._ahead = None
        if self._reads_ahead and self._left and not self._chunks:
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
