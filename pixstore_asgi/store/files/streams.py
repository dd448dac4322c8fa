"""Reads one body from its file, or writes one."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from ...core.images import StoredImage
from ...errors import StoreDamaged, StoreError
from ...process import in_thread
from ...threads import local
from ..contract import CHUNK_BYTES
from ..durable import give_to_owner_of, sync, write_all
from ..objects import NoSuchBody, Pieces, UploadGone, keep
from .errors import translated

_WRITTEN_BYTES = 4 * CHUNK_BYTES
_NO_WAIT: int = getattr(os, "RWF_NOWAIT", 0)  # Linux
_of_thread = local()


class _Descriptor:
    """An open file. It closes when its last reader, on any thread, drops it. So its number is never reused during a
    read.
    """

    def __init__(self, path: Path, flags: int) -> None:
        self.number = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # the open failed, or the interpreter ends
            os.close(self.number)


class FileStream:
    """An ImageStream of one file. It opens the file when it is made, on a thread that may wait for the disk. All reads
    succeed even if gc removes the file meanwhile.

    Chunks in the system's cache are read on the event loop's thread, others on another thread. The system reads the
    next chunk from the disk while the caller uses the current one.

    folder: for error messages. path: the file. check: raises FolderAway if the folder is missing.
    """

    def __init__(self, folder: Path, image: StoredImage, path: Path, check: Callable[[], None]) -> None:
        self.image = image
        self.path = path
        self._folder = folder
        self._file: _Descriptor | None = self._open(check)
        self._next = 0
        self._end = image.meta.size

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        start, length = self._next, min(CHUNK_BYTES, self._end - self._next)
        if length == 0:
            await self.aclose()
            raise StopAsyncIteration
        try:
            chunk = await self._chunk(start, length)
            if len(chunk) != length:
                raise StoreDamaged(self._says("is cut short"))
        except StoreError:
            await self.aclose()
            raise
        self._next = start + length
        return chunk

    def skip(self, most: int) -> int:
        skipped = min(most, self._end - self._next) // CHUNK_BYTES * CHUNK_BYTES
        self._next += skipped
        return skipped

    async def aclose(self) -> None:
        self._file, self._end = None, self._next

    async def _chunk(self, start: int, length: int) -> bytes:
        assert self._file is not None
        if (chunk := _cached(self._file, start, length)) is not None:
            return chunk
        return await in_thread(self._read, self._file, start, length)

    def _open(self, check: Callable[[], None]) -> _Descriptor:
        with translated(self._folder):
            try:
                file = _Descriptor(self.path, os.O_RDONLY | os.O_NONBLOCK)  # the open of a FIFO would wait
            except (FileNotFoundError, NotADirectoryError):
                check()
                raise NoSuchBody(self._says("is missing")) from None
            found = os.fstat(file.number).st_size
        if found != self.image.meta.size:
            raise StoreDamaged(self._says("has another length than the image"))
        return file

    def _read(self, file: _Descriptor, start: int, length: int) -> bytes:
        with translated(self._folder):
            chunk = os.pread(file.number, length, start)
            _read_ahead(file, start + length)
            return chunk

    def _says(self, fault: str) -> str:
        return f"the file {self.path} of image {self.image.id} {fault}: restore it from a backup"


def _cached(file: _Descriptor, start: int, length: int) -> bytes | None:
    """Return bytes of a file if the system has all of them in its cache, else None."""
    if not _NO_WAIT:
        return None
    buffer = _buffer()[:length]
    try:
        found = os.preadv(file.number, [buffer], start, _NO_WAIT)
    except OSError:  # not in the cache, or a file system without this flag
        return None
    if found != length:
        return None
    _read_ahead(file, start + length)
    return bytes(buffer)


def _buffer() -> memoryview:
    """Return this thread's own buffer. Copy its content before the next read on this thread."""
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = memoryview(bytearray(CHUNK_BYTES))
    buffer: memoryview = _of_thread.buffer
    return buffer


def _read_ahead(file: _Descriptor, start: int) -> None:
    """Tell the system to read the next chunk into its cache. This call does not wait for the disk."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.number, start, CHUNK_BYTES, os.POSIX_FADV_WILLNEED)


class FileUpload:
    """Writes one body to a temporary file, and syncs and renames the file at the end. It writes each MiB while the next
    one arrives.

    part, path: the temporary and the final file. check: raises FolderAway if the folder is missing.
    """

    def __init__(self, folder: Path, part: Path, path: Path, check: Callable[[], None]) -> None:
        self._folder = folder
        self._part = part
        self._path = path
        self._check = check
        self._pieces: Pieces = []
        self._bytes = 0
        self._end = 0
        self._file: _Descriptor | None = None
        self._writing: asyncio.Task[None] | None = None

    async def write(self, piece: bytes | memoryview) -> None:
        keep(self._pieces, piece)
        self._bytes += len(piece)
        if self._bytes >= _WRITTEN_BYTES:
            await self._written()
            self._start(self._write, self._take())

    async def finish(self) -> None:
        await self._written()
        self._start(self._finish, self._take())
        await self._written()

    async def abort(self) -> None:
        self._take()
        if self._writing is not None:
            await asyncio.gather(asyncio.shield(self._writing), return_exceptions=True)
        if self._file is not None:
            self._file = None
            await in_thread(self._remove)

    def _start(self, function: Callable[[Pieces], None], pieces: Pieces) -> None:
        self._writing = asyncio.ensure_future(in_thread(function, pieces))

    async def _written(self) -> None:
        """Wait for the write that is running, if any. Raises its StoreError."""
        if self._writing is not None:
            await asyncio.shield(self._writing)  # its thread goes on, and `abort` waits for it
            self._writing = None

    def _take(self) -> Pieces:
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        return pieces

    def _write(self, pieces: Pieces) -> None:
        with translated(self._folder):
            if self._file is None:
                self._check()
                self._file = _Descriptor(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                give_to_owner_of(self._folder, self._file.number)
            start = self._end
            for piece in pieces:  # one by one: Linux 6.18 takes twice as long for writev
                write_all(self._file.number, piece)
                self._end += len(piece)
            _start_writing(self._file, start, self._end - start)

    def _finish(self, pieces: Pieces) -> None:
        self._write(pieces)
        with translated(self._folder):
            assert self._file is not None
            os.fsync(self._file.number)
            self._check()  # the folder may have been moved during the write
            try:
                os.replace(self._part, self._path)
            except FileNotFoundError:
                if os.fstat(self._file.number).st_nlink:
                    raise
                raise UploadGone from None  # gc has removed the file
            sync(self._path.parent)
            self._file = None

    def _remove(self) -> None:
        with suppress(OSError):  # gc removes it, because the row of this body is marked dead
            self._part.unlink()


def _start_writing(file: _Descriptor, start: int, length: int) -> None:
    """Let the system send new bytes of a file to the disk now, so that the sync at the end has less to wait for.

    Linux does so at POSIX_FADV_DONTNEED, and keeps bytes in its cache that are on their way to the disk.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.number, start, length, os.POSIX_FADV_DONTNEED)
