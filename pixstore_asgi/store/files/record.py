"""Record: the content of a folder's file `pixstore-bodies`, which names the database that the folder belongs to."""

import errno
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

NAME = "pixstore-bodies"
_FILE = "file:"
_INODE = _FILE + "#"  # earlier versions ignore every line `file:` after the first one


def _open_no_link(path: str, flags: int) -> int:
    """Open a file, but no link: another user may have put a folder there, with a link to the real record."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class Record(NamedTuple):
    """The database of a folder. Without ids, the folder belongs to none.

    ids: the database's id. During a change of the id, the old and the new one.
    file: the real path of the SQLite file, relative to the folder's, so that both may be mounted at another place.
    Empty if it is not known.
    inode: the number of that file in its file system, or 0 if it is not known. A file that is moved, or mounted at
    another path, keeps its number. A copy has another one.
    """

    ids: tuple[bytes, ...] = ()
    file: str = ""
    inode: int = 0

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Return the record in a folder, or one without ids if it is missing, damaged or a link."""
        try:
            with open(folder / NAME, encoding="ascii", opener=_open_no_link) as file:
                lines = file.read().split()
            ids = tuple(bytes.fromhex(line) for line in lines if not line.startswith(_FILE))
            inode = max((int(line.removeprefix(_INODE)) for line in lines if line.startswith(_INODE)), default=0)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return cls()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            return cls()
        files = [line.removeprefix(_FILE) for line in lines if line.startswith(_FILE)]
        return cls(ids, os.fsdecode(unquote_to_bytes(files[0])), inode) if files else cls(ids)

    @classmethod
    def of(cls, database_id: bytes, file: Path | None, folder: Path) -> "Record":
        """Return the record of a database. file: its SQLite file, or None if it is not to be recorded."""
        if file is None:
            return cls((database_id,))
        path = os.path.relpath(os.path.realpath(file), os.path.realpath(folder))
        return cls((database_id,), path, file.stat().st_ino if file.exists() else 0)

    def file_from(self, folder: Path) -> Path | None:
        """Return the path of the SQLite file, or None if it is not known."""
        return Path(os.path.normpath(os.path.join(os.path.realpath(folder), self.file))) if self.file else None

    def pack(self) -> bytes:
        """Return the content of the file, in ASCII: one line for each id, one for the path, percent-encoded, and one
        for the inode.
        """
        lines = [database_id.hex() for database_id in self.ids]
        if self.file:
            lines.append(_FILE + quote_from_bytes(os.fsencode(self.file)))
            lines += [f"{_INODE}{self.inode}"] if self.inode else []
        return "".join(f"{line}\n" for line in lines).encode("ascii")
