"""The orientation in Exif, the only Exif value that changes how a picture looks."""

from typing import Literal

MAX_EXIF_BYTES = 1024 * 1024
"""The part of an Exif block that is searched for an orientation, which is in its first directory."""

UPRIGHT = 1

ORIENTATION_BYTES = 26
"""Length of the block of `orientation_only`: header, and one directory of one entry."""

_TAG, _SHORT = 0x0112, 3
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}


def orientation(tiff: bytes) -> int:
    """Return the orientation in an Exif block, 1 to 8; UPRIGHT if it has none.

    Like browsers, it reads the first entry that is one SHORT (Exif 3.0, 4.6.5.1.4), and skips other types and counts.

    Args:
        tiff: TIFF 6.0, section 2, without the six bytes before it in a JPEG.
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
    """Return the shortest Exif block (TIFF 6.0) with this orientation."""
    numbers = ((8, 4), (1, 2), (_TAG, 2), (_SHORT, 2), (1, 4), (value, 2), (0, 2), (0, 4))
    return b"MM\0*" + b"".join(number.to_bytes(size) for number, size in numbers)
