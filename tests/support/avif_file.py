"""AVIF files put together box by box, with parts that encoders here don't write: thumbnails, idat, all kinds of
lengths.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from .metadata import SECRET_WORD, XMP, encoded, exif, frames


class Item(NamedTuple):
    """One item: its type with the rest of its entry, its data, its properties, and its relation to item 1."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()
    relation: bytes = b""
    in_idat: bool = False


def box(kind: bytes, *content: bytes, wide: bool = False, open_end: bool = False) -> bytes:
    """Return a box; wide: its length in 64 bits. open_end: it lasts to the end of the file."""
    data = b"".join(content)
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(data)) + data
    return struct.pack(">I4s", 0 if open_end else 8 + len(data), kind) + data


def full(kind: bytes, version: int, *content: bytes, wide: bool = False) -> bytes:
    """Return a box with a version."""
    return box(kind, struct.pack(">I", version << 24), *content, wide=wide)


def children(data: bytes) -> dict[bytes, bytes]:
    """Return boxes that lie one behind another, without their heads, by their names; all of 32-bit lengths."""
    found: dict[bytes, bytes] = {}
    while data:
        length = int.from_bytes(data[:4])
        found[data[4:8]] = data[8:length]
        data = data[length:]
    return found


def coded(size: int = 40) -> tuple[bytes, tuple[bytes, ...]]:
    """Return the AV1 data of a picture, and its properties."""
    top = children(encoded("avif", frames(1, size)))
    properties = children(children(children(top[b"meta"][4:])[b"iprp"])[b"ipco"])
    return top[b"mdat"], tuple(box(kind, data) for kind, data in properties.items())


def usual_items() -> list[Item]:
    """Return a picture, its thumbnail, and metadata of every kind, some of it in idat."""
    pixels, properties = coded()
    small, small_properties = coded(16)
    described = box(b"udes", bytes(4), SECRET_WORD.encode() + b"\0\0\0\0")
    return [
        Item(b"av01Color\0", pixels, (*properties, described)),
        Item(b"av01\0", small, small_properties, b"thmb"),
        Item(b"Exif\0", struct.pack(">I", 0) + exif(), (), b"cdsc"),
        Item(b"mime\0application/rdf+xml\0", XMP, (), b"cdsc", in_idat=True),
        Item(b"uri http://example.com/" + SECRET_WORD.encode() + b"\0\0", SECRET_WORD.encode(), (), b"cdsc"),
    ]


Link = tuple[bytes, int, list[int]]
"""What one item is to others: the kind of reference, its number, theirs."""


def _item_boxes(items: list[Item], version: int, links: Sequence[Link]) -> list[bytes]:
    wide = ">I" if version else ">H"
    infos = [
        full(b"infe", 3 if version else 2, struct.pack(wide, number), bytes(2), item.kind)
        for number, item in enumerate(items, 1)
    ]
    links = [*((item.relation, number, [1]) for number, item in enumerate(items, 1) if item.relation), *links]
    references = [
        box(kind, struct.pack(wide, source), struct.pack(">H", len(targets)), *(struct.pack(wide, t) for t in targets))
        for kind, source, targets in links
    ]
    places = list(dict.fromkeys(each for item in items for each in item.properties))
    associations = struct.pack(">I", len(items))
    for number, item in enumerate(items, 1):
        associations += struct.pack(wide, number) + bytes([len(item.properties)])
        associations += bytes(
            places.index(each) + 1 | (0x80 if each[4:8] == b"av1C" else 0) for each in item.properties
        )
    return [
        full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        full(b"pitm", min(version, 1), struct.pack(wide, 1)),
        full(b"iinf", min(version, 1), struct.pack(wide, len(items)), *infos),
        full(b"iref", min(version, 1), *references),
        box(b"iprp", box(b"ipco", *places), full(b"ipma", min(version, 1), associations)),
        box(b"xml ", bytes(4), XMP),
    ]


def _locations(items: list[Item], version: int, data_at: int) -> bytes:
    """Return iloc; from version 1 on with offsets from a base, in 64 bits. data_at: where the data of mdat begins."""
    wide = ">I" if version == 2 else ">H"
    entries, at = b"", {False: data_at, True: 0}
    for number, item in enumerate(items, 1):
        start, at[item.in_idat] = at[item.in_idat], at[item.in_idat] + len(item.data)
        method = struct.pack(">H", item.in_idat) if version else b""
        if version:
            entries += (
                struct.pack(wide, number)
                + method
                + struct.pack(">HQHQQ", 0, start // 2, 1, start - start // 2, len(item.data))
            )
        else:
            entries += struct.pack(">HHHII", number, 0, 1, start, len(item.data))
    return full(b"iloc", version, b"\x88\x80" if version else b"\x44\0", struct.pack(wide, len(items)), entries)


def avif_file(
    items: list[Item],
    *,
    version: int = 2,
    wide: bool = False,
    open_end: bool = False,
    data_first: bool = False,
    extra: bytes = b"",
    links: Sequence[Link] = (),
) -> bytes:
    """Return an AVIF of these items, the first one its picture.

    version: of its iloc, 0 to 2. wide: lengths of boxes in 64 bits. open_end: mdat lasts to the end of the file.
    data_first: mdat in front of meta. extra: boxes between meta and mdat. links: what items are to others than item 1.
    """
    version_of_ids = 2 if version == 2 else 0
    head = box(b"ftyp", b"avif", bytes(4), b"mif1", b"miaf")
    data = b"".join(item.data for item in items if not item.in_idat)
    inner = b"".join(item.data for item in items if item.in_idat)
    idat = box(b"idat", inner) if inner else b""
    mdat = box(b"mdat", data, wide=wide, open_end=open_end)

    def meta(data_at: int) -> bytes:
        return full(
            b"meta", 0, *_item_boxes(items, version_of_ids, links), _locations(items, version, data_at), idat, wide=wide
        )

    first = len(head) + (0 if data_first else len(meta(0)) + len(extra)) + (16 if wide else 8)
    parts = [mdat, meta(first)] if data_first else [meta(first), extra, mdat]
    return head + b"".join(parts)
