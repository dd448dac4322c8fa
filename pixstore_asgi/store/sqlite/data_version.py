"""SQLite's data_version: whether anything was committed to a database, by whatever program, since one looked."""

import sqlite3
import time
from collections.abc import Hashable
from pathlib import Path

from .connection import is_busy, translated
from .open_files import OpenFiles
from .writer import connect_reader


class DataVersion:
    """Looks at an open database, on the caller's thread, for it waits for nothing.

    every_s: how long a look is good for, in seconds. due: when to look again, by time.monotonic(). generation: an
    object, another one after each look that found a commit, and in every DataVersion.
    """

    def __init__(self, path: Path, files: OpenFiles, *, every_s: float) -> None:
        self.due = 0.0
        self.generation = object()
        self._path = path
        self._files = files
        self._every_s = every_s
        self._connection = connect_reader(str(path), busy_timeout_s=0)
        self._seen: Hashable = None

    def look(self) -> None:
        """Begin a new generation where anything was committed since the last look.

        Raises StoreError if the database can't be read, or a file of it is no longer the one that was opened.
        """
        begun_s = time.monotonic()
        with translated(self._path):
            self._files.check()
            found = _read(self._connection)
        if found != self._seen:
            self._seen, self.generation = found, object()
        self.due = begun_s + self._every_s

    def close(self) -> None:
        """Close the connection; harmless when repeated."""
        self._connection.close()


def _read(connection: sqlite3.Connection) -> Hashable:
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return object()  # a database that is just busy counts as changed
