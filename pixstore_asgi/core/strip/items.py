"""Strips the `meta` box of an AVIF: keeps only the items that the shown picture needs."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..formats.containers import require
from .boxes import MAX_PARTS, Box, Boxes, Fields, Known, Ranges, Stretch, blank, blank_handler, find, free, needed

# The properties for decoding, colours, layout and rotation (ISO/IEC 23008-12, section 6.5; AVIF, section 2.2). All
# others are names, descriptions, times and camera positions.
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

# The types of items with coded or derived pictures. All others are Exif, XMP (mime), links (uri) or unknown.
_PICTURES = {b"av01", b"grid", b"iovl", b"iden", b"tmap", b"sato"}

_IN_FILE, _IN_IDAT = 0, 1


class _Item(NamedTuple):
    """One item. kind: its type. kind_at, end: the offsets of the type in the item's entry, and of the end of that
    entry.
    """

    kind: bytes
    kind_at: int
    end: int


_References = list[tuple[bytes, int, tuple[int, ...]]]
"""References between items: kind, referring item, and the items that it refers to.

The kind says that the referring item is derived from the others (dimg), is their thumbnail (thmb) or is their
transparency (auxl).
"""

_Groups = list[tuple[int, ...]]
"""Groups of alternatives. A reader shows one item of each group."""


def strip_meta(meta: bytearray, position: int) -> list[Stretch]:
    """Strip a `meta` box in place. All lengths and offsets stay the same.

    Args:
        meta: The content of the box.
        position: The offset of that content in the file.

    Returns:
        The ranges of the file that contain the picture's items. All other data of the file can be removed.

    Raises:
        InvalidImage: The box is damaged.
    """
    boxes = Boxes(meta)
    box = Box(b"meta", 0, 4, len(meta))
    boxes.prune(box, _META, _REPEATED)
    if handler := find(box, b"hdlr"):
        blank_handler(meta, handler)
    items = _items(meta, boxes, needed(box, b"iinf"))
    shown = _primary(meta, needed(box, b"pitm"))
    kinds = {number: item.kind for number, item in items.items()}
    pictures = _shown_with(shown, kinds, *_links(meta, boxes, box))
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
    """Return the number of the primary item, which readers show (ISO/IEC 14496-12, section 8.11.4)."""
    fields = Fields(meta, box)
    return fields.number(2 if fields.version() == 0 else 4)


def _items(meta: bytearray, boxes: Boxes, box: Box) -> dict[int, _Item]:
    """Return all items by number (ISO/IEC 14496-12, section 8.11.6)."""
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


def _links(meta: bytearray, boxes: Boxes, box: Box) -> tuple[_References, _Groups]:
    """Return the references between items and the groups of alternatives in a `meta` box. Raises InvalidImage.

    Source: ISO/IEC 14496-12, sections 8.11.12 and 8.15.3.
    """
    references: _References = []
    groups: _Groups = []
    if found := find(box, b"iref"):
        fields = Fields(meta, found)
        size = 2 if fields.version() == 0 else 4
        for entry in boxes.walk(fields.at, found.end):
            reference = Fields(meta, entry)
            source, count = reference.number(size), reference.number(2)
            references.append((entry.kind, source, reference.numbers(size, count)))
            blank(meta, reference.at, entry.end)
    found = find(box, b"grpl")
    for entry in found.inner.get(b"altr", []) if found else []:
        group = Fields(meta, entry)
        group.skip(8)
        groups.append(group.numbers(4, group.number(4)))
        blank(meta, group.at, entry.end)
    parts = sum(len(targets) for _, _, targets in references) + sum(map(len, groups))
    require(parts <= MAX_PARTS, "AVIF items of too many references")
    return references, groups


def _shown_with(primary: int, kinds: dict[int, bytes], references: _References, groups: _Groups) -> set[int]:
    """Return the numbers of the items to keep: the primary item, and all items that readers show with it or in its
    place.

    Those are its sources, transparency, gain map and alternatives, and the items that these need in turn. Thumbnails
    are not among them. Neither are pictures without a reference, such as the picture before it was cropped. Raises
    InvalidImage if the primary item is not a picture.
    """
    left = {number for number, kind in kinds.items() if kind in _PICTURES}
    left -= {source for kind, source, _ in references if kind == b"thmb"}
    require(primary in left, "AVIF primary item")
    ways = _ways(kinds, references, groups)
    found, awaited = set(), [primary]
    while awaited:
        number = awaited.pop()
        if number in found or (number >= 0 and number not in left):
            continue
        found.add(number)
        awaited += ways[number]
    return found & left


def _ways(kinds: dict[int, bytes], references: _References, groups: _Groups) -> dict[int, set[int]]:
    """Return, for each item or group, the items and groups that must be kept with it."""
    ways: dict[int, set[int]] = defaultdict(set)
    for kind, source, targets in references:
        if kind == b"dimg":
            ways[source].update(targets)
        # A tone map refers to the picture and its gain map, but readers start from the picture. So keep it with these.
        if kind == b"auxl" or (kind == b"dimg" and kinds.get(source) == b"tmap"):
            for target in targets:
                ways[target].add(source)
    # A group is a node of its own, with a negative number. Pairs of all its items would be too many.
    for hub, group in enumerate(groups, 1):
        ways[-hub].update(group)
        for number in group:
            ways[number].add(-hub)
    return ways


def _stretches(meta: bytearray, box: Box, pictures: set[int], bases: tuple[int, int]) -> Iterator[Stretch]:
    """Yield the ranges of the file that contain these items (ISO/IEC 14496-12, section 8.11.3).

    bases: the two offsets in the file from which offsets in `iloc` count: 0, and the start of `idat`'s content.
    """
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
