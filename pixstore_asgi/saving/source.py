"""The pieces of an arriving image: read within limits, kept for the decoder, and stripped of metadata."""

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import anyio

from ..core.formats import SNIFF_BYTES
from ..core.strip import find_stripper
from ..decoding.decoder import Decoder
from ..decoding.holding import Held
from ..decoding.task import Decoded
from ..errors import ImageTooLarge, InputError
from .limits import Patience, UploadLimits, Watch

_READ_BYTES = 256 * 1024
_JOINED_PIECES = 256  # a piece of one byte takes a hundred times as much memory
_JOINED_BYTES = 64 * 1024  # to check, encrypt and store a small piece costs more than to join it with the next
_PART_BYTES = 8 * 1024  # the event loop runs between two parts, also if an image consists of tiny segments


class AsyncReader(Protocol):
    """Anything with an async `read(n)`, such as Starlette's UploadFile."""

    async def read(self, size: int, /) -> bytes: ...


ImageData = bytes | bytearray | memoryview | AsyncIterator[bytes] | AsyncReader

Piece = bytes | memoryview
"""Some bytes of an image on its way in. Views are used because their repr shows no bytes: see core/hidden.py."""

_BYTES = (bytes, bytearray, memoryview)
_END = object()


class IncomingImage:
    """The pieces of one image, ready to be encrypted. Iterate once, then call `decoded`.

    Args:
        pieces: The image as its sender sends it.
        strip_metadata: Whether to remove metadata.
        decoder: Decodes the image. None: do not decode.
    """

    def __init__(self, pieces: AsyncIterator[Piece], *, strip_metadata: bool, decoder: Decoder | None) -> None:
        # Decode the original bytes, not the stripped ones: stripping could hide damage.
        self._decoder = decoder
        self._held = decoder.budget.hold() if decoder else None
        original = _holding(pieces, self._held) if self._held else pieces
        self._pieces = stripped(original) if strip_metadata else original

    def __aiter__(self) -> AsyncIterator[Piece]:
        return self._pieces

    async def decoded(self, format_name: str) -> Decoded | None:
        """Decode the whole image. Return its size, placeholder and variants, or None without a decoder.

        Raises InvalidImage if it does not decode within the limits, StoreBusy if there is no memory for it.
        """
        if self._decoder is None or self._held is None:
            return None
        try:
            return await self._decoder.decode(self._held.whole(), format_name)
        finally:
            self._held.release()

    def release(self) -> None:
        """Release the memory of an image that is no longer to be decoded."""
        if self._held:
            self._held.release()


async def _holding(pieces: AsyncIterator[Piece], held: Held) -> AsyncIterator[Piece]:
    async for piece in pieces:
        held.add(piece)
        yield piece


async def stripped(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield an image without its metadata while its pieces arrive. Leave an unknown format unchanged.

    Consumes every piece, also those after the end of the image. Raises InvalidImage for a damaged container, and the
    errors of the pieces.
    """
    head = await read_head(pieces, SNIFF_BYTES)
    stripper = find_stripper(bytes(head[:SNIFF_BYTES]))
    async for piece in with_head(head, pieces):
        if stripper is None:
            yield piece
            continue
        for part in _parts(piece):
            if kept := memoryview(stripper.feed(part)):
                yield kept
            if len(part) < len(piece):
                await asyncio.sleep(0)
    if stripper is not None:
        stripper.finish()


def _parts(piece: Piece) -> Iterator[memoryview]:
    view = memoryview(piece)
    for start in range(0, len(view), _PART_BYTES):
        yield view[start : start + _PART_BYTES]


def viewed(data: Any) -> Any:
    """Return a view of bytes, copied first if they can change. Return any other value unchanged."""
    return memoryview(bytes(data)) if isinstance(data, _BYTES) else data


async def read_head(pieces: AsyncIterator[Piece], least: int) -> memoryview:
    """Return the first pieces of an image as one: at least `least` bytes, or the whole image."""
    head = memoryview(b"")
    async for piece in pieces:
        head = memoryview(b"".join((head, piece)) if head else piece)
        if len(head) >= least:
            break
    return head


async def with_head(head: Piece, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield the head that `read_head` took from the pieces, then the remaining pieces."""
    yield head
    async for piece in pieces:
        yield piece


async def one_piece(data: memoryview) -> AsyncIterator[memoryview]:
    """Yield an image that is in memory."""
    yield data


async def read_pieces(data: ImageData, limits: UploadLimits) -> AsyncIterator[memoryview]:
    """Yield an image piece by piece, from any kind of data. Joins small pieces.

    Raises ImageTooLarge, UploadTimeout, InputError for data of another type, and the errors of the application's own
    iterator.
    """
    taken, joined, length = 0, list[memoryview](), 0
    async for piece in _pieces(data, limits):
        taken += len(piece)
        if taken > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        # Do not join the first pieces: a file that is no image is refused after them.
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
    """Yield the pieces of a file. Raises InputError if it can't be read."""
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
            # Count only the wait for the sender, not the work on a piece that has arrived.
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
        return one_piece(viewed(data))
    if isinstance(data, AsyncIterator):
        return _in_time(data, limits)
    if hasattr(data, "read"):
        return _in_time(_read_all(data), limits)
    raise InputError(
        f"image data must be bytes, an async iterator of bytes or an object with an async "
        f"read(n), but {type(data).__name__} is none "
        "of these; for a path call save_image_from_file"
    )


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
