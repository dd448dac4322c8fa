"""The one thing in Exif that changes how a picture looks: its orientation."""

from typing import Literal

MAX_EXIF_BYTES = 1024 * 1024
"""How much of an Exif block is searched for an orientation: its first directory comes first, whatever follows it."""

UPRIGHT = 1

ORIENTATION_BYTES = 26
"""How long the block of `orientation_only` is: header, one directory of one entry, and no next one."""

_TAG, _SHORT = 0x0112, 3
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}


def orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, that an Exif block asks for; 1, upright, where it asks for none.

    exif: TIFF 6.0, section 2, with or without the six bytes that mark it in JPEG. As in browsers, an orientation that
    is not one SHORT (Exif 3.0, 4.6.5.1.4) is none.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(tiff[:4])
    if order is None:
        return UPRIGHT
    start = int.from_bytes(tiff[4:8], order)
    if start < 8:
        return UPRIGHT
    entries = start + 2 + 12 * int.from_bytes(tiff[start : start + 2], order)
    for entry in range(start + 2, min(entries, len(tiff) - 11), 12):
        if int.from_bytes(tiff[entry : entry + 2], order) == _TAG:
            kind, count = tiff[entry + 2 : entry + 4], tiff[entry + 4 : entry + 8]
            is_short = int.from_bytes(kind, order) == _SHORT and int.from_bytes(count, order) == 1
            value = int.from_bytes(tiff[entry + 8 : entry + 10], order)
            return value if is_short and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def orientation_only(value: int) -> bytes:
    """Return the shortest Exif block (TIFF 6.0) that has this orientation, and nothing else."""
    numbers = ((8, 4), (1, 2), (_TAG, 2), (_SHORT, 2), (1, 4), (value, 2), (0, 2), (0, 4))
    return b"MM\0*" + b"".join(number.to_bytes(size) for number, size in numbers)
