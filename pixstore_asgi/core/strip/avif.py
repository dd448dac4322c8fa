"""What stays of an AVIF. What goes is blanked, as offsets into the file stand all over it."""

from collections.abc import Generator

from ...errors import InvalidImage
from ..formats.avif import brands_in, file_type_length, require_avif
from ..formats.reader import require
from .items import strip_meta
from .parts import Blank, Keep, Part, Put, Read, Rule, Take
from .ranges import Ranges, Stretch
from .tracks import strip_moov

_MAX_HELD_BYTES = 1024 * 1024


def strip() -> Rule:
    """AVIF, 9.1 over ISO/IEC 14496-12, 4.2: boxes up to the last one that the picture lies in."""
    head = yield Read(8)
    position = file_type_length(head)
    brands = brands_in((yield Read(position - 8)))
    require_avif(brands)
    told: list[Stretch] = []
    picture = Ranges()
    seen: set[bytes] = set()
    while b"mdat" not in seen or position < picture.end:
        head, kind, length = yield from _box_head()
        start = position + len(head)
        # A second one is against the standard, and one behind the data can't be followed any more: those are freed.
        is_telling = kind in (b"meta", b"moov") and not seen & {kind, b"mdat"}
        seen.add(kind)
        if is_telling:
            told += yield from _picture_told(kind, head, length, start)
            picture = Ranges(told)
            position += length
            continue
        _require_order(seen, brands)
        require(length > 0 or b"mdat" in seen, "AVIF without its data")
        position = position + length if length else max(start, picture.end)  # without a length: to the file's end
        yield Put(head if kind == b"mdat" else head[:4] + b"free" + head[8:])
        for part, stays in picture.cut(start, position):
            yield Keep(part) if stays else Blank(part)


def _box_head() -> Generator[Part, bytes, tuple[bytes, bytes, int]]:
    """Return a box's head, its name and its whole length, 0 for one that lasts to the end of the file."""
    head = yield Take(8)
    length, kind = int.from_bytes(head[:4]), head[4:]
    if length == 1:
        head += yield Take(8)
        length = int.from_bytes(head[8:])
        require(length > 0, "AVIF box")
    require(kind.isalnum() and (length == 0 or length >= len(head)), "AVIF box")
    return head, kind, length


def _picture_told(kind: bytes, head: bytes, length: int, start: int) -> Generator[Part, bytes, list[Stretch]]:
    """Strip a box that tells where the picture lies: its items, or its frames. Return these places."""
    require(length > 0, "AVIF without its data")
    if length - len(head) > _MAX_HELD_BYTES:
        raise InvalidImage(f"the {kind.decode()} box of this AVIF image is longer than {_MAX_HELD_BYTES} bytes")
    content = bytearray((yield Take(length - len(head))))
    stretches = strip_meta(content, start) if kind == b"meta" else strip_moov(content)
    yield Put(head + content)
    return stretches


def _require_order(seen: set[bytes], brands: set[bytes]) -> None:
    """Raise InvalidImage where data comes before what tells which of it is the picture."""
    awaited = {b"meta", b"moov"} if b"avis" in brands else {b"meta"}
    if b"mdat" in seen and not awaited <= seen:
        raise InvalidImage(
            "this AVIF image has its pixels in front of its metadata, which can't be taken out while it arrives: "
            "save it anew in an image program"
        )
