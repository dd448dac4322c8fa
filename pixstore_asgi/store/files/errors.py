"""Translates errors of the file system into StoreErrors with advice."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import StoreBusy, StoreDamaged, StoreError, StoreFull
from ..durable import MAKE_ROOM, NO_ROOM

TOO_MANY_FILES = "too many files are open: raise the limit of open files (ulimit -n, LimitNOFILE=), and try again"
_ONE_DISK = "parts of it are on different file systems: keep all of it on one"
_CHECK_DISK = "reading or writing it failed: check the disk"


class FolderAway(StoreBusy):
    """The folder of bodies is missing, or another one is in its place."""

    away = "folder"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the folder {folder} is missing or was replaced: "
            "mount it, move it back or restore it from a backup, and try again"
        )


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Translate errors of the file system into StoreErrors. FileNotFoundError becomes FolderAway."""
    try:
        yield
    except FileNotFoundError:
        raise FolderAway(folder) from None
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreFull(f"the folder {folder} can't be used: {MAKE_ROOM}") from error
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise StoreBusy(f"the folder {folder} can't be used: {TOO_MANY_FILES}") from error
        if error.errno == errno.EXDEV:
            raise StoreError(f"the folder {folder} can't be used: {_ONE_DISK}") from error
        if error.errno == errno.EIO:
            raise StoreDamaged(f"the folder {folder} can't be used: {_CHECK_DISK}") from error
        reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        raise StoreError(
            f"the folder {folder} can't be used ({reason}): let the process read and write the folder"
        ) from error
