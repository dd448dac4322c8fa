"""The images that are measured: valid, of an exact size, and as hard to compress as real ones."""

import io
import math
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache

from PIL import Image

_SAMPLE_SIDE = 128  # pixels
_JFIF_BYTES = 20  # SOI and APP0, which must come first
_COMMENT_BYTES = 2 + 65_535  # the longest, its marker included

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def png(size: int) -> bytes:
    """Return a PNG of exactly `size` bytes (at least 100): one grey pixel, and a private chunk as filler."""
    head = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    tail = _chunk(b"IDAT", zlib.compress(b"\0\x80")) + _chunk(b"IEND", b"")
    filler = random.Random(size).randbytes(size - len(head) - len(tail) - 12)
    return head + _chunk(b"fiLl", filler) + tail


@cache
def jpeg(size: int) -> bytes:
    """Return a JPEG of exactly `size` bytes (at least 30,000): grey noise in one scan, and comments up to the size."""
    per_pixel = len(_grey_noise(_SAMPLE_SIDE)) / _SAMPLE_SIDE**2
    side = math.isqrt(int(size * 0.95 / per_pixel))
    whole = _grey_noise(side)
    comments = b"".join(_comments(size - len(whole)))
    return whole[:_JFIF_BYTES] + comments + whole[_JFIF_BYTES:]


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a picture with detail of every size, about as hard to decode and as long when encoded as a photo."""
    source = random.Random(seed)
    bands = [Image.new("L", (width, height), 128) for _ in range(3)]
    side = 4
    while side < max(width, height):
        noise = [Image.frombytes("L", (side, side), source.randbytes(side * side)) for _ in bands]
        resized = [each.resize((width, height), Image.Resampling.BICUBIC) for each in noise]
        bands = [Image.blend(band, each, 0.25) for band, each in zip(bands, resized, strict=True)]
        side *= 4
    grey = bands[0]
    return Image.merge("RGB", [grey, *(Image.blend(grey, band, 0.3) for band in bands[1:])])


PICTURES = {"png": png, "jpeg": jpeg}


def _grey_noise(side: int) -> bytes:
    output = io.BytesIO()
    noise = random.Random(side).randbytes(side * side)
    Image.frombytes("L", (side, side), noise).save(output, "jpeg", quality=90)
    return output.getvalue()


def _comments(size: int) -> Iterator[bytes]:
    """Yield comment segments that have `size` bytes together."""
    count = math.ceil(size / _COMMENT_BYTES)
    for number in range(count):
        length = size // count + (number < size % count)
        yield struct.pack(">2sH", b"\xff\xfe", length - 2) + bytes(length - 4)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
