"""Strips a WebP. Zeros replace removed bytes, because the file begins with its length, which was already sent on."""

from ..formats.containers import require
from .parts import BLANK, KEEP, READ, TAKE, Rule

_ANY = 2**32

# The chunks to keep, and how many of their bytes: readers ignore the others.
_PICTURE = {b"VP8 ": _ANY, b"VP8L": _ANY, b"ALPH": _ANY}
_TOP = {**_PICTURE, b"VP8X": 10, b"ICCP": _ANY, b"ANIM": 6}
_FRAME_BYTES = 16  # place, duration and flags, before the chunks of a frame (RFC 9649, 2.7.1.1)
_SAME = {b"VP8L": b"VP8 "}  # two codings of the picture; a file has one of them
_UNUSED = b"JUNK"  # the name of a chunk that RIFF readers ignore
_METADATA_FLAGS = 0x08 | 0x04  # the flags of VP8X that announce EXIF and XMP


def strip() -> Rule:
    """The rule for a WebP (RFC 9649, sections 2.3 to 2.7): one RIFF container of the announced length.

    An EXIF chunk is removed with its orientation, because browsers do not turn a WebP.
    """
    head = yield READ, 12
    yield from _chunks(int.from_bytes(head[4:8], "little") - 4, _TOP)


def _chunks(left: int, known: dict[bytes, int]) -> Rule:
    """Strip the chunks in the next `left` bytes: all chunks of the file, or the chunks of one frame of an animation.

    known: the chunks to keep, and how many of their bytes.
    """
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
    if kind not in known or only in seen:  # readers use only the first such chunk (2.7)
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
