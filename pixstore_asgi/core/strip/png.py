"""Removes metadata from a PNG."""

import zlib

from ..formats.containers import require
from .jpeg import MAX_EXIF_BYTES, UPRIGHT, orientation, orientation_only
from .parts import DROP, KEEP, READ, TAKE, Rule

_ANY = range(2**31)

# The chunks to keep, for pixels, colours, frames and density, with their possible lengths (PNG, W3C, third edition,
# section 11). Suggested palettes (sPLT) are removed: they have names, and help only on screens of few colours.
_NEEDED = {b"IHDR": range(13, 14), b"PLTE": range(3, 769), b"acTL": range(8, 9)}
_ONCE = {
    b"tRNS": range(1, 257),
    b"pHYs": range(9, 10),
    b"gAMA": range(4, 5),
    b"cHRM": range(32, 33),
    b"sRGB": range(1, 2),
    b"iCCP": _ANY,
    b"cICP": range(4, 5),
    b"mDCV": range(24, 25),
    b"cLLI": range(8, 9),
    b"sBIT": range(1, 5),
    b"bKGD": range(1, 7),
    b"hIST": range(2, 513),
}
_FRAMES = {b"fcTL": range(26, 27), b"fdAT": _ANY}


def strip() -> Rule:
    """The rule for a PNG (W3C, sections 5.3 and 11): signature, then chunks up to IEND. Of eXIf, only an orientation
    stays.
    """
    yield READ, 8
    seen: set[bytes] = set()
    while True:
        head = yield TAKE, 8
        length, kind = int.from_bytes(head[:4]), head[4:]
        require(length < 2**31 and kind.isalpha(), "PNG chunk")
        if kind == b"eXIf" and not seen & {b"eXIf", b"IDAT"}:  # browsers ignore a second eXIf, and one after IDAT
            yield from _exif(length)
        elif _stays(kind, length, seen):
            yield head
            yield KEEP, length + 4
        else:
            yield DROP, length + 4
        if kind == b"IEND":
            yield _chunk(b"IEND", b"")
            return
        seen.add(kind)


def _stays(kind: bytes, length: int, seen: set[bytes]) -> bool:
    """Return whether to keep this chunk. Raises InvalidImage if a required chunk has a wrong length or occurs twice."""
    if kind in _NEEDED:
        require(length in _NEEDED[kind] and kind not in seen, "PNG chunk")
        return True
    if kind in _FRAMES:  # acTL comes before the pixels; the first fcTL may come before or after acTL
        return length in _FRAMES[kind] and (b"acTL" in seen or (kind == b"fcTL" and b"IDAT" not in seen))
    return kind == b"IDAT" or (kind in _ONCE and length in _ONCE[kind] and kind not in seen)


def _exif(length: int) -> Rule:
    head = yield TAKE, min(length, MAX_EXIF_BYTES)
    yield DROP, length - len(head)
    checksum = yield TAKE, 4
    value = orientation(head)
    is_damaged = len(head) == length and zlib.crc32(b"eXIf" + head) != int.from_bytes(checksum)  # browsers ignore it
    if value != UPRIGHT and not is_damaged:
        yield _chunk(b"eXIf", orientation_only(value))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
