"""Boxes of ISO/IEC 14496-12, in bytes that are there as a whole."""

from collections.abc import Iterator
from struct import unpack_from
from typing import NamedTuple, TypeAlias, Union

from ...errors import InvalidImage
from ..formats.reader import require

MAX_PARTS = 8192
"""How many boxes, items or pieces of items one list may have; pictures have dozens."""

Known: TypeAlias = dict[bytes, Union["Known", None]]
"""Names of boxes that stay within another: as they are (None), or with what is known of their own boxes."""


class Box(NamedTuple):
    """One box: its name, and the offsets of its first byte, its content, and its end."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes (4.2) that lie one behind another between two offsets. Raises InvalidImage where they don't."""
    parts = 0
    while start < end:
        parts += 1
        require(parts <= MAX_PARTS and end - start >= 8, "AVIF box")
        length, body = int.from_bytes(data[start : start + 4]), start + 8
        if length == 1:
            length, body = int.from_bytes(data[body : body + 8]), body + 8
        elif length == 0:
            length = end - start
        require(body <= start + length <= end, "AVIF box")
        yield Box(bytes(data[start + 4 : start + 8]), start, body, start + length)
        start += length


def find(data: bytes | bytearray, box: Box, *path: bytes) -> Box | None:
    """Return the box that this path leads to, through boxes that hold nothing but boxes; the first one of each name."""
    for kind in path:
        found = next((inner for inner in boxes(data, box.body, box.end) if inner.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def needed(data: bytes | bytearray, box: Box, *path: bytes) -> Box:
    """Return the box that this path leads to. Raises InvalidImage where there is none."""
    found = find(data, box, *path)
    if found is None:
        raise InvalidImage(f"the AVIF image is damaged: it has no {path[-1].decode()} box where one must be")
    return found


def prune(data: bytearray, start: int, end: int, known: Known) -> None:
    """Free the boxes between two offsets that are not known, and those within them."""
    for box in boxes(data, start, end):
        inner = known.get(box.kind)
        if box.kind not in known:
            free(data, box)
        elif inner:
            prune(data, box.body, box.end, inner)


def free(data: bytearray, box: Box) -> None:
    """Make a box one of free space (8.1.2), of the same length and full of zeros."""
    data[box.start + 4 : box.start + 8] = b"free"
    blank(data, box.body, box.end)


def blank(data: bytearray, start: int, end: int) -> None:
    """Put zeros between two offsets."""
    data[start:end] = bytes(end - start)


class Fields:
    """The numbers in a box, big-endian, one behind another. Raises InvalidImage behind its end."""

    def __init__(self, data: bytes | bytearray, box: Box) -> None:
        self._data = data
        self._end = box.end
        self.at = box.body

    def skip(self, size: int) -> int:
        """Go past the next `size` bytes and return where they begin."""
        start, self.at = self.at, self.at + size
        require(self.at <= self._end, "AVIF box")
        return start

    def number(self, size: int) -> int:
        """Return the number in the next `size` bytes."""
        start = self.skip(size)
        return int.from_bytes(self._data[start : start + size])

    def numbers(self, size: int, count: int) -> tuple[int, ...]:
        """Return the numbers in the next `count` times `size` bytes, where `size` is 2, 4 or 8."""
        start = self.skip(size * count)
        return unpack_from(f">{count}{_LETTERS[size]}", self._data, start)

    def version(self) -> int:
        """Return the version that a FullBox (4.2) begins with, and go past its flags."""
        return self.number(4) >> 24


_LETTERS = {2: "H", 4: "I", 8: "Q"}
