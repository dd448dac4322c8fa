"""From what an application passes as an image to sealed pieces: read, limited, sniffed and encrypted in one pass."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio.to_thread

from ..asgi.deadline import Watch
from ..core.cipher import Sealer
from ..core.formats.names import FORMAT_BYTES, agreed_format
from ..core.formats.reader import ImageReader
from ..core.formats.sniff import SNIFF_BYTES, sniff
from ..core.hidden import Hidden
from ..core.images import ImageMeta
from ..errors import ConfigError, ImageTooLarge, InputError, UploadTimeout

_READ_BYTES = 256 * 1024
_SLICE_BYTES = 1024 * 1024  # of an image that comes as one: cancellation finds an end between two of them
_MIN_BYTES_PER_S = 1024  # the slowest mobile lines bring several times as much
_INLINE_BYTES = 256 * 1024  # more than this is sealed in a worker thread: the event loop goes on


class AsyncReader(Protocol):
    """Anything with an async `read(n)`, e.g. Starlette's UploadFile."""

    async def read(self, size: int, /) -> bytes: ...


ImageData = bytes | bytearray | memoryview | AsyncIterator[bytes] | AsyncReader


_BYTES = (bytes, bytearray, memoryview)
_END = object()


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may take. Raises ConfigError for 0 seconds and below.

    max_bytes: the longest image accepted, counted while it arrives. timeout_s: how long its sender may bring nothing,
    or less than 1 KiB/s, in seconds. max_s: how long it may be waited for in all.
    """

    max_bytes: int
    timeout_s: float = 60
    max_s: float = 3600

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_s > 0):
            raise ConfigError("upload_timeout_s and max_upload_s must be above 0 seconds")


class Patience:
    """How much longer the sender of one upload may be waited for; `limit_s` is for its next piece."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._pause_s = limits.timeout_s
        self._left_s = limits.max_s
        self.limit_s = min(self._pause_s, self._left_s)

    def note(self, waited_s: float, taken: int) -> None:
        """Count one piece of `taken` bytes that was waited for."""
        # A rate over the whole upload would let who sends most of it at once take hours for the rest.
        self._pause_s = min(self._pause_s - waited_s + taken / _MIN_BYTES_PER_S, self._limits.timeout_s)
        self._left_s -= waited_s
        self.limit_s = min(self._pause_s, self._left_s)

    def error(self) -> UploadTimeout:
        """Return the error for a sender that took longer than `limit_s`."""
        if self._left_s < self._pause_s:
            what = f"not whole within max_upload_s, {self._limits.max_s} s"
        else:
            what = f"nothing, or less than 1 KiB/s, for upload_timeout_s, {self._limits.timeout_s} s"
        return UploadTimeout(f"the image did not arrive in time: {what}")


@dataclass(slots=True)
class SealedUpload:
    """One image on its way in: iterate it for ciphertext, then ask for `meta`.

    key: 32 fresh random bytes, hidden. iv: 12 bytes. format: the name of the format byte to write, where it is not to
    be that of the format found. Iterating raises InvalidImage (ImageTooLarge, UploadTimeout) or InputError, and
    whatever the application's own iterator raises.
    """

    data: ImageData = field(repr=False)
    allowed: frozenset[str]
    limits: UploadLimits
    key: Hidden[bytes]
    iv: bytes
    format: str | None = None
    _format_byte: int = field(init=False, repr=False)
    _reader: ImageReader = field(init=False, repr=False)
    _sealer: Sealer = field(init=False, repr=False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = _limited(_pieces(self.data, self.limits), self.limits.max_bytes)
        head = b""
        async for piece in pieces:
            head += piece
            if len(head) >= SNIFF_BYTES:
                break
        self._reader = sniff(head[:SNIFF_BYTES], self.allowed)
        self._format_byte = FORMAT_BYTES[agreed_format(self._reader.name, self.format)]
        self._sealer = Sealer(key=self.key(), iv=self.iv, format_byte=self._format_byte)
        yield await self._seal(head)
        async for piece in pieces:
            yield await self._seal(piece)
        self._reader.finish()
        self._sealer.finish()

    @property
    def taken(self) -> int:
        """How many of the image's bytes were encrypted so far."""
        return self._sealer.size - 1

    def meta(self, version: bytes) -> ImageMeta:
        """Return what is known of the whole image, its key not yet wrapped."""
        sealer = self._sealer
        return ImageMeta(
            version=version,
            format=self._format_byte,
            iv=self.iv,
            tag=sealer.tag,
            size=sealer.size,
            sha256=sealer.sha256,
            wrapped_key=b"",
        )

    async def _seal(self, piece: bytes) -> bytes:
        if len(piece) > _INLINE_BYTES:
            return await anyio.to_thread.run_sync(self._read_and_seal, piece)
        return self._read_and_seal(piece)

    def _read_and_seal(self, piece: bytes) -> bytes:
        self._reader.feed(piece)
        return self._sealer.update(piece)


async def _limited(pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    left = max_bytes
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise _too_large(max_bytes)
        yield piece


async def _in_time(pieces: AsyncIterator[object], limits: UploadLimits) -> AsyncIterator[bytes]:
    patience, watch = Patience(limits), Watch()
    try:
        while True:
            # Only waiting for the sender counts, and not what is done with a piece once it is there.
            begun_s = time.monotonic()
            watch.begin(patience.limit_s)
            try:
                piece = await anext(pieces, _END)
            except asyncio.CancelledError:
                if watch.end():
                    raise patience.error() from None
                raise
            watch.end()
            if piece is _END:
                return
            data = _as_bytes(piece)
            patience.note(time.monotonic() - begun_s, len(data))
            yield data
    finally:
        watch.close()


def _pieces(data: ImageData, limits: UploadLimits) -> AsyncIterator[bytes]:
    if isinstance(data, _BYTES):
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        if size > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        return _slices(bytes(data))
    if isinstance(data, AsyncIterator):
        return _in_time(data, limits)
    if hasattr(data, "read"):
        return _in_time(_read_all(data), limits)
    raise InputError(
        f"image data is bytes, an async iterator of bytes or has an async read(n), and {type(data).__name__} is none "
        "of these; for a path there is save_image_from_file"
    )


async def _slices(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _SLICE_BYTES):
        yield data[start : start + _SLICE_BYTES]


async def _read_all(reader: Any) -> AsyncIterator[bytes]:
    while True:
        waiting = reader.read(_READ_BYTES)
        if not inspect.isawaitable(waiting):
            raise InputError("this file's read(n) is not async: pass its bytes, or its path to save_image_from_file")
        piece = _as_bytes(await waiting)
        if not piece:
            return
        yield piece


def _as_bytes(piece: object) -> bytes:
    if not isinstance(piece, _BYTES):
        raise InputError(f"image data must come as bytes, not {type(piece).__name__}: open files in binary mode")
    return bytes(piece)


def _too_large(max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"the image is longer than max_image_bytes, {max_bytes}: scale it down")
