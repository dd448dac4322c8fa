"""Strips a WebP. Removed bytes become zeros, because the file begins with its length, which was already sent."""

from ..formats.reader import require
from .parts import Blank, Keep, Put, Read, Rule, Take

_ANY = 2**32

# The chunks to keep, and the number of bytes to keep: readers ignore further bytes of the same chunk.
_PICTURE = {b"VP8 ": _ANY, b"VP8L": _ANY, b"ALPH": _ANY}
_TOP = {**_PICTURE, b"VP8X": 10, b"ICCP": _ANY, b"ANIM": 6}
_SAME = {b"VP8L": b"VP8 "}  # one picture, coded in one of two ways
_UNUSED = b"JUNK"  # RIFF's name for a chunk without meaning
_METADATA_FLAGS = 0x08 | 0x04  # of VP8X: EXIF and XMP


def strip() -> Rule:
    """WebP (RFC 9649), 2.3 to 2.7: a RIFF of one size. EXIF is removed: browsers do not turn a WebP."""
    head = yield Read(12)
    left = int.from_bytes(head[4:8], "little") - 4
    seen: set[bytes] = set()
    while left >= 8:
        head = yield Take(8)
        kind, size = head[:4], _padded(head)
        left -= 8 + size
        require(left >= 0, "WebP chunk")
        if kind == b"ANMF":
            yield Put(head)
            yield from _frame(size)
        else:
            yield from _chunk(head, _TOP, seen)
    require(left == 0, "WebP size")


def _frame(left: int) -> Rule:
    """One frame of an animation (2.7.1.1), which may contain unknown chunks."""
    require(left >= 16, "WebP frame")
    yield Keep(16)
    left -= 16
    seen: set[bytes] = set()
    while left >= 8:
        head = yield Take(8)
        left -= 8 + _padded(head)
        require(left >= 0, "WebP frame")
        yield from _chunk(head, _PICTURE, seen)
    require(left == 0, "WebP frame")


def _chunk(head: bytes, known: dict[bytes, int], seen: set[bytes]) -> Rule:
    kind, size = head[:4], _padded(head)
    only = _SAME.get(kind, kind)
    if kind not in known or only in seen:  # only the first one counts (2.7)
        yield Put(_UNUSED + head[4:])
        yield Blank(size)
        return
    seen.add(only)
    yield Put(head)
    kept = min(size, known[kind])
    if kind == b"VP8X":
        require(size >= known[kind], "WebP chunk")
        yield Put(bytes([(yield Take(1))[0] & ~_METADATA_FLAGS]))
        yield Keep(kept - 1)
    else:
        yield Keep(kept)
    yield Blank(size - kept)


def _padded(head: bytes) -> int:
    size = int.from_bytes(head[4:], "little")
    return size + size % 2
