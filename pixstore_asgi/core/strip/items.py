"""Strips the `meta` box of an AVIF down to the items of the picture."""

from collections.abc import Iterator
from typing import NamedTuple

from ..formats.reader import require
from .boxes import MAX_PARTS, Box, Boxes, Fields, Known, blank, blank_handler, find, free, needed
from .links import links, shown_with
from .ranges import Ranges, Stretch

# ISO/IEC 23008-12, 6.5, and AVIF, 2.2: properties for decoding, colours, layout and rotation. The others are names,
# descriptions, times and camera positions.
_PROPERTIES = (
    *(b"av1C", b"ispe", b"pixi", b"colr", b"irot", b"imir", b"clap", b"pasp", b"auxC", b"a1op", b"a1lx", b"lsel"),
    *(b"clli", b"mdcv", b"cclv", b"amve", b"reve", b"ndwt", b"iscl", b"rloc"),
)
_META: Known = {
    **dict.fromkeys((b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"idat")),
    b"iprp": {**dict.fromkeys((b"ipma",)), b"ipco": dict.fromkeys(_PROPERTIES)},
    b"grpl": dict.fromkeys((b"altr",)),
}
_REPEATED = {*_PROPERTIES, b"ipma", b"altr"}

_IN_FILE, _IN_IDAT = 0, 1


class _Item(NamedTuple):
    """One item: its type, and the offsets of that type and of the end of its entry."""

    kind: bytes
    kind_at: int
    end: int


def strip_meta(meta: bytearray, position: int) -> list[Stretch]:
    """Strip a `meta` box in place; every length and offset stays.

    Args:
        meta: the box's content.
        position: the offset of that content in the file.

    Returns:
        The stretches of the file with the picture's items. All other data of the file can go.

    Raises:
        InvalidImage: if the box is damaged.
    """
    boxes = Boxes(meta)
    box = Box(b"meta", 0, 4, len(meta))
    boxes.prune(box, _META, _REPEATED)
    if handler := find(box, b"hdlr"):
        blank_handler(meta, handler)
    items = _items(meta, boxes, needed(box, b"iinf"))
    shown = _primary(meta, needed(box, b"pitm"))
    pictures = shown_with(shown, {number: item.kind for number, item in items.items()}, links(meta, boxes, box))
    for number, item in items.items():
        if number not in pictures:
            meta[item.kind_at : item.kind_at + 4] = b"free"
        blank(meta, item.kind_at + 4, item.end)  # the name of a picture
    idat = find(box, b"idat") or Box(b"idat", 0, 0, 0)
    kept = list(_stretches(meta, needed(box, b"iloc"), pictures, (0, position + idat.body)))
    at = idat.body
    for length, stays in Ranges(kept).cut(position + idat.body, position + idat.end):
        if not stays:
            blank(meta, at, at + length)
        at += length
    return kept


def _primary(meta: bytearray, box: Box) -> int:
    """ISO/IEC 14496-12, 8.11.4: the number of the primary item."""
    fields = Fields(meta, box)
    return fields.number(2 if fields.version() == 0 else 4)


def _items(meta: bytearray, boxes: Boxes, box: Box) -> dict[int, _Item]:
    """ISO/IEC 14496-12, 8.11.6: all items by number."""
    fields = Fields(meta, box)
    fields.skip(2 if fields.version() == 0 else 4)
    items = {}
    for entry in boxes.walk(fields.at, box.end):
        if entry.kind != b"infe":
            free(meta, entry)
            continue
        info = Fields(meta, entry)
        version = info.version()
        require(version in (2, 3), "AVIF item")  # older versions have no type
        number = info.number(2 if version == 2 else 4)
        info.skip(2)
        require(number not in items, "AVIF item")
        kind_at = info.skip(4)
        items[number] = _Item(bytes(meta[kind_at : kind_at + 4]), kind_at, entry.end)
    return items


def _stretches(meta: bytearray, box: Box, pictures: set[int], bases: tuple[int, int]) -> Iterator[Stretch]:
    """ISO/IEC 14496-12, 8.11.3: the stretches of these items. bases: the offsets of the file and of idat."""
    fields = Fields(meta, box)
    version = fields.version()
    sizes = fields.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    parts = 0
    for _ in range(fields.number(wide)):
        number = fields.number(wide)
        method = fields.number(2) & 15 if version else _IN_FILE
        other_file = fields.number(2)
        base = fields.number(base_size)
        extents = fields.number(2)
        parts += 1 + extents
        require(parts <= MAX_PARTS, "AVIF items in too many pieces")
        for _ in range(extents):
            fields.skip(index_size if version else 0)
            start, length = base + fields.number(offset_size), fields.number(length_size)
            if number in pictures and length:
                require(method in (_IN_FILE, _IN_IDAT) and not other_file, "AVIF item in another file")
                yield bases[method] + start, bases[method] + start + length
