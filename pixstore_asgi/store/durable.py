"""Makes files and folders that survive a power failure and belong to the right user."""

import errno
import os
from contextlib import suppress
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""The system's errors of a full disk and of a quota that is used up."""
MAKE_ROOM = "the disk is full: make room and try again"


def sync(path: Path) -> None:
    """Write a file's content, or a folder's list of names, from the system's cache to disk. Raises OSError."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():  # there it can't be opened, and its list of names is written by the system
        return
    descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write all bytes to a file. One call of the system may write only a part."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def give_to_owner_of(model: Path, descriptor: int) -> None:
    """If this process runs as root, give a new file to the owner of `model`, as SQLite does with its WAL.

    If `model` is missing, give the file to the owner of the folder.
    """
    if os.name == "posix" and os.geteuid() == 0:
        with suppress(OSError):  # root may lack the right to do so, as in a container
            owner = (model if model.exists() else model.parent).stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


def make_private_folder(path: Path, model: Path) -> None:
    """Create a folder with mode 0700 if it is missing. If root creates it, give it to the owner of `model`."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        if os.name == "posix":
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                give_to_owner_of(model, descriptor)
            finally:
                os.close(descriptor)


def may_be_planted(folder: Path, database: Path) -> bool:
    """Return whether another user than root, this one and the database's may have put a folder at this path.

    Such a user needs the right to write to the parent. Root also trusts the owner of the parent.
    """
    own, found = os.geteuid(), folder.stat()
    parent = Path(os.path.realpath(folder)).parent.stat()
    trusted = {0, own, *([parent.st_uid] if own == 0 else []), *([database.stat().st_uid] if database.exists() else [])}
    is_closed = parent.st_uid in trusted and not parent.st_mode & 0o022
    return found.st_uid not in trusted and not is_closed
