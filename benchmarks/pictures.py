"""The images that are measured: valid, of an exact size, and as hard to compress as real ones."""

import random
import struct
import zlib
from functools import cache

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def png(size: int) -> bytes:
    """Return a PNG of exactly `size` bytes (at least 100): one grey pixel, and a private chunk as filler."""
    head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(b"\0\x80")) + _chunk(b"IEND", b"")
    filler = random.Random(size).randbytes(size - len(head) - len(tail) - 12)
    return head + _chunk(b"fiLl", filler) + tail


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
