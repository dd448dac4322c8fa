"""The write lock: one writer at a time among all processes of this machine, around transactions and checkpoints.

With SQLite's own busy handler, writers may starve and the write-ahead log may grow. A flock(2) on a side file prevents
both, and no commit can happen during a checkpoint. The file also has a header for the next holder, and the change
counters.
"""

import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from ...errors import StoreBusy
from .descriptor import Descriptor
from .freshness import ChangeCounters

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

_HEADER_BYTES = 64
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.01


class WriteLock:
    """The write lock of one open store, for its writer's thread.

    counters: the change counters in its file after `map_counters`, or None.
    """

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self.counters: ChangeCounters | None = None
        self._file = Descriptor.of(path) if fcntl else None
        self._path = path
        self._timeout_s = timeout_s

    @property
    def header(self) -> bytes:
        """The header of the lock file, left by the last holder. Empty if there is none."""
        return os.pread(self._file.number, _HEADER_BYTES, 0) if self._file else b""

    @header.setter
    def header(self, value: bytes) -> None:
        if self._file:
            os.pwrite(self._file.number, value, 0)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for a block. Raises StoreBusy if other processes hold it for `timeout_s` seconds."""
        self._acquire()
        try:
            if self.counters:
                self.counters.heal()
            yield
        finally:
            if self._file:
                fcntl.flock(self._file.number, fcntl.LOCK_UN)

    def map_counters(self) -> None:
        """Map the change counters, if the system can, so that holders of the lock count changes. Raises OSError."""
        if self._file:  # or others could write to the counters at the same time
            self.counters = ChangeCounters.open(self._path)

    def changing(self, image_ids: Collection[str] | None) -> AbstractContextManager[None]:
        """For the block, treat rows of these images as outdated; see ChangeCounters. The lock must be held."""
        return self.counters.changing(image_ids) if self.counters else nullcontext()

    def close(self) -> None:
        """Release descriptor and counters. Repeated calls do nothing."""
        if self.counters:
            self.counters.close()
        if self._file:
            self._file.close()

    def _acquire(self) -> None:
        # Polled: a blocking flock could not be given up.
        deadline, pause_s = time.monotonic() + self._timeout_s, _FIRST_PAUSE_S
        while self._file:
            try:
                fcntl.flock(self._file.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreBusy(f"another process holds {self._path} for its write: try again") from None
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                return
