"""Strips a WebP. Removed bytes become zeros, because the file begins with its length, which was already sent."""

from ..formats.containers import require
from .parts import BLANK, KEEP, READ, TAKE, Rule

_ANY = 2**32

# The chunks to keep, and the number of bytes to keep: readers ignore further bytes of the same chunk.
_PICTURE = {b"VP8 ": _ANY, b"VP8L": _ANY, b"ALPH": _ANY}
_TOP = {**_PICTURE, b"VP8X": 10, b"ICCP": _ANY, b"ANIM": 6}
_FRAME_BYTES = 16  # 2.7.1.1: place, duration and flags, before the chunks of a frame
_SAME = {b"VP8L": b"VP8 "}  # one picture, coded in one of two ways
_UNUSED = b"JUNK"  # RIFF's name for a chunk without meaning
_METADATA_FLAGS = 0x08 | 0x04  # of VP8X: EXIF and XMP


def strip() -> Rule:
    """WebP (RFC 9649), 2.3 to 2.7: a RIFF of one size. EXIF is removed: browsers do not turn a WebP."""
    head = yield READ, 12
    yield from _chunks(int.from_bytes(head[4:8], "little") - 4, _TOP)


def _chunks(left: int, known: dict[bytes, int]) -> Rule:
    """Strip the chunks in the next `left` bytes: those of the file, or those of one frame of an animation."""
    seen: set[bytes] = set()
    while left >= 8:
        head = yield TAKE, 8
        size = int.from_bytes(head[4:], "little")
        size += size % 2
        left -= 8 + size
        require(left >= 0, "WebP chunk")
        if head[:4] == b"ANMF" and known is _TOP:
            require(size >= _FRAME_BYTES, "WebP frame")
            yield head
            yield KEEP, _FRAME_BYTES
            yield from _chunks(size - _FRAME_BYTES, _PICTURE)
        else:
            yield from _chunk(head, size, known, seen)
    require(left == 0, "WebP size")


def _chunk(head: bytes, size: int, known: dict[bytes, int], seen: set[bytes]) -> Rule:
    kind = head[:4]
    only = _SAME.get(kind, kind)
    if kind not in known or only in seen:  # only the first one counts (2.7)
        yield _UNUSED + head[4:]
        yield BLANK, size
        return
    seen.add(only)
    yield head
    kept = min(size, known[kind])
    if kind == b"VP8X":
        require(size >= known[kind], "WebP chunk")
        yield bytes([(yield TAKE, 1)[0] & ~_METADATA_FLAGS])
        yield KEEP, kept - 1
    else:
        yield KEEP, kept
    yield BLANK, size - kept
