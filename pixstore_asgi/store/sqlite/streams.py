"""Opens streams of bodies in SQLite. A small body is read whole, a larger one chunk by chunk under a lease."""

import asyncio
from collections.abc import Callable
from functools import partial

from ...core.images import StoredImage
from ...errors import StoreBusy, StoreDamaged
from ..chunk_stream import ChunkStream, missing_part
from ..contract import CHUNK_BYTES, WHOLE_BYTES
from ..tables import bodies, images
from . import reads
from .connection import translated
from .engine import Engine

_RESTORE = "restore it from a backup"
_MAX_TRIES = 100
_PAUSE_S = 0.01


async def open_stream(engine: Engine, image_id: str) -> ChunkStream | None:
    """Open a stream of an image's current version, or return None. A small body is read now; a larger one gets a lease
    until the stream ends.
    """
    is_leased = True
    for _ in range(_MAX_TRIES):
        opened = await engine.read(images.open_body, image_id)
        if opened is None:
            return None
        image, body, chunks = opened
        if image.meta.size <= WHOLE_BYTES:
            if len(chunks) * CHUNK_BYTES < image.meta.size:  # gc can't have removed any: see images.open_body
                raise missing_part(image_id, _RESTORE)
            return _stream(engine, image, body, chunks, None)
        with translated(engine.path):
            is_leased = engine.leases.acquire(body)
        if not is_leased:  # gc has claimed the body, to check it or because the image was just updated
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
    return ChunkStream(
        image,
        chunks,
        lambda number: engine.read(bodies.read_chunk, body, number),
        reason,
        release,
        read_nowait=(lambda number: engine.read_nowait(reads.chunk, body, number)) if engine.reads_are_quick else None,
    )


async def _is_live(engine: Engine, body: int, stream: ChunkStream) -> bool:
    """Return whether a leased body is still current. If it is not, or the check fails, close the stream."""
    is_live = False
    try:
        # Before the lease was taken, the image may have been updated and this body removed.
        is_live = await engine.read(bodies.is_live, body)
    finally:
        if not is_live:
            await stream.aclose()
    return is_live
