"""What stays of a JPEG."""

import re
from collections.abc import Callable, Generator

from ..formats.reader import require
from .exif import UPRIGHT, orientation, orientation_only
from .parts import Drop, Keep, Kept, Part, Put, Read, Rule, Take

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_APP1, _EXIF = 0xE1, b"Exif\0"  # a sixth byte is padding
_ALONE = {0x01, *range(0xD0, 0xD8)}  # without a segment: TEM, RSTn

# T.81, table B.1: frames, tables, scans, and what belongs to them.
_PICTURE = {*range(0xC0, 0xC8), *range(0xC9, 0xD0), *range(0xDA, 0xE0)}

# Within a scan FF is data where 00 or a restart marker follows (B.1.1.5), and a fill byte before another FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class _ToMarker(Part):
    """Bytes up to the next marker, whose second byte is the answer: a scan's data, which stays, or stray bytes."""

    def __init__(self, *, stays: bool) -> None:
        super().__init__(1)
        self._stays = stays
        self._is_cut = False  # the last piece ended with an FF, of which it isn't known what it is
        self._marker = b""

    @property
    def answer(self) -> bytes:
        return self._marker

    def serve(self, view: memoryview, kept: Kept) -> memoryview:
        if not view:
            return view
        if self._is_cut and _MARKER.match(b"\xff" + view[:1]):
            return self._found(bytes(view[:1]), view[1:])
        if self._is_cut:
            self._use(memoryview(b"\xff"), kept)
        if found := _MARKER.search(view):
            self._use(view[: found.start()], kept)
            return self._found(found[0][1:], view[found.end() :])
        self._is_cut = view[-1] == 0xFF
        self._use(view[: len(view) - self._is_cut], kept)
        return view[len(view) :]

    def _found(self, marker: bytes, rest: memoryview) -> memoryview:
        self._marker, self.left = marker, 0
        return rest

    def _use(self, own: memoryview, kept: Kept) -> None:
        if self._stays:
            kept.append(own)


def strip() -> Rule:
    """JPEG (ITU-T T.81), B.1 and B.2: marker segments and scans up to EOI. Of Exif stays an orientation."""
    yield Read(2)
    wanted = set(_APPLICATIONS)
    has_scan = False
    marker = yield from _next_marker()
    while marker != _END:
        require(marker not in (0x00, _START), "JPEG marker")
        if marker not in _ALONE:
            yield from _segment(marker, wanted)
        if marker == _SCAN:
            has_scan = True
            wanted.clear()  # whatever application segments say, they say it before the first scan
        # Between later segments there may be anything: decoders are patient there.
        marker = (yield _ToMarker(stays=marker == _SCAN))[0] if has_scan else (yield from _next_marker())
    require(has_scan, "JPEG without a scan")
    yield Put(bytes((0xFF, _END)))


def _next_marker() -> Generator[Part, bytes, int]:
    require((yield Take(1)) == b"\xff", "JPEG marker")
    marker = b"\xff"
    while marker == b"\xff":  # fill bytes
        marker = yield Take(1)
    return marker[0]


def _segment(marker: int, wanted: set[int]) -> Rule:
    head = yield Take(2)
    length = int.from_bytes(head) - 2
    require(length >= 0, "JPEG segment length")
    if marker in _PICTURE:
        yield Put(bytes((0xFF, marker)) + head)
        yield Keep(length)
    elif marker in wanted:
        content = yield Take(length)
        if marker == _APP1 and content.startswith(_EXIF):
            wanted.discard(_APP1)  # of several the first one counts
        if stays := _APPLICATIONS[marker](content):
            yield Put(bytes((0xFF, marker)) + (len(stays) + 2).to_bytes(2) + stays)
    else:
        yield Drop(length)


def _jfif(content: bytes) -> bytes:
    """JFIF 1.02: version and density, and a thumbnail of 0 by 0 pixels."""
    return content[:12] + b"\0\0" if content.startswith(b"JFIF\0") and len(content) >= 14 else b""


def _exif(content: bytes) -> bytes:
    value = orientation(content[6:]) if content.startswith(_EXIF) else UPRIGHT
    return b"" if value == UPRIGHT else _EXIF + b"\0" + orientation_only(value)


def _icc(content: bytes) -> bytes:
    """ICC.1, B.4: one chunk of the colour profile."""
    return content if content.startswith(b"ICC_PROFILE\0") else b""


def _adobe(content: bytes) -> bytes:
    """Adobe's note 5116: which colour space the components are of."""
    return content[:12] if content.startswith(b"Adobe") and len(content) >= 12 else b""


# What an application segment is shortened to, empty where it goes.
_APPLICATIONS: dict[int, Callable[[bytes], bytes]] = {0xE0: _jfif, _APP1: _exif, 0xE2: _icc, 0xEE: _adobe}
