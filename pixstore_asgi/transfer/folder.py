"""Folder: reads and writes files inside one folder. It follows no link and overwrites no file."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ConfigError, ImageTooLarge, InputError, StoreError

FilePath = tuple[str, ...]
"""A file below a folder: (name,) or (subfolder, name), without slashes in the names."""

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)  # Windows does not have these flags
_BASE = _CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # do not block on a pipe
_DIRECTORY = os.O_RDONLY | _CLOEXEC | getattr(os, "O_DIRECTORY", 0)
_READ_BYTES = 1024 * 1024
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}


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

    def read(self, path: FilePath, *, max_bytes: int) -> bytes:
        """Return the bytes of a file.

        Raises InputError if the file is missing, behind a link or not a regular file, and ImageTooLarge if it is longer
        than `max_bytes`.
        """
        with self._open(path, os.O_RDONLY) as file:
            size = os.fstat(file).st_size
            data = _read(file, max_bytes + 1) if size <= max_bytes else b""
        if max(size, len(data)) > max_bytes:
            raise ImageTooLarge(f"its file has {max(size, len(data))} bytes, which is more than max_image_bytes allows")
        return data

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
