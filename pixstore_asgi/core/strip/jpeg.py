"""Strips a JPEG, and reads the orientation of Exif blocks. No other Exif value changes how a picture looks."""

from collections.abc import Callable, Generator
from typing import Literal

from ..formats.containers import require
from .parts import DROP, KEEP, READ, SCAN, TAKE, Part, Rule

MAX_EXIF_BYTES = 1024 * 1024
"""The number of first bytes of an Exif block that are searched for the orientation."""

UPRIGHT = 1

ORIENTATION_BYTES = 26
"""Length of the Exif block that `orientation_only` returns: a header, and one directory of one entry."""

_TAG, _SHORT = 0x0112, 3
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}

EXIF_MARK_BYTES = 6
"""The number of bytes in an Exif segment before its TIFF data."""

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_APP1, _EXIF = 0xE1, b"Exif\0"  # a sixth byte is padding
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment: TEM, RSTn

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_LINES, _INTERVAL = 0xDC, 0xDD  # DNL, DRI

# The segments to keep: frames, tables, scans and their parameters (T.81, table B.1). Those of hierarchical pictures
# (DHP, EXP) are removed, because browsers don't show such pictures.
_PICTURE = _FRAMES | {0xC4, 0xCC, _SCAN, 0xDB, _LINES, _INTERVAL}

# The segments that may follow a scan, and those that may follow the last scan (T.81, section B.2.1).
_REMARKS = {0xFE, *range(0xE0, 0xF0)}
_AFTER_SCAN = _REMARKS | {0xC4, 0xCC, 0xDB, _LINES, _INTERVAL, _SCAN}
_AFTER_LAST = _REMARKS | {_LINES}


class _Progress:
    """The state of a JPEG while it is stripped: its frame, and the number of components in its scans."""

    def __init__(self) -> None:
        self.wanted = set(_APPLICATIONS)
        self.has_scan = False
        self._frame = 0
        self._components = 0
        self._scanned = 0

    def add_frame(self, marker: int, components: int) -> None:
        require(self._frame == 0, "JPEG frame")  # a second one is only in hierarchical pictures
        self._frame, self._components = marker, components

    def add_scan(self, components: int) -> None:
        self.has_scan = True
        self._scanned += components
        self.wanted.clear()  # application segments count only before the first scan

    def require_may_follow(self, marker: int) -> None:
        """Raise InvalidImage if this marker is not allowed here. After a scan, such a marker is probably damaged
        data.
        """
        if not self.has_scan:
            require(marker not in (0x00, _START), "JPEG marker")
            return
        is_progressive = self._frame & 3 == 2  # otherwise each component is in one scan only (B.2.3)
        is_last = not is_progressive and self._scanned >= self._components
        require(marker in (_AFTER_LAST if is_last else _AFTER_SCAN), "JPEG scan")


def strip() -> Rule:
    """The rule for a JPEG (ITU-T T.81, sections B.1 and B.2): marker segments and scans up to EOI.

    Of Exif, only an orientation stays.
    """
    yield READ, 2
    progress = _Progress()
    marker = yield from _next_marker()
    while marker != _END:
        progress.require_may_follow(marker)
        if marker not in _ALONE:
            yield from _segment(marker, progress)
        marker = (yield SCAN, 1)[0] if marker == _SCAN else (yield from _next_marker())
    require(progress.has_scan, "JPEG without a scan")
    yield bytes((0xFF, _END))


def _next_marker() -> Generator[Part, bytes, int]:
    require((yield TAKE, 1) == b"\xff", "JPEG marker")
    marker = b"\xff"
    while marker == b"\xff":  # fill bytes
        marker = yield TAKE, 1
    return marker[0]


def _segment(marker: int, progress: _Progress) -> Rule:
    head = yield TAKE, 2
    length = int.from_bytes(head) - 2
    require(length >= 0, "JPEG segment length")
    if marker in _PICTURE:
        yield bytes((0xFF, marker)) + head
        yield from _picture(marker, length, progress)
    elif marker in progress.wanted:
        content = yield TAKE, length
        if marker == _APP1 and is_exif(content):
            progress.wanted.discard(_APP1)  # browsers read only the first Exif segment
        if stays := _APPLICATIONS[marker](content):
            yield bytes((0xFF, marker)) + (len(stays) + 2).to_bytes(2) + stays
    else:
        yield DROP, length


def _picture(marker: int, length: int, progress: _Progress) -> Rule:
    """Keep a segment. Count frames and the components of scans in `progress`.

    Raises InvalidImage if the length of a frame, scan, DNL or DRI does not match its content (T.81, sections B.2.2 to
    B.2.5). The lengths of other segments are not checked.
    """
    if marker in _FRAMES:
        require(length >= 6, "JPEG frame")
        components = (yield READ, 6)[5]
        require(length == 6 + 3 * components, "JPEG frame")
        progress.add_frame(marker, components)
        length -= 6
    elif marker == _SCAN:
        require(length >= 1, "JPEG scan")
        components = (yield READ, 1)[0]
        require(length == 4 + 2 * components, "JPEG scan")
        progress.add_scan(components)
        length -= 1
    else:
        require(marker not in (_LINES, _INTERVAL) or length == 2, "JPEG segment length")
    yield KEEP, length


def _jfif(content: bytes) -> bytes:
    """Return the kept part of a JFIF segment (JFIF 1.02): version and density, and a thumbnail of 0 by 0 pixels."""
    return content[:12] + b"\0\0" if content.startswith(b"JFIF\0") and len(content) >= 14 else b""


def is_exif(content: bytes) -> bool:
    """Return whether an APP1 segment with this content is a non-empty Exif segment.

    Browsers read the first such segment of a JPEG, and skip empty ones.
    """
    return content.startswith(_EXIF) and len(content) > EXIF_MARK_BYTES


def _exif(content: bytes) -> bytes:
    value = orientation(content[EXIF_MARK_BYTES:]) if is_exif(content) else UPRIGHT
    return b"" if value == UPRIGHT else _EXIF + b"\0" + orientation_only(value)


def _icc(content: bytes) -> bytes:
    """Return the kept part of an APP2 segment: all of it, if it is a chunk of the colour profile (ICC.1, section
    B.4).
    """
    return content if content.startswith(b"ICC_PROFILE\0") else b""


def _adobe(content: bytes) -> bytes:
    """Return the kept part of an APP14 segment: the components' colour space (Adobe, technical note 5116)."""
    return content[:12] if content.startswith(b"Adobe") and len(content) >= 12 else b""


# Functions that return the kept part of an application segment, empty if nothing is kept.
_APPLICATIONS: dict[int, Callable[[bytes], bytes]] = {0xE0: _jfif, _APP1: _exif, 0xE2: _icc, 0xEE: _adobe}


def orientation(tiff: bytes) -> int:
    """Return the orientation in an Exif block, 1 to 8. Return UPRIGHT if it has none.

    Like browsers, it reads the first orientation entry with type SHORT and count 1 (Exif 3.0, section 4.6.5.1.4). It
    skips entries of another type or count.

    Args:
        tiff: The TIFF data (TIFF 6.0, section 2). In a JPEG, six bytes come before it.
    """
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return UPRIGHT
    start = int.from_bytes(tiff[4:8], order)
    if start < 8:
        return UPRIGHT
    entries = start + 2 + 12 * int.from_bytes(tiff[start : start + 2], order)
    for entry in range(start + 2, min(entries, len(tiff) - 11), 12):
        sizes = ((0, 2), (2, 4), (4, 8), (8, 10))
        tag, kind, count, value = (int.from_bytes(tiff[entry + at : entry + end], order) for at, end in sizes)
        if (tag, kind, count) == (_TAG, _SHORT, 1):
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def orientation_only(value: int) -> bytes:
    """Return the shortest Exif block (TIFF 6.0) that contains this orientation."""
    numbers = ((8, 4), (1, 2), (_TAG, 2), (_SHORT, 2), (1, 4), (value, 2), (0, 2), (0, 4))
    return b"MM\0*" + b"".join(number.to_bytes(size) for number, size in numbers)
