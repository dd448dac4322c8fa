"""The write lock: one writer at a time among all processes of this machine, and counters that show its changes.

With SQLite's own busy handler, writers may starve and the write-ahead log may grow. A flock(2) on a side file prevents
both, and no commit can happen during a checkpoint. The file also has a header that each holder leaves for the next one,
and the change counters. The counters show writes of this package without delay, in memory that all processes of this
machine share.

The counters are a sequence lock with one writer:

- Before its COMMIT, the holder of the write lock sets the counter of each image that it changes to an odd value. After
  the COMMIT it sets the counter to the next even value.
- A reader takes an even value before it reads a row. While the counter has that value, no commit of the image has
  become visible, and the row is current.
- A reader does not trust an odd value: a commit is running, or its writer has died. In the second case the next holder
  of the write lock makes the counter even.

The locks and barriers that SQLite takes for each commit and each read keep these steps in order. An image and its
variants share one counter, because most writes change all of them. Unrelated images may share one of the 512 counters
too.

The counters are the second half of the lock file. They are mapped through a separate descriptor: a mapping keeps its
open file description alive, and with it any lock that was taken through the same descriptor.
"""

import errno
import mmap
import os
import struct
import sys
import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Self
from zlib import crc32

from ...core.ids import VARIANT_MARK, original_of
from ...errors import StoreBusy
from ...process import close_in_child, no_fork
from ..durable import give_to_owner_of

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

_HEADER_BYTES = 64
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.01
_COUNTERS = 512
_LAST = _COUNTERS - 1
_ALL = range(_COUNTERS)
_COUNTER_BYTES = 8
_LARGEST = 2**64 - 1  # no process counts that far, but a damaged file may hold it
_BEGIN = 4096  # in the file
_END = _BEGIN + _COUNTERS * _COUNTER_BYTES
_LOW_BYTE = 0 if sys.byteorder == "little" else _COUNTER_BYTES - 1
_EVEN_BYTES = bytes(range(0, 256, 2))
_NOT_ON_THIS_FILE_SYSTEM = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)


class Descriptor:
    """The descriptor of an open lock file: `number`, or -1 once it is closed.

    A forked child closes its copy. Otherwise the copy would keep the locks after the parent's death.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        close_in_child(self, Descriptor.close)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Open the file at `path`. Create it with mode 0600 if it is missing. Do not follow a link.

        If root creates the file, give it to the database's owner, as SQLite does with its WAL.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            with suppress(FileExistsError):
                made = cls(os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600))
                give_to_owner_of(path.with_suffix(""), made.number)  # the database's path
                return made
            with suppress(FileNotFoundError):  # removed meanwhile
                return cls(os.open(path, flags))

    def close(self) -> None:
        """Close the descriptor. Repeated calls do nothing."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    __del__ = close


class ChangeCounters:
    """The change counters of one open store. Any thread may read them; `changing` and `heal` need the write lock."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        # Native and aligned, so each counter is read, and written, in one step.
        self._values = memoryview(memory)[_BEGIN:_END].cast("Q")

    @classmethod
    def open(cls, path: Path) -> "ChangeCounters | None":
        """Return the counters in a file, or None if the system or file system can't share memory. Raises OSError.

        Creates the file if it is missing.
        """
        if not hasattr(os, "posix_fallocate") or struct.calcsize("P") != _COUNTER_BYTES:
            return None
        file = Descriptor.of(path)
        try:
            if os.fstat(file.number).st_size < _END:
                # Truncating would leave a hole: on a full disk, the first write to it would kill the process.
                os.posix_fallocate(file.number, 0, _END)
            return cls(mmap.mmap(file.number, _END))
        except OSError as error:
            if error.errno in _NOT_ON_THIS_FILE_SYSTEM:
                return None
            raise
        finally:
            file.close()  # the mapping has its own

    def stamps(self, image_ids: Sequence[str], generation: object) -> list[Hashable]:
        """Return a stamp for each image. generation: a part of each stamp.

        If a stamp equals an earlier one of that image, no commit of the image has become visible in between.
        """
        stamps: list[Hashable] = []
        for image_id in image_ids:  # written out, original_of too, because this runs for every request
            value = self._values[crc32(image_id.partition(VARIANT_MARK)[0].encode()) & _LAST]
            stamps.append(object() if value & 1 else (generation, value))
        return stamps

    @contextmanager
    def changing(self, image_ids: Collection[str] | None) -> Iterator[None]:
        """During the block, all readers treat rows of these images as outdated, even rows read during it. None: all
        images.
        """
        values = self._values
        slots = _ALL if image_ids is None else {crc32(original_of(image_id).encode()) & _LAST for image_id in image_ids}
        for slot in slots:
            values[slot] |= 1
        try:
            yield
        finally:
            for slot in slots:
                values[slot] = values[slot] + 1 & _LARGEST

    def heal(self) -> None:
        """If a dead writer left counters odd, make them even."""
        low_bytes = self._memory[_BEGIN + _LOW_BYTE : _END : _COUNTER_BYTES]
        if low_bytes.translate(None, _EVEN_BYTES):  # a loop over all takes as long as a small write
            for slot, low_byte in enumerate(low_bytes):
                self._values[slot] = self._values[slot] + (low_byte & 1) & _LARGEST

    def close(self) -> None:
        """Release the memory. Repeated calls do nothing."""
        self._values.release()
        self._memory.close()


class WriteLock:
    """The write lock of one open store. Only one thread at a time may use it, except for `counters`.

    counters: the change counters in the lock file, or None before `map_counters` or if the system can't share memory.
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
        """Hold the lock during the block, and delay forks. Raises StoreBusy if other processes hold the lock for
        `timeout_s` seconds.
        """
        self._acquire()
        try:
            with no_fork():
                if self.counters:
                    self.counters.heal()
                yield
        finally:
            if self._file:
                fcntl.flock(self._file.number, fcntl.LOCK_UN)

    def map_counters(self) -> None:
        """Map the change counters into memory, if the system can share memory. From then on, writes count their
        changes. Raises OSError.
        """
        if self._file:  # without the lock, several processes could write the counters at the same time
            self.counters = ChangeCounters.open(self._path)

    def changing(self, image_ids: Collection[str] | None) -> AbstractContextManager[None]:
        """During the block, all readers treat rows of these images as outdated; see ChangeCounters. The lock must be
        held.
        """
        return self.counters.changing(image_ids) if self.counters else nullcontext()

    def close(self) -> None:
        """Close the lock file and release the counters. Repeated calls do nothing."""
        if self.counters:
            self.counters.close()
        if self._file:
            self._file.close()

    def _acquire(self) -> None:
        # Polled, because a blocking flock has no time limit.
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
