"""Reads and changes boxes of ISO/IEC 14496-12 in memory, and handles ranges of a file.

The section numbers in this file are those of ISO/IEC 14496-12.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from struct import unpack_from
from typing import TypeAlias, Union

from ...errors import InvalidImage
from ..formats.containers import require

MAX_PARTS = 8192
"""The most boxes in one `meta` or `moov` box, and the most pieces of its items. Real pictures have dozens."""

Known: TypeAlias = dict[bytes, Union["Known", None]]
"""The names of the inner boxes to keep. The value is None to keep the whole box, or the names to keep inside it."""

Stretch = tuple[int, int]
"""A range of a file: the offset of its first byte and of its end, exclusive."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box. kind: its name. start, body: the offsets of the box and of its content. end: the offset after the box.

    inner: the kept inner boxes, by name.
    """

    kind: bytes
    start: int
    body: int
    end: int
    inner: dict[bytes, list["Box"]] = field(default_factory=dict)


class Boxes:
    """The boxes inside one AVIF box, `meta` or `moov`.

    At most MAX_PARTS visits to boxes are allowed, so a hostile file can't take long.
    """

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._left = MAX_PARTS

    def walk(self, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes between two offsets (section 4.2). Raises InvalidImage if a box does not fit or there are
        too many.
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
        """Turn unknown boxes inside `box`, at every level, into free space. Set `inner` to the kept boxes.

        Raises InvalidImage if a kept box occurs twice and its name is not in `repeated`. Readers would use different
        ones of the two.
        """
        for each in self.walk(box.body, box.end):
            if each.kind not in known:
                free(self._data, each)
                continue
            same = box.inner.setdefault(each.kind, [])
            require(not same or each.kind in repeated, "AVIF box that occurs twice")
            same.append(each)
            if within := known[each.kind]:
                self.prune(each, within, repeated)


def find(box: Box, *path: bytes) -> Box | None:
    """Return the kept box at this path of names, or None. If a name occurs several times, its first box is used."""
    for kind in path:
        found = box.inner.get(kind)
        if not found:
            return None
        box = found[0]
    return box


def needed(box: Box, *path: bytes) -> Box:
    """Return the kept box at this path of names. Raises InvalidImage if there is none."""
    found = find(box, *path)
    if found is None:
        raise InvalidImage(f"the AVIF image is damaged: it has no {path[-1].decode()} box in a place that needs one")
    return found


def blank_handler(data: bytearray, box: Box) -> None:
    """Remove the name in a handler box, and keep its type (section 8.4.3)."""
    require(box.end - box.body >= 12, "AVIF box")
    blank(data, box.body + 4, box.body + 8)
    blank(data, box.body + 12, box.end)


def free(data: bytearray, box: Box) -> None:
    """Turn a box into free space of the same length, filled with zeros (section 8.1.2)."""
    data[box.start + 4 : box.start + 8] = b"free"
    blank(data, box.body, box.end)


def blank(data: bytearray, start: int, end: int) -> None:
    """Write zeros from offset `start` to offset `end`, exclusive."""
    data[start:end] = bytes(end - start)


class Fields:
    """Reads the fields of a box one after another, as big-endian numbers. Raises InvalidImage beyond the end of the
    box.
    """

    def __init__(self, data: bytes | bytearray, box: Box) -> None:
        self._data = data
        self._end = box.end
        self.at = box.body

    def skip(self, size: int) -> int:
        """Skip the next `size` bytes and return their offset."""
        start, self.at = self.at, self.at + size
        require(self.at <= self._end, "AVIF box")
        return start

    def number(self, size: int) -> int:
        """Return the number in the next `size` bytes."""
        start = self.skip(size)
        return int.from_bytes(self._data[start : start + size])

    def numbers(self, size: int, count: int) -> tuple[int, ...]:
        """Return the next `count` numbers. size: the bytes of each number, 2, 4 or 8."""
        start = self.skip(size * count)
        return unpack_from(f">{count}{_LETTERS[size]}", self._data, start)

    def version(self) -> int:
        """Return the version of a FullBox (section 4.2), and skip its flags."""
        return self.number(4) >> 24


_LETTERS = {2: "H", 4: "I", 8: "Q"}


class Ranges:
    """A set of ranges of a file. Overlapping ranges are joined."""

    def __init__(self, stretches: Iterable[Stretch] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(stretches):
            if start >= end:
                continue
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    @property
    def end(self) -> int:
        """The end of the last range, or 0 if there is no range."""
        return self._ends[-1] if self._ends else 0

    def cut(self, start: int, end: int) -> Iterator[tuple[int, bool]]:
        """Cut the bytes between two offsets at the limits of the ranges. Yield each part's length, and whether it is
        in a range.
        """
        index = bisect_right(self._ends, start)
        while start < end:
            inner = min(self._starts[index], end) if index < len(self._starts) else end
            if start < inner:
                yield inner - start, False
                start = inner
            if start < end:
                stop = min(self._ends[index], end)
                yield stop - start, True
                start = stop
                index += 1
