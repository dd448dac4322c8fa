"""The memory for uploads: buffers that count the bytes of all uploads in this process, and the limit of a request."""

import io
import weakref
from threading import RLock

from django.conf import settings

from ...errors import ImageTooLarge, PixstoreError, StoreBusy
from ...pixstore import parts_of
from ...saving.options import UploadLimits
from .setting import get_pixstore

_MOST_BYTES = 256 * 1024 * 1024
_FIELDS_BYTES = 2_621_440  # Django's default of DATA_UPLOAD_MAX_MEMORY_SIZE, if a project sets it to None


def longest_request() -> int:
    """Return how many bytes a request may have: an image and the fields of a form.

    A project that takes several large images in one form raises FILE_UPLOAD_MAX_MEMORY_SIZE.
    """
    fields: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    in_memory: int = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    return max(in_memory, upload_limits().max_bytes + (_FIELDS_BYTES if fields is None else fields))


def upload_limits() -> UploadLimits:
    """Return the limits of one upload of the project's Pixstore."""
    return parts_of(get_pixstore()).options.limits


def error_of_length(content_length: str | None) -> ImageTooLarge | None:
    """Return the error of a request that is too long by its header Content-Length, or None."""
    length, most = content_length or "", longest_request()
    return _too_long(most) if length.isdecimal() and int(length) > most else None


class _Share:
    """The number of bytes that one buffer holds."""

    count = 0


class _Held:
    """Counts the bytes of all files, or of all bodies, in the memory of this process."""

    def __init__(self) -> None:
        self._lock = RLock()  # the garbage collector may drop another buffer meanwhile
        self._count = 0

    def add(self, share: _Share, count: int, most: int) -> bool:
        """Count further bytes, unless there would be more than `most`. Return whether they are counted."""
        with self._lock:
            if self._count + count > most:
                return False
            self._count += count
            share.count += count
            return True

    def remove(self, share: _Share) -> None:
        """Remove the bytes of a buffer."""
        with self._lock:
            self._count -= share.count
            share.count = 0


_files, _bodies = _Held(), _Held()


class UploadBuffer(io.BytesIO):
    """A file in memory for one file of a form, or for the body of a request. Closing or dropping it frees the memory.

    most: how many bytes it may have. is_body: whether it is a body. All bodies get at most half the memory: the files
    of their forms are copies, which would not fit otherwise, and then no upload would succeed.
    """

    def __init__(self, most: int, *, is_body: bool = False) -> None:
        super().__init__()
        self._most = most
        self._held, self._all = (_bodies, _MOST_BYTES // 2) if is_body else (_files, _MOST_BYTES)
        self._share = _Share()
        self._free = weakref.finalize(self, self._held.remove, self._share)

    def add(self, data: bytes) -> PixstoreError | None:
        """Append bytes. If they are too many, free the memory and return the error."""
        error: PixstoreError
        if self._share.count + len(data) > self._most:
            error = _too_long(self._most)
        elif self._held.add(self._share, len(data), max(self._all, 2 * self._most)):
            self.write(data)
            return None
        else:
            error = StoreBusy("the uploads in memory have reached the limit of this process")
        self.close()
        return error

    def close(self) -> None:
        """Free the memory."""
        self._free()
        super().close()


def _too_long(most: int) -> ImageTooLarge:
    return ImageTooLarge(f"the upload is longer than {most} bytes")
