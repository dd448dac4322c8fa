"""Ranges of a file."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Stretch = tuple[int, int]
"""A range of a file: the offset of its first byte and of its end, exclusive."""


class Ranges:
    """A set of stretches of a file. Overlapping ones are joined."""

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
        """The end of the last one, 0 if there is none."""
        return self._ends[-1] if self._ends else 0

    def cut(self, start: int, end: int) -> Iterator[tuple[int, bool]]:
        """Divide the bytes between two offsets: yield each part's length, and whether it is in this set."""
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
