"""Descriptors of lock files. A forked child closes its copies, which would keep the locks after the parent's death."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from ...process import close_in_child


class Descriptor:
    """An open lock file. `number` is the descriptor, -1 once it is closed."""

    def __init__(self, number: int) -> None:
        self.number = number
        close_in_child(self, Descriptor.close)

    @classmethod
    def of(cls, path: Path) -> Self:
        """Open the file at `path`. Create it with mode 0600 if it is missing. Do not follow a link.

        If root creates the file, it is given to the database's owner, as SQLite does with its WAL.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            with suppress(FileExistsError):
                made = cls(os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600))
                made._give_to_owner_of(path.with_suffix(""))  # of `pixstore.db.lock` that is the database
                return made
            with suppress(FileNotFoundError):  # removed meanwhile
                return cls(os.open(path, flags))

    def _give_to_owner_of(self, path: Path) -> None:
        if os.geteuid() == 0:
            with suppress(OSError):  # root may be without the right to it, as in a container
                owner = path.stat()
                os.fchown(self.number, owner.st_uid, owner.st_gid)

    def close(self) -> None:
        """Close it. Repeated calls do nothing."""
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    __del__ = close
