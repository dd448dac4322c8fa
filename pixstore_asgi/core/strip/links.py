"""References between the items of an AVIF, and the choice of items that belong to the shown picture."""

from collections import defaultdict
from typing import NamedTuple

from ..formats.reader import require
from .boxes import MAX_PARTS, Box, Boxes, Fields, blank, find

# Coded and derived pictures. Everything else is Exif, XMP (mime), a link (uri) or unknown.
_PICTURES = {b"av01", b"grid", b"iovl", b"iden", b"tmap", b"sato"}


class Links(NamedTuple):
    """How items relate: derived from others (dimg), thumbnails (thmb), transparency (auxl), alternatives.

    references: kind, item, and the items it refers to. groups: sets of items of which a reader shows one.
    """

    references: list[tuple[bytes, int, tuple[int, ...]]]
    groups: list[tuple[int, ...]]


def links(meta: bytearray, boxes: Boxes, box: Box) -> Links:
    """ISO/IEC 14496-12, 8.11.12 and 8.15.3: the references and groups in a `meta` box. Raises InvalidImage."""
    found = Links([], [])
    if references := find(box, b"iref"):
        fields = Fields(meta, references)
        size = 2 if fields.version() == 0 else 4
        for entry in boxes.walk(fields.at, references.end):
            reference = Fields(meta, entry)
            source, count = reference.number(size), reference.number(2)
            found.references.append((entry.kind, source, reference.numbers(size, count)))
            blank(meta, reference.at, entry.end)
    groups = find(box, b"grpl")
    for entry in groups.inner.get(b"altr", []) if groups else []:
        group = Fields(meta, entry)
        group.skip(8)
        found.groups.append(group.numbers(4, group.number(4)))
        blank(meta, group.at, entry.end)
    parts = sum(len(targets) for _, _, targets in found.references) + sum(map(len, found.groups))
    require(parts <= MAX_PARTS, "AVIF items of too many references")
    return found


def shown_with(primary: int, kinds: dict[int, bytes], links: Links) -> set[int]:
    """Return the primary item and the items shown with it or in its place, directly or through others.

    These are its sources, its transparency, its gain map and its alternatives. Thumbnails go, and so does a picture
    without a reference, such as the one before it was cut. Raises InvalidImage if the primary item is not a picture.
    """
    left = {number for number, kind in kinds.items() if kind in _PICTURES}
    left -= {source for kind, source, _ in links.references if kind == b"thmb"}
    require(primary in left, "AVIF primary item")
    ways = _ways(kinds, links)
    found, awaited = set(), [primary]
    while awaited:
        number = awaited.pop()
        if number in found or (number >= 0 and number not in left):
            continue
        found.add(number)
        awaited += ways[number]
    return found & left


def _ways(kinds: dict[int, bytes], links: Links) -> dict[int, set[int]]:
    """Return, for each kept item or group, the others to keep."""
    ways: dict[int, set[int]] = defaultdict(set)
    for kind, source, targets in links.references:
        if kind == b"dimg":
            ways[source].update(targets)
        # A tone map is derived from the picture and its gain map; readers find it from the picture.
        if kind == b"auxl" or (kind == b"dimg" and kinds.get(source) == b"tmap"):
            for target in targets:
                ways[target].add(source)
    for hub, group in enumerate(
        links.groups, 1
    ):  # a group is a node with a negative number, because all pairs would be too many
        ways[-hub].update(group)
        for number in group:
            ways[number].add(-hub)
    return ways
