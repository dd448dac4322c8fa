"""Record: the content of a folder's file `pixstore-bodies`, which names the database that the folder belongs to."""

import errno
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

NAME = "pixstore-bodies"
_FILE = "file:"


def _open_no_link(path: str, flags: int) -> int:
    """Open a file, but no link: another user may have put a folder there, with a link to the real record."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class Record(NamedTuple):
    """The database of a folder. Without ids, the folder belongs to none.

    ids: the database's id. During a change of the id, the old and the new one.
    file: the real path of the SQLite file, relative to the folder's, so that both may be mounted at another place.
    Empty if it is not known.
    """

    ids: tuple[bytes, ...] = ()
    file: str = ""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Return the record in a folder, or one without ids if it is missing, damaged or a link."""
        try:
            with open(folder / NAME, encoding="ascii", opener=_open_no_link) as file:
                lines = file.read().split()
            ids = tuple(bytes.fromhex(line) for line in lines if not line.startswith(_FILE))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return cls()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            return cls()
        files = [line.removeprefix(_FILE) for line in lines if line.startswith(_FILE)]
        return cls(ids, os.fsdecode(unquote_to_bytes(files[0])) if files else "")

    @classmethod
    def of(cls, database_id: bytes, file: Path | None, folder: Path) -> "Record":
        """Return the record of a database. file: its SQLite file, or None if it is not to be recorded."""
        return cls((database_id,), os.path.relpath(os.path.realpath(file), os.path.realpath(folder)) if file else "")

    def file_from(self, folder: Path) -> Path | None:
        """Return the path of the SQLite file, or None if it is not known."""
        return Path(os.path.normpath(os.path.join(os.path.realpath(folder), self.file))) if self.file else None

    def pack(self) -> bytes:
        """Return the content of the file, in ASCII: one line for each id, and one for the path, percent-encoded."""
        lines = [database_id.hex() for database_id in self.ids]
        if self.file:
            lines.append(_FILE + quote_from_bytes(os.fsencode(self.file)))
        return "".join(f"{line}\n" for line in lines).encode("ascii")
