"""Boxes of ISO/IEC 14496-12, in bytes that are there as a whole."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from struct import unpack_from
from typing import TypeAlias, Union

from ...errors import InvalidImage
from ..formats.reader import require

MAX_PARTS = 8192
"""How many boxes one `meta` or `moov` may have in all, and how many pieces its items; pictures have dozens."""

Known: TypeAlias = dict[bytes, Union["Known", None]]
"""Names of boxes that stay within another: as they are (None), or with what is known of their own boxes."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its name, the offsets of its first byte, its content and its end, and what stays of those in it."""

    kind: bytes
    start: int
    body: int
    end: int
    inner: dict[bytes, list["Box"]] = field(default_factory=dict)


class Boxes:
    """The boxes of one `meta` or `moov`. All that are looked at count, so that none of it is looked at for long."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._left = MAX_PARTS

    def walk(self, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes (4.2) that lie one behind another between two offsets.

        Raises InvalidImage where they don't, or are too many.
        """
        data = self._data
        while start < end:
            self._left -= 1
            require(self._left >= 0 and end - start >= 8, "AVIF box")
            length, body = int.from_bytes(data[start : start + 4]), start + 8
            if length == 1:
                length, body = int.from_bytes(data[body : body + 8]), body + 8
            elif length == 0:
                length = end - start
            require(body <= start + length <= end, "AVIF box")
            yield Box(bytes(data[start + 4 : start + 8]), start, body, start + length)
            start += length

    def prune(self, box: Box, known: Known, repeated: Set[bytes]) -> None:
        """Free the boxes in a box that are not known, and those within them; `inner` is what stays.

        Raises InvalidImage for a second box of one name that is not among the repeated ones: readers differ on which
        of the two counts.
        """
        for each in self.walk(box.body, box.end):
            if each.kind not in known:
                free(self._data, each)
                continue
            same = box.inner.setdefault(each.kind, [])
            require(not same or each.kind in repeated, "AVIF box that is there twice")
            same.append(each)
            if within := known[each.kind]:
                self.prune(each, within, repeated)


def find(box: Box, *path: bytes) -> Box | None:
    """Return the box that this path leads to, the first one of each name, among those that stay."""
    for kind in path:
        found = box.inner.get(kind)
        if not found:
            return None
        box = found[0]
    return box


def needed(box: Box, *path: bytes) -> Box:
    """Return the box that this path leads to. Raises InvalidImage where there is none."""
    found = find(box, *path)
    if found is None:
        raise InvalidImage(f"the AVIF image is damaged: it has no {path[-1].decode()} box where one must be")
    return found


def blank_handler(data: bytearray, box: Box) -> None:
    """ISO/IEC 14496-12, 8.4.3: of a handler stays its type, and goes its name."""
    require(box.end - box.body >= 12, "AVIF box")
    blank(data, box.body + 4, box.body + 8)
    blank(data, box.body + 12, box.end)


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
