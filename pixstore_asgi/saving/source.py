"""The pieces of an image that arrives: reads them within limits, keeps them for the decoder, and strips metadata."""

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Iterator
from io import FileIO
from typing import Any, Protocol

from ..core.formats import SNIFF_BYTES
from ..core.sizes import size_text
from ..core.strip import find_stripper
from ..decoding.holding import Held
from ..errors import ImageTooLarge, InputError, UploadTimeout
from ..process import in_thread
from .options import UploadLimits

_READ_BYTES = 256 * 1024
_JOINED_PIECES = 256  # each piece is an object of a hundred bytes or more
_JOINED_BYTES = 64 * 1024  # joining small pieces costs less than handling each one
_MIN_BYTES_PER_S = 1024  # the slowest mobile connections are several times as fast
_LONGEST_S = 3600.0  # some event loops refuse a timer without an end
_PART_BYTES = 8 * 1024  # other tasks run after each part, even if an image consists of tiny segments


class AsyncReader(Protocol):
    """Any object with an async `read(n)`, such as Starlette's UploadFile."""

    async def read(self, size: int, /) -> bytes: ...


ImageData = bytes | bytearray | memoryview | AsyncIterator[bytes] | AsyncReader

Piece = bytes | memoryview
"""Some bytes of an arriving image. Views are used because their repr shows no bytes; see core/hidden.py."""

_BYTES = (bytes, bytearray, memoryview)
_END = object()


async def holding(pieces: AsyncIterator[Piece], held: Held) -> AsyncIterator[Piece]:
    """Yield the pieces of an image, and also keep them in `held` for the decoder."""
    async for piece in pieces:
        held.add(piece)
        yield piece


async def stripped(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield the image without its metadata, while its pieces arrive. An image of an unknown format stays unchanged.

    It consumes every piece, also those after the end of the image. Raises InvalidImage for a damaged container, and the
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
    """Return a view of bytes, or of a copy of them if they can change. Return any other value unchanged."""
    return memoryview(bytes(data)) if isinstance(data, _BYTES) else data


async def read_head(pieces: AsyncIterator[Piece], least: int) -> memoryview:
    """Return the first pieces of an image, joined: at least `least` bytes, or the whole image."""
    head = memoryview(b"")
    async for piece in pieces:
        head = memoryview(b"".join((head, piece)) if head else piece)
        if len(head) >= least:
            break
    return head


async def with_head(head: Piece, pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """Yield the head that `read_head` has read, then the remaining pieces."""
    yield head
    async for piece in pieces:
        yield piece


async def one_piece(data: memoryview) -> AsyncIterator[memoryview]:
    """Yield a whole image that is in memory, as one piece."""
    yield data


async def read_pieces(data: ImageData, limits: UploadLimits) -> AsyncIterator[memoryview]:
    """Yield an image piece by piece, from any kind of data. Small pieces are joined.

    Raises ImageTooLarge, UploadTimeout, InputError for data of another type, and the errors of the application's own
    iterator.
    """
    taken, joined, length = 0, list[memoryview](), 0
    async for piece in _pieces(data, limits):
        taken += len(piece)
        if taken > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        # Do not join the first pieces: they are enough to refuse a file that is not an image.
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
        with await in_thread(FileIO, path) as file:
            while piece := await in_thread(file.read, _READ_BYTES):
                yield piece
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{os.fspath(path)!r} can't be read: {reason}") from error


class Patience:
    """Counts down the time that the sender of one upload has left. `limit_s`: the seconds left for the next piece."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._pause_s = limits.timeout_s
        self._left_s = limits.max_s
        self.limit_s = min(self._pause_s, self._left_s)

    def note(self, waited_s: float, taken: int) -> None:
        """Record that one piece of `taken` bytes took `waited_s` seconds to arrive."""
        # Do not average over the whole upload: a sender could send most of it quickly and then stall for hours.
        self._pause_s = min(self._pause_s - waited_s + taken / _MIN_BYTES_PER_S, self._limits.timeout_s)
        self._left_s -= waited_s
        self.limit_s = min(self._pause_s, self._left_s)

    def error(self) -> UploadTimeout:
        """Return the error for a sender that took longer than `limit_s`."""
        if self._left_s < self._pause_s:
            reason = f"not complete within max_upload_s, {self._limits.max_s} s"
        else:
            reason = f"nothing, or less than 1 KiB/s, for upload_timeout_s, {self._limits.timeout_s} s"
        return UploadTimeout(f"the image did not arrive in time: {reason}")


class Watch:
    """Gives each wait of the running task a time limit, with one timer for all waits. Call `begin` and `end` around
    each wait.

    The deadline of a wait must not be before that of the previous wait. If a wait takes longer than its limit, this
    class cancels the wait, and `end` returns True.
    """

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._cancels = 0
        self._is_waiting = self._is_overdue = False

    def begin(self, seconds: float) -> None:
        """Begin a wait of at most `seconds`."""
        self._is_waiting = True
        self._due_s = self._loop.time() + seconds
        self._cancels = self._task.cancelling()
        if self._timer is None:
            self._arm()

    def end(self) -> bool:
        """End the wait. Return True if this time limit cancelled it, and False otherwise."""
        self._is_waiting = False
        if not self._is_overdue:
            return False
        self._is_overdue = False
        return self._task.uncancel() <= self._cancels

    def close(self) -> None:
        """Cancel the timer, and end the last wait if an error interrupted it."""
        self.end()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(min(max(self._due_s - self._loop.time(), 0), _LONGEST_S), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._is_waiting:
            return
        if self._loop.time() < self._due_s:
            self._arm()
        else:
            self._is_overdue = True
            self._task.cancel()


async def _in_time(pieces: AsyncIterator[object], limits: UploadLimits) -> AsyncIterator[memoryview]:
    patience, watch = Patience(limits), Watch()
    try:
        while True:
            # Count only the time spent on waiting for the sender, not the work on a piece that has arrived.
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
        "image data must be bytes, an async iterator of bytes or an object with an async read(n), or, in code that is "
        f"not async, an iterator or a file, but {type(data).__name__} is none of these; for a path call "
        "save_image_from_file"
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
    return ImageTooLarge(f"the image is longer than max_image_bytes, {size_text(max_bytes)}: scale it down")
