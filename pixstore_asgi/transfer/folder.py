"""Folder: lists, reads and writes files inside one folder. It follows no link and overwrites no file."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ..core.hidden import HiddenBytes
from ..errors import ConfigError, ImageTooLarge, InputError, StoreError

FilePath = tuple[str, ...]
"""A file below a folder: the names of its subfolders, then its own. No name contains a slash."""

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)  # Windows does not have these flags
_BASE = _CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # do not block on a pipe
_DIRECTORY = os.O_RDONLY | _CLOEXEC | getattr(os, "O_DIRECTORY", 0)
_READ_BYTES = 1024 * 1024
_MOST_LEVELS = 100  # each level that is listed holds an open file
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}


class ReadFile(NamedTuple):
    """A file's bytes, and the time of its last change in epoch milliseconds."""

    data: HiddenBytes
    modified_ms: int


class Folder:
    """One open folder. It stays the same folder even if it or a parent folder is renamed. Use it with `with`.

    Raises InputError if it can't be opened or does not meet the options, and ConfigError if the system lacks the calls
    (Windows).

    Args:
        path: The path of the folder.
        create: Make the folder (mode 0700) if it is missing.
        follow: Whether the folder itself may be a link.
        own: Whether the folder must belong to this user and be closed to writes of other users.
    """

    def __init__(self, path: Path, *, create: bool = False, follow: bool = True, own: bool = False) -> None:
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            raise ConfigError("images can't be moved on this system: it can't open files without following links")
        try:
            if create and not path.is_dir():
                path.mkdir(0o700)
            self._descriptor = os.open(path, _DIRECTORY if follow else _DIRECTORY | _BASE)
        except OSError as error:
            raise InputError(f"the folder {path} can't be opened: {error.strerror}") from error
        status = os.fstat(self._descriptor)
        if own and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
            os.close(self._descriptor)
            raise InputError(f"the folder {path} belongs to others or can be written by them: choose another one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def files(self, below: FilePath = ()) -> Iterator[FilePath]:
        """Yield each file of the folder and its subfolders, in no order, and never all names of a folder at once.

        It also yields links, other special files, and subfolders that can't be listed: `read` gives the reason.
        """
        try:
            with self._entered(below) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    path = (*below, entry.name)
                    if entry.is_dir(follow_symlinks=False) and len(path) < _MOST_LEVELS:
                        yield from self.files(path)
                    else:
                        yield path
        except OSError:
            if not below:
                raise InputError("the folder can't be listed: check its mode and its disk") from None
            yield below

    def read(self, path: FilePath, *, max_bytes: int) -> bytes:
        """Return the bytes of a file.

        Raises InputError if the file is missing, behind a link or not a regular file, and ImageTooLarge if it is longer
        than `max_bytes`.
        """
        return self.read_whole(path, max_bytes=max_bytes).data

    def read_whole(self, path: FilePath, *, max_bytes: int) -> ReadFile:
        """Return the bytes of a file, with the time of its last change.

        Raises InputError if the file changes meanwhile, and the errors of `read`.
        """
        try:
            with self._open(path, os.O_RDONLY) as file:
                before = os.fstat(file)
                data = _read(file, max_bytes + 1) if before.st_size <= max_bytes else b""
                after = os.fstat(file)
        except OSError as error:
            raise InputError(f"{'/'.join(path)} can't be read: {error.strerror}") from error
        size = max(before.st_size, len(data))
        if size > max_bytes:
            raise ImageTooLarge(f"its file has {size} bytes, which is more than max_image_bytes allows")
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, len(data)):
            raise InputError("its file changed while it was read: run the same command again")
        return ReadFile(HiddenBytes(data), before.st_mtime_ns // 1_000_000)

    def place(self, path: FilePath, data: bytes) -> bool:
        """Write a new file (mode 0600). Return False if the file already exists with this data.

        A file with only the beginning of `data`, as after an interrupted move, is completed. So no temporary file is
        needed. Raises InputError if the file has other content, and StoreError if the disk is full or fails.
        """
        if len(path) > 1:
            self._make_subfolder(path[0])
        try:
            with self._open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
                _write(file, data, path)
        except FileExistsError:
            return self._complete(path, data)
        return True

    def _complete(self, path: FilePath, data: bytes) -> bool:
        with self._open(path, os.O_RDWR) as file:
            found = _read(file, len(data) + 1)
            if found == data:
                return False
            if not data.startswith(found) or not _is_ours(file):
                raise InputError(f"{'/'.join(path)} exists already, with other content")
            _write(file, data[len(found) :], path)
        return True

    def _make_subfolder(self, name: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=self._descriptor)
        except FileExistsError:
            return
        except OSError as error:
            raise StoreError(f"the folder {name} can't be made: {error.strerror}") from error

    @contextmanager
    def _open(self, path: FilePath, flags: int) -> Iterator[int]:
        """Open a regular file. Raises FileExistsError if the flags ask for a new file but it exists."""
        shown = "/".join(path)
        try:
            with self._entered(path[:-1]) as folder:
                file = os.open(path[-1], flags | _BASE, 0o600, dir_fd=folder)
        except FileExistsError:
            raise
        except OSError as error:
            kind = StoreError if error.errno in _FATAL else InputError
            raise kind(_reason(shown, error)) from error
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise InputError(f"{shown} is not a regular file")
            yield file
        finally:
            os.close(file)

    @contextmanager
    def _entered(self, subfolders: FilePath) -> Iterator[int]:
        if not subfolders:
            yield self._descriptor
            return
        descriptor = os.open(subfolders[0], _DIRECTORY | _BASE, dir_fd=self._descriptor)
        try:
            for name in subfolders[1:]:
                outer = descriptor
                descriptor = os.open(name, _DIRECTORY | _BASE, dir_fd=outer)
                os.close(outer)
            yield descriptor
        finally:
            os.close(descriptor)


def _read(file: int, max_bytes: int) -> bytes:
    data = bytearray()
    while piece := os.read(file, min(_READ_BYTES, max_bytes - len(data))):
        data += piece
    return bytes(data)


def _write(file: int, data: bytes, path: FilePath) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError as error:
        raise StoreError(f"{'/'.join(path)} can't be written: {error.strerror}") from error


def _is_ours(file: int) -> bool:
    """Return whether `place` may have written this file: it has one name, belongs to this user, and group and others
    may not read, write or execute it.
    """
    status = os.fstat(file)
    return status.st_nlink == 1 and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _reason(shown: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"its file {shown} is missing"
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        return f"{shown} is a symbolic link or is behind one"
    if error.errno in (errno.EISDIR, errno.ENXIO):
        return f"{shown} is not a regular file"
    return f"{shown} can't be opened: {error.strerror}"
