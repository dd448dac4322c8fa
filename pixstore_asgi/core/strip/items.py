"""The `meta` box of an AVIF: which of its items are the picture, and where in the file they lie."""

from collections.abc import Iterator
from typing import NamedTuple

from ..formats.reader import require
from .boxes import MAX_PARTS, Box, Fields, Known, blank, boxes, find, free, needed, prune
from .ranges import Ranges, Stretch

# ISO/IEC 23008-12, 6.5, and AVIF, 2.2: properties that say how pixels are decoded, coloured, laid out or turned. Others
# are names and descriptions, times, and where the camera stood.
_PROPERTIES = (
    *(b"av1C", b"ispe", b"pixi", b"colr", b"irot", b"imir", b"clap", b"pasp", b"auxC", b"a1op", b"a1lx", b"lsel"),
    *(b"clli", b"mdcv", b"cclv", b"amve", b"reve", b"ndwt", b"iscl", b"rloc"),
)
_META: Known = {
    **dict.fromkeys((b"hdlr", b"pitm", b"dinf", b"iloc", b"iinf", b"iref", b"idat")),
    b"iprp": {**dict.fromkeys((b"ipma",)), b"ipco": dict.fromkeys(_PROPERTIES)},
    b"grpl": dict.fromkeys((b"altr", b"ster", b"pymd")),
}

# Coded pictures, and what is derived from them. Everything else is Exif, XMP (mime), a link (uri) or unknown.
_PICTURES = {b"av01", b"grid", b"iovl", b"iden", b"tmap", b"sato"}

_IN_FILE, _IN_IDAT = 0, 1
_LEVELS = 3  # a thumbnail, the tiles it is made of, and their transparency


class _Item(NamedTuple):
    """One item: its type, where in the box that is written, and where its entry ends."""

    kind: bytes
    kind_at: int
    end: int


class _Reference(NamedTuple):
    """What one item is to others: made of them (dimg), their thumbnail (thmb), their transparency (auxl)."""

    kind: bytes
    source: int
    targets: frozenset[int]


def strip_meta(meta: bytearray, position: int) -> list[Stretch]:
    """Take out of a `meta` box (its content, which lies at this offset in the file) whatever is not the picture.

    Every length and offset stays. Return where in the file the picture's items lie: of its data, all else can go.
    Raises InvalidImage.
    """
    prune(meta, 4, len(meta), _META)
    box = Box(b"meta", 0, 4, len(meta))
    items = _items(meta, needed(meta, box, b"iinf"))
    pictures = {number for number, item in items.items() if item.kind in _PICTURES}
    pictures -= _thumbnails(pictures, _references(meta, find(meta, box, b"iref")))
    require(_primary(meta, needed(meta, box, b"pitm")) in pictures, "AVIF primary item")
    for number, item in items.items():
        if number not in pictures:
            meta[item.kind_at : item.kind_at + 4] = b"free"
            blank(meta, item.kind_at + 4, item.end)
    idat = find(meta, box, b"idat") or Box(b"idat", 0, 0, 0)
    kept = list(_stretches(meta, needed(meta, box, b"iloc"), pictures, (0, position + idat.body)))
    at = idat.body
    for length, stays in Ranges(kept).cut(position + idat.body, position + idat.end):
        if not stays:
            blank(meta, at, at + length)
        at += length
    return kept


def _primary(meta: bytearray, box: Box) -> int:
    """ISO/IEC 14496-12, 8.11.4: the item that is shown."""
    fields = Fields(meta, box)
    return fields.number(2 if fields.version() == 0 else 4)


def _items(meta: bytearray, box: Box) -> dict[int, _Item]:
    """ISO/IEC 14496-12, 8.11.6: all items, by their numbers."""
    fields = Fields(meta, box)
    fields.skip(2 if fields.version() == 0 else 4)
    items = {}
    for entry in boxes(meta, fields.at, box.end):
        if entry.kind != b"infe":
            free(meta, entry)
            continue
        info = Fields(meta, entry)
        version = info.version()
        require(version in (2, 3), "AVIF item")  # those before have no type
        number = info.number(2 if version == 2 else 4)
        info.skip(2)
        require(number not in items, "AVIF item")
        kind_at = info.skip(4)
        items[number] = _Item(bytes(meta[kind_at : kind_at + 4]), kind_at, entry.end)
    return items


def _references(meta: bytearray, box: Box | None) -> list[_Reference]:
    """ISO/IEC 14496-12, 8.11.12: what items are to each other."""
    if box is None:
        return []
    fields = Fields(meta, box)
    size = 2 if fields.version() == 0 else 4
    found = []
    parts = 0
    for entry in boxes(meta, fields.at, box.end):
        reference = Fields(meta, entry)
        source, count = reference.number(size), reference.number(2)
        parts += 1 + count
        require(parts <= MAX_PARTS, "AVIF items of too many references")
        found.append(_Reference(entry.kind, source, frozenset(reference.numbers(size, count))))
    return found


def _thumbnails(pictures: set[int], references: list[_Reference]) -> set[int]:
    """Return the pictures that are thumbnails, or are there for thumbnails alone."""
    thumbnails = {each.source for each in references if each.kind == b"thmb"}
    for _ in range(_LEVELS):
        others = pictures - thumbnails
        inputs = [each for each in references if each.kind == b"dimg"]
        needed = frozenset().union(*(each.targets for each in inputs if each.source in others))
        thumbnails |= frozenset().union(*(each.targets for each in inputs if each.source in thumbnails)) - needed
        thumbnails |= {each.source for each in references if each.kind == b"auxl" and each.targets <= thumbnails}
    return thumbnails


def _stretches(meta: bytearray, box: Box, pictures: set[int], bases: tuple[int, int]) -> Iterator[Stretch]:
    """ISO/IEC 14496-12, 8.11.3: where the data of these items lies; bases: where the file and idat begin."""
    fields = Fields(meta, box)
    version = fields.version()
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    parts = 0
    for _ in range(fields.number(wide)):
        number = fields.number(wide)
        method = fields.number(2) & 15 if version else _IN_FILE
        elsewhere = fields.number(2)
        base = fields.number(base_size)
        extents = fields.number(2)
        parts += 1 + extents
        require(parts <= MAX_PARTS, "AVIF items in too many pieces")
        for _ in range(extents):
            fields.skip(index_size if version else 0)
            start, length = base + fields.number(offset_size), fields.number(length_size)
            if number in pictures and length:
                require(method in (_IN_FILE, _IN_IDAT) and not elsewhere, "AVIF item that lies elsewhere")
                yield bases[method] + start, bases[method] + start + length
