"""What stays of a PNG."""

import zlib

from ..formats.reader import require
from .exif import MAX_EXIF_BYTES, UPRIGHT, orientation, orientation_only
from .parts import Drop, Keep, Put, Read, Rule, Take

# PNG (W3C, third edition), 11: what decides on pixels and colours, on frames, and on the size they are shown in.
_PICTURE = {b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"pHYs"}
_COLOURS = {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD", b"hIST", b"sPLT"}


def strip() -> Rule:
    """PNG (W3C), 5.3 and 11: signature, chunks up to IEND. Of eXIf stays an orientation."""
    yield Read(8)
    has_exif = False
    while True:
        head = yield Take(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        require(length < 2**31 and kind.isalpha(), "PNG chunk")
        if kind == b"eXIf" and not has_exif:  # a second one is an error, and ignored
            has_exif = True
            yield from _exif(length)
        elif kind in _PICTURE or kind in _COLOURS:
            yield Put(head)
            yield Keep(length + 4)
        else:
            yield Drop(length + 4)
        if kind == b"IEND":
            yield Put(_chunk(b"IEND", b""))
            return


def _exif(length: int) -> Rule:
    head = yield Take(min(length, MAX_EXIF_BYTES))
    yield Drop(length + 4 - len(head))
    value = orientation(head)
    if value != UPRIGHT:
        yield Put(_chunk(b"eXIf", orientation_only(value)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
