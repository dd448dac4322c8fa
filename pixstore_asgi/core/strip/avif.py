"""Strips an AVIF. Zeros replace removed bytes, because many boxes contain offsets into the file."""

from collections.abc import Generator

from ...errors import InvalidImage
from ..formats.containers import brands_in, file_type_length, require, require_avif
from .boxes import Ranges, Stretch
from .items import strip_meta
from .parts import BLANK, KEEP, READ, TAKE, Part, Rule
from .tracks import strip_moov

_MAX_HELD_BYTES = 1024 * 1024


def strip() -> Rule:
    """The rule for an AVIF (AVIF, section 9.1; ISO/IEC 14496-12, section 4.2).

    It reads boxes until the last box that contains a part of the picture.
    """
    head = yield READ, 8
    position = file_type_length(head)
    brands = brands_in((yield READ, position - 8))
    require_avif(brands)
    awaited = {b"meta", b"moov"} if b"avis" in brands else {b"meta"}
    known: list[Stretch] = []
    picture = Ranges()
    has_data = False
    while not has_data or position < picture.end:
        head, kind, length = yield from _box_head()
        start = position + len(head)
        if kind in awaited:  # only the first box of each name: the standard forbids a second one
            awaited.discard(kind)
            known += yield from _places(kind, head, length, start)
            picture = Ranges(known)
            position += length
            continue
        if kind == b"mdat":
            _require_none_awaited(awaited)
            has_data = True
        require(length > 0 or has_data, "AVIF without its data")
        position = position + length if length else max(start, picture.end)  # no length: up to the end of the file
        yield head if kind == b"mdat" else head[:4] + b"free" + head[8:]
        for part, stays in picture.cut(start, position):
            yield KEEP if stays else BLANK, part


def _box_head() -> Generator[Part, bytes, tuple[bytes, bytes, int]]:
    """Return the head, the name and the whole length of the next box. The length is 0 if the box extends to the end
    of the file.
    """
    head = yield TAKE, 8
    length, kind = int.from_bytes(head[:4]), head[4:]
    if length == 1:
        head += yield TAKE, 8
        length = int.from_bytes(head[8:])
        require(length > 0, "AVIF box")
    require(kind.isalnum() and (length == 0 or length >= len(head)), "AVIF box")
    return head, kind, length


def _places(kind: bytes, head: bytes, length: int, start: int) -> Generator[Part, bytes, list[Stretch]]:
    """Strip a `meta` or `moov` box. Return the ranges of the file that contain the picture's items or frames."""
    require(length > 0, "AVIF without its data")
    if length - len(head) > _MAX_HELD_BYTES:
        raise InvalidImage(f"the {kind.decode()} box of this AVIF image is longer than {_MAX_HELD_BYTES} bytes")
    content = bytearray((yield TAKE, length - len(head)))
    stretches = strip_meta(content, start) if kind == b"meta" else strip_moov(content)
    yield head + content
    return stretches


def _require_none_awaited(awaited: set[bytes]) -> None:
    if awaited:
        raise InvalidImage(
            "this AVIF image has its pixels before its metadata, which can't be removed while the image arrives: "
            "save it again in an image program"
        )
