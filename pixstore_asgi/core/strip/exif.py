"""The one thing in Exif that changes how a picture looks: its orientation."""

from typing import Literal

MAX_EXIF_BYTES = 1024 * 1024
"""How much of an Exif block is searched for an orientation: its first directory comes first, whatever follows it."""

UPRIGHT = 1

ORIENTATION_BYTES = 26
"""How long the block of `orientation_only` is: header, one directory of one entry, and no next one."""

_TAG, _SHORT = 0x0112, 3
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}


def orientation(tiff: bytes) -> int:
    """Return the orientation, 1 to 8, that an Exif block asks for; 1, upright, where it asks for none.

    tiff: TIFF 6.0, section 2, without the six bytes that mark it in JPEG. Browsers read one SHORT (Exif 3.0, 4.6.5.1.4)
    and pass over entries of another type or count. Of several the first one decides.
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
    """Return the shortest Exif block (TIFF 6.0) that has this orientation, and nothing else."""
    numbers = ((8, 4), (1, 2), (_TAG, 2), (_SHORT, 2), (1, 4), (value, 2), (0, 2), (0, 4))
    return b"MM\0*" + b"".join(number.to_bytes(size) for number, size in numbers)
