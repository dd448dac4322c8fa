"""What stays of a WebP. Its length stands in its first bytes, which are gone by the time the metadata comes: what goes
is blanked."""

from ..formats.reader import require
from .exif import MAX_EXIF_BYTES, ORIENTATION_BYTES, UPRIGHT, orientation, orientation_only
from .parts import Blank, Keep, Put, Read, Rule, Take

_PICTURE = {b"VP8 ", b"VP8L", b"ALPH"}
_TOP = _PICTURE | {b"ICCP", b"ANIM"}
_UNUSED = b"JUNK"  # RIFF's own name for a chunk that is only there for its length
_XMP_FLAG = 0x04


def strip() -> Rule:
    """WebP (RFC 9649), 2.3 to 2.7: a RIFF of one size. Of EXIF stays an orientation."""
    head = yield Read(12)
    left = int.from_bytes(head[4:8], "little") - 4
    has_exif = False
    while left >= 8:
        head = yield Take(8)
        kind, size = head[:4], _padded(head)
        left -= 8 + size
        require(left >= 0, "WebP chunk")
        if kind == b"VP8X":
            require(size > 0, "WebP chunk")
            yield Put(head)
            yield Put(bytes([(yield Take(1))[0] & ~_XMP_FLAG]))
            yield Keep(size - 1)
        elif kind == b"ANMF":
            yield Put(head)
            yield from _frame(size)
        elif kind == b"EXIF" and not has_exif:  # of several the first one counts (2.7.1.5)
            has_exif = True
            yield from _exif(head)
        else:
            yield from _chunk(head, _TOP)
    require(left == 0, "WebP size")


def _frame(left: int) -> Rule:
    """One frame of an animation (2.7.1.1), in which there may be unknown chunks."""
    require(left >= 16, "WebP frame")
    yield Keep(16)
    left -= 16
    while left >= 8:
        head = yield Take(8)
        left -= 8 + _padded(head)
        require(left >= 0, "WebP frame")
        yield from _chunk(head, _PICTURE)
    require(left == 0, "WebP frame")


def _chunk(head: bytes, known: set[bytes]) -> Rule:
    if head[:4] in known:
        yield Put(head)
        yield Keep(_padded(head))
    else:
        yield Put(_UNUSED + head[4:])
        yield Blank(_padded(head))


def _exif(head: bytes) -> Rule:
    size = _padded(head)
    exif = yield Take(min(size, MAX_EXIF_BYTES))
    value = orientation(exif)
    if size < ORIENTATION_BYTES and value == UPRIGHT:
        yield Put(_UNUSED + head[4:] + bytes(len(exif)))
        return
    # VP8X has announced an EXIF chunk, so it stays one, and says "upright" where it said nothing. One that is up to
    # four bytes too short had its entry without the offset of a next directory: so has what takes its place.
    yield Put(head + orientation_only(value)[:size].ljust(len(exif), b"\0"))
    yield Blank(size - len(exif))


def _padded(head: bytes) -> int:
    size = int.from_bytes(head[4:], "little")
    return size + size % 2
