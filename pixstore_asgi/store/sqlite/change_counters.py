"""Change counters: which images were written to, in memory that all processes of this machine share.

They are a sequence lock with one writer: whoever holds the write lock makes the counters of the images that it changes
odd directly before its COMMIT, and even after it. A reader takes an even value before it reads a row. As long as the
counter has that value, no commit of the image has become visible since, and the row is current. An odd value stands for
nothing: a commit is under way, or its writer has died in it, and the next holder of the write lock makes it even. The
locks and barriers that SQLite takes for each commit and each read keep these steps in their order. An image and its
variants have one counter, for most writes are of all of them.

The counters are the second half of the write lock's file, mapped through a descriptor of their own: a mapping keeps its
open file description, and any lock on it, for as long as it lasts.
"""

import errno
import mmap
import os
import struct
import sys
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from ...core.ids import VARIANT_MARK, original_of
from .descriptor import Descriptor

_COUNTERS = 512
_LAST = _COUNTERS - 1
_ALL = range(_COUNTERS)
_COUNTER_BYTES = 8
_LARGEST = 2**64 - 1  # nobody counts to it, but a damaged file may hold it
_BEGIN = 4096  # in the file
_END = _BEGIN + _COUNTERS * _COUNTER_BYTES
_LOW_BYTE = 0 if sys.byteorder == "little" else _COUNTER_BYTES - 1
_EVEN_BYTES = bytes(range(0, 256, 2))
_NOT_ON_THIS_FILE_SYSTEM = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)


class ChangeCounters:
    """The counters of one open store. Any thread may read them; `changing` and `heal` want the write lock."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        # Native and aligned: each is read, and written, in one step.
        self._values = memoryview(memory)[_BEGIN:_END].cast("Q")

    @classmethod
    def open(cls, path: Path) -> "ChangeCounters | None":
        """Return the counters in a file, which is made where it is missing, or None where the system or the file
        system has no means for them, in any process. Raises OSError."""
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
        """Return a value for each image that is equal to an earlier one, of one generation, only if no commit of that
        image has become visible in between."""
        stamps: list[Hashable] = []
        for image_id in image_ids:  # here, not in functions for one, as is original_of: this runs for every request
            value = self._values[crc32(image_id.partition(VARIANT_MARK)[0].encode()) & _LAST]
            stamps.append(object() if value & 1 else (generation, value))
        return stamps

    @contextmanager
    def changing(self, image_ids: Collection[str] | None) -> Iterator[None]:
        """Let no row of these images count as current during a block, nor any read before it; None stands for all."""
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
        """Make even what a writer that died has left odd."""
        low_bytes = self._memory[_BEGIN + _LOW_BYTE : _END : _COUNTER_BYTES]
        if low_bytes.translate(None, _EVEN_BYTES):  # a loop over all takes as long as a small write
            for slot, low_byte in enumerate(low_bytes):
                self._values[slot] = self._values[slot] + (low_byte & 1) & _LARGEST

    def close(self) -> None:
        """Give the memory back; harmless when repeated."""
        self._values.release()
        self._memory.close()
