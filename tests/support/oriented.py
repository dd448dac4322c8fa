"""Small pictures that ask to be turned in every way, and how browsers turn them."""

import struct
from typing import Any

from PIL import Image

from tests.decoding.made import COLOURS, encoded, quarters

from .avif_file import Item, avif_file, box, children
from .metadata import chunk, riff, segment

MARK = b"Exif\0\0"
_TAG, _SHORT, _OTHER_TAG = 0x0112, 3, 0x0100
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "B", 7: "B", 8: "H", 9: "I", 13: "I"}
_STORED = quarters(24, 16)
_JPEG, _PNG, _WEBP = (encoded(_STORED, kind) for kind in ("jpeg", "png", "webp"))

_SEEN: dict[tuple[int, ...], int] = {
    (0, 1, 2, 3): 1,
    (1, 0, 3, 2): 2,
    (3, 2, 1, 0): 3,
    (2, 3, 0, 1): 4,
    (0, 2, 1, 3): 5,
    (2, 0, 3, 1): 6,
    (3, 1, 2, 0): 7,
    (1, 3, 0, 2): 8,
}
"""Orientation by which quarter is seen top left, top right, bottom left and bottom right."""


def orientation_seen(width: int, height: int, corners: list[Any]) -> int:
    """Return the orientation that a picture is shown in, by its size and the colours amid its quarters."""
    quarters_seen = tuple(
        min(range(4), key=lambda n: sum(abs(one - two) for one, two in zip(COLOURS[n], colour, strict=True)))
        for colour in corners
    )
    found = _SEEN[quarters_seen]
    assert (width, height) == ((24, 16) if found < 5 else (16, 24))
    return found


def oriented_pictures() -> dict[str, tuple[bytes, int]]:
    """Return pictures by name, which begins with their format and a blank, each with the orientation it is shown in."""
    return {**_blocks_in_containers(), **_places_in_jpeg(), **_places_in_png(), **_webps(), **_avifs()}


def _entry(value: int, kind: int = _SHORT, count: int = 1, order: str = ">") -> tuple[int, int, int, bytes]:
    return _TAG, kind, count, struct.pack(f"{order}{_CODES[kind]}", value)


def _tiff(*entries: tuple[int, int, int, bytes], order: str = ">", start: int = 8, count: int | None = None) -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(entries) if count is None else count)
    for tag, kind, number, value in entries:
        directory += struct.pack(f"{order}HHI", tag, kind, number) + value.ljust(4, b"\0")
    return mark + struct.pack(f"{order}I", start) + bytes(max(start - 8, 0)) + directory + bytes(4)


_TURNED, _OTHER, _NONE = _tiff(_entry(6)), _tiff(_entry(3)), _tiff((_OTHER_TAG, 3, 1, b"\0\1"))


def _blocks() -> dict[str, tuple[bytes, int]]:
    """Return Exif blocks by name, each with the orientation that it asks for."""
    found: dict[str, tuple[bytes, int]] = {}
    for order in "<>":
        for value in range(1, 9):
            found[f"{value} {order}"] = (_tiff(_entry(value, order=order), order=order), value)
        for kind in (1, 2, 4, 6, 7, 8, 9, 13):
            found[f"type {kind} {order}"] = (_tiff(_entry(6, kind, order=order), order=order), 1)
        for count in (0, 2, 3, 65_537):
            found[f"count {count} {order}"] = (_tiff(_entry(6, count=count, order=order), order=order), 1)
    for value in (0, 9, 65_535):
        found[f"value {value}"] = (_tiff(_entry(value)), 1)
    for start in (9, 10, 11, 1000, 1001):
        found[f"directory at {start}"] = (_tiff(_entry(6), start=start), 6)
    others = [(_OTHER_TAG + number, 4, 1, bytes(4)) for number in range(3)]
    for first, second, wanted in ((6, 3, 6), (1, 6, 1), (6, 1, 6), (9, 6, 1), (0, 6, 1), (6, 9, 6)):
        found[f"twice {first} {second}"] = (_tiff(_entry(first), _entry(second)), wanted)
    return found | {
        "LONG, then SHORT": (_tiff(_entry(6, 4), _entry(6)), 6),
        "count 2, then 1": (_tiff(_entry(6, count=2), _entry(6)), 6),
        "bytes behind the value": (_tiff((_TAG, 3, 1, b"\0\6\xff\xff")), 6),
        "behind others": (_tiff(*others, _entry(6)), 6),
        "before others": (_tiff(_entry(6), *others), 6),
        "more entries than there are": (_tiff(_entry(6), count=9), 6),
        "no next directory": (_TURNED[:-4], 6),
        "a cut value": (_TURNED[:-7], 1),
        "directory at 0": (_TURNED[:4] + bytes(4) + _TURNED[8:], 1),
        "directory behind the end": (_TURNED[:4] + b"\0\0\xff\0" + _TURNED[8:], 1),
        "in a second directory": (_NONE[:-4] + len(_NONE).to_bytes(4) + _TURNED[8:], 1),
        "no entry": (_tiff(), 1),
        "marked": (MARK + _TURNED, 1),
        "another number behind MM": (b"MM\0+" + _TURNED[4:], 1),
    }


def _blocks_in_containers() -> dict[str, tuple[bytes, int]]:
    found = {}
    for name, (block, wanted) in _blocks().items():
        found[f"jpeg {name}"] = (_jpeg(MARK + block), wanted)
        found[f"png {name}"] = (_png(block), wanted)
    return found


def _jpeg(*contents: bytes, marker: int = 0xE1, at: int = 2) -> bytes:
    return _JPEG[:at] + b"".join(segment(marker, content) for content in contents) + _JPEG[at:]


def _places_in_jpeg() -> dict[str, tuple[bytes, int]]:
    frame, scan = (_JPEG.index(bytes((0xFF, marker))) for marker in (0xC0, 0xDA))
    two = {"other": (_TURNED, _OTHER, 6), "none": (_NONE, _TURNED, 1), "damaged": (b"damage!", _TURNED, 1)}
    two |= {"empty": (b"", _TURNED, 6), "LONG": (_tiff(_entry(6, 4)), _TURNED, 1), "9": (_tiff(_entry(9)), _TURNED, 1)}
    return {
        **{f"jpeg two {name}": (_jpeg(MARK + one, MARK + more), wanted) for name, (one, more, wanted) in two.items()},
        "jpeg mark with another padding": (_jpeg(b"Exif\0\xff" + _TURNED), 6),
        "jpeg mark in capitals": (_jpeg(b"EXIF\0\0" + _TURNED), 1),
        "jpeg in front of the frame": (_jpeg(MARK + _TURNED, at=frame), 6),
        "jpeg in front of the scan": (_jpeg(MARK + _TURNED, at=scan), 6),
        "jpeg behind the scan": (_jpeg(MARK + _TURNED, at=len(_JPEG) - 2), 1),
        "jpeg behind XMP": (_jpeg(b"http://ns.adobe.com/xap/1.0/\0<x/>", MARK + _TURNED), 6),
        "jpeg in APP2": (_jpeg(MARK + _TURNED, marker=0xE2), 1),
    }


def _png(*blocks: bytes, at: int = 33) -> bytes:
    return _PNG[:at] + b"".join(chunk(b"eXIf", block) for block in blocks) + _PNG[at:]


def _places_in_png() -> dict[str, tuple[bytes, int]]:
    two = {"other": (_TURNED, _OTHER, 6), "none": (_NONE, _TURNED, 1), "damaged": (b"damage!", _TURNED, 1)}
    return {
        **{f"png two {name}": (_png(one, more), wanted) for name, (one, more, wanted) in two.items()},
        "png behind the pixels": (_png(_TURNED, at=len(_PNG) - 12), 1),
    }


def _webps() -> dict[str, tuple[bytes, int]]:
    head = riff(b"VP8X", b"\x08\0\0\0" + (23).to_bytes(3, "little") + (15).to_bytes(3, "little"))
    exif = riff(b"EXIF", _TURNED)
    bodies = {"": b"WEBP" + head + _WEBP[12:] + exif, " in front": b"WEBP" + head + exif + _WEBP[12:]}
    return {f"webp{name}": (b"RIFF" + struct.pack("<I", len(body)) + body, 1) for name, body in bodies.items()}


def _avifs() -> dict[str, tuple[bytes, int]]:
    exif = Image.Exif()
    found = {}
    for value in range(2, 9):
        exif[_TAG] = value  # Pillow writes irot and imir
        found[f"avif {value}"] = (encoded(_STORED, "avif", exif=exif.tobytes()), value)
    top = children(encoded(_STORED, "avif"))
    properties = children(children(children(top[b"meta"][4:])[b"iprp"])[b"ipco"])
    shown = Item(b"av01\0", top[b"mdat"], tuple(box(kind, data) for kind, data in properties.items()))
    described = Item(b"Exif\0", bytes(4) + _TURNED, (), b"cdsc")
    return found | {"avif with Exif alone": (avif_file([shown, described]), 1)}
