"""Freshness: is a row that was read before still current?

Two sources answer together. Change counters show writes of this package at once, in memory that all processes of this
machine share. SQLite's data_version shows writes of any other program, within a second.

The counters are a sequence lock with one writer:

- The holder of the write lock makes the counters of the images that it changes odd directly before its COMMIT, and even
  after it.
- A reader takes an even value before it reads a row. While the counter has that value, no commit of the image has
  become visible, and the row is current.
- An odd value is no stamp: a commit is running, or its writer has died, and the next holder of the write lock makes it
  even.

The locks and barriers that SQLite takes for each commit and each read keep these steps in order. An image and its
variants share one counter, because most writes change all of them.

The counters are the second half of the write lock's file. They are mapped through a separate descriptor, because a
mapping keeps its open file description, and any lock on it, as long as it exists.
"""

import errno
import mmap
import os
import sqlite3
import struct
import sys
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from ...core.ids import VARIANT_MARK, original_of
from .connection import is_busy, translated
from .descriptor import Descriptor

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


class ChangeCounters:
    """The counters of one open store. Any thread may read them; `changing` and `heal` need the write lock."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        # Native and aligned: each is read, and written, in one step.
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
                # Not truncated: on a full disk a hole would end the process that first writes to it.
                os.posix_fallocate(file.number, 0, _END)
            return cls(mmap.mmap(file.number, _END))
        except OSError as error:
            if error.errno in _NOT_ON_THIS_FILE_SYSTEM:
                return None
            raise
        finally:
            file.close()  # the mapping has its own

    def stamps(self, image_ids: Sequence[str], generation: object) -> list[Hashable]:
        """Return a value for each image. If it equals an earlier value of one generation, no commit of that image has
        become visible in between.
        """
        stamps: list[Hashable] = []
        for image_id in image_ids:  # here, not in functions for one, as is original_of: this runs for every request
            value = self._values[crc32(image_id.partition(VARIANT_MARK)[0].encode()) & _LAST]
            stamps.append(object() if value & 1 else (generation, value))
        return stamps

    @contextmanager
    def changing(self, image_ids: Collection[str] | None) -> Iterator[None]:
        """For the block, treat rows of these images as outdated, also rows read during it. None means all images."""
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
        """Make the counters even that a dead writer left odd."""
        low_bytes = self._memory[_BEGIN + _LOW_BYTE : _END : _COUNTER_BYTES]
        if low_bytes.translate(None, _EVEN_BYTES):  # a loop over all takes as long as a small write
            for slot, low_byte in enumerate(low_bytes):
                self._values[slot] = self._values[slot] + (low_byte & 1) & _LARGEST

    def close(self) -> None:
        """Release the memory. Repeated calls do nothing."""
        self._values.release()
        self._memory.close()


class DataVersion:
    """SQLite's data_version: shows whether any program has committed since the last look. It never waits.

    connection: a reader used for nothing else, because it does not see its own commits. check_files: raises StoreError
    if a file was replaced. every_s: how long a look stays valid, in seconds. due: when to look again, by
    time.monotonic(). generation: an object that is new after each look that found a commit, and differs between
    DataVersions.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, check_files: Callable[[], object], *, every_s: float
    ) -> None:
        self.due = 0.0
        self.generation = object()
        self._path = path
        self._connection = connection
        self._check_files = check_files
        self._every_s = every_s
        self._seen: Hashable = None

    def look(self) -> None:
        """Begin a new generation if anything was committed since the last look.

        Raises StoreError if the database can't be read, or one of its files is not the one that was opened.
        """
        begun_s = time.monotonic()
        with translated(self._path):
            self._check_files()
            found = _read(self._connection)
        if found != self._seen:
            self._seen, self.generation = found, object()
        self.due = begun_s + self._every_s

    def close(self) -> None:
        """Close the connection. Repeated calls do nothing."""
        self._connection.close()


def _read(connection: sqlite3.Connection) -> Hashable:
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return object()  # a database that is just busy counts as changed
