"""Reading one body of the SQLite store: whole if it is small, else chunk by chunk, under a lease."""

import asyncio
from collections.abc import Callable
from functools import partial

from ...core.images import StoredImage
from ...errors import StoreBusy, StoreDamaged
from ..chunk_stream import ChunkStream, missing_part
from ..contract import CHUNK_BYTES, WHOLE_BYTES
from ..tables import bodies, images
from .connection import translated
from .engine import Engine

_RESTORE = "restore it from a backup"
_MAX_TRIES = 100
_PAUSE_S = 0.01


async def open_stream(engine: Engine, image_id: str) -> ChunkStream | None:
    """Open the current version of an image, or None. Takes a lease unless the whole body came with its row."""
    is_leased = True
    for _ in range(_MAX_TRIES):
        opened = await engine.read(images.open_body, image_id)
        if opened is None:
            return None
        image, body, chunks = opened
        if image.meta.size <= WHOLE_BYTES:
            if len(chunks) * CHUNK_BYTES < image.meta.size:  # gc can have taken none: see images.open_body
                raise missing_part(image_id, _RESTORE)
            return _stream(engine, image, body, chunks, None)
        with translated(engine.path):
            is_leased = engine.leases.acquire(body)
        if not is_leased:  # gc is checking whether to remove it, or removes a version that was current a moment ago
            await asyncio.sleep(_PAUSE_S)
            continue
        stream = _stream(engine, image, body, chunks, partial(engine.release_body, body))
        if await _is_live(engine, body, stream):
            return stream
    if not is_leased:
        raise StoreBusy(f"a sweep holds the body of image {image_id}: try again")
    raise StoreDamaged(f"image {image_id} points to a body that does not exist: restore the database from a backup")


def _stream(
    engine: Engine, image: StoredImage, body: int, chunks: list[bytes], release: Callable[[], None] | None
) -> ChunkStream:
    reason = _RESTORE if engine.leases.are_shared else f"it was read for longer than sweep_grace_s, or {_RESTORE}"
    return ChunkStream(image, chunks, lambda number: engine.read(bodies.read_chunk, body, number), reason, release)


async def _is_live(engine: Engine, body: int, stream: ChunkStream) -> bool:
    """Return whether a leased body is live. Close the stream if it is not, or if that is unknown."""
    is_live = False
    try:
        # Before the lease was there, the image could be updated and this body removed.
        is_live = await engine.read(bodies.is_live, body)
    finally:
        if not is_live:
            await stream.aclose()
    return is_live
