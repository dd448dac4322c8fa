"""From what an application passes as an image to pieces of bytes: read, limited in length and time."""

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator
from typing import Any, Protocol

import anyio

from ..errors import ImageTooLarge, InputError
from .limits import Patience, UploadLimits, Watch

_READ_BYTES = 256 * 1024
_JOINED_PIECES = 256  # a piece of one byte takes a hundred times as much memory
_JOINED_BYTES = 64 * 1024  # to check, encrypt and keep a small piece costs more than to join it with the next


class AsyncReader(Protocol):
    """Anything with an async `read(n)`, e.g. Starlette's UploadFile."""

    async def read(self, size: int, /) -> bytes: ...


ImageData = bytes | bytearray | memoryview | AsyncIterator[bytes] | AsyncReader

Piece = bytes | memoryview
"""Some bytes of an image on its way in. A view, because its repr shows none of them: see core/hidden.py."""

_BYTES = (bytes, bytearray, memoryview)
_END = object()


def viewed(data: Any) -> Any:
    """Return a view of bytes, of a copy if they can change, and anything else as it is."""
    return memoryview(bytes(data)) if isinstance(data, _BYTES) else data


async def read_head(pieces: AsyncIterator[Piece], least: int) -> memoryview:
    """Return an image's first pieces in one: `least` bytes or more, or all there is."""
    head = memoryview(b"")
    async for piece in pieces:
        head = memoryview(b"".join((head, piece)) if head else piece)
        if len(head) >= least:
            break
    return head


async def read_pieces(data: ImageData, limits: UploadLimits) -> AsyncIterator[memoryview]:
    """Yield an image piece by piece, whatever it comes as; where it goes on in many small ones, these are joined.

    Raises ImageTooLarge, UploadTimeout, InputError for what is no image data, and whatever the application's own
    iterator raises.
    """
    taken, joined, length = 0, list[memoryview](), 0
    async for piece in _pieces(data, limits):
        taken += len(piece)
        if taken > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        # The first ones as they come: what is no image is found out there.
        if taken <= _JOINED_BYTES or (len(piece) >= _JOINED_BYTES and not joined):
            yield piece
            continue
        joined.append(piece)
        length += len(piece)
        if length >= _JOINED_BYTES:
            yield memoryview(b"".join(joined))
            joined, length = [], 0
        elif len(joined) >= _JOINED_PIECES:
            joined = [memoryview(b"".join(joined))]
    if joined:
        yield memoryview(b"".join(joined))


async def read_file(path: str | os.PathLike[str]) -> AsyncIterator[bytes]:
    """Yield the pieces of a file. Raises InputError where it can't be read."""
    try:
        async with await anyio.open_file(path, "rb") as file:
            while piece := await file.read(_READ_BYTES):
                yield piece
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{os.fspath(path)!r} can't be read: {reason}") from error


async def _in_time(pieces: AsyncIterator[object], limits: UploadLimits) -> AsyncIterator[memoryview]:
    patience, watch = Patience(limits), Watch()
    try:
        while True:
            # Only waiting for the sender counts, and not what is done with a piece once it is there.
            begun_s = time.monotonic()
            watch.begin(patience.limit_s)
            try:
                piece = viewed(await anext(pieces, _END))
            except asyncio.CancelledError:
                if watch.end():
                    raise patience.error() from None
                raise
            watch.end()
            if piece is _END:
                return
            _require_bytes(piece)
            patience.note(time.monotonic() - begun_s, len(piece))
            yield piece
    finally:
        watch.close()


def _pieces(data: ImageData, limits: UploadLimits) -> AsyncIterator[memoryview]:
    if isinstance(data, _BYTES):
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        if size > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        return _one(viewed(data))
    if isinstance(data, AsyncIterator):
        return _in_time(data, limits)
    if hasattr(data, "read"):
        return _in_time(_read_all(data), limits)
    raise InputError(
        f"image data is bytes, an async iterator of bytes or has an async read(n), and {type(data).__name__} is none "
        "of these; for a path there is save_image_from_file"
    )


async def _one(data: memoryview) -> AsyncIterator[memoryview]:
    yield data


async def _read_all(reader: Any) -> AsyncIterator[memoryview]:
    while True:
        waiting = reader.read(_READ_BYTES)
        if not inspect.isawaitable(waiting):
            raise InputError("this file's read(n) is not async: pass its bytes, or its path to save_image_from_file")
        piece = viewed(await waiting)
        _require_bytes(piece)
        if not piece:
            return
        yield piece


def _require_bytes(piece: object) -> None:
    if not isinstance(piece, _BYTES):
        raise InputError(f"image data must come as bytes, not {type(piece).__name__}: open files in binary mode")


def _too_large(max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"the image is longer than max_image_bytes, {max_bytes:,} bytes: scale it down")
