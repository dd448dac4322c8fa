"""The most memory that a process and all below it have at once."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ..cpu import children

_PAUSE_S = 0.02


class Peak:
    """Reads the resident memory of a process and its descendants every 20 ms, and keeps the maximum."""

    def __init__(self, pid: int) -> None:
        self.most_bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            self._look()

    def _look(self) -> None:
        self.most_bytes = max(self.most_bytes, resident_bytes(self._pid))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants. Shared memory counts once, by a share in each."""
    return sum(map(_own_bytes, _family(pid)))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from _family(child)


def _own_bytes(pid: int) -> int:
    folder = Path(f"/proc/{pid}")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        try:
            text, field = (folder / "smaps_rollup").read_text(), "\nPss:"
        except PermissionError:  # only root may read this process: count all of its memory
            text, field = (folder / "status").read_text(), "\nVmRSS:"
        if field in text:
            return int(text.partition(field)[2].split()[0]) * 1024
    return 0
