"""Reads a store of the npm package pixstore, and never writes to it. It trusts neither the rows nor the files.

pixstore 3.2.1 keeps ids, tokens and keys in one table, and the ciphertext of each id in one file. The keys are
unencrypted in the table, as JSON in base64. Source: the package's backend/database.js and unique-id.js.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.record import ImageRecord
from ..errors import InputError, RecordError
from .folder import FilePath, Folder
from .steps import printable

EXTENSION = ".pixstore-image"
"""The extension of every file, unless the npm package's option imageExtension changes it."""

TABLE = "CREATE TABLE IF NOT EXISTS image_records (id TEXT PRIMARY KEY, token INTEGER NOT NULL, meta TEXT NOT NULL)"

KNOWN_FORMATS = frozenset(("png", "webp", "jpg", "jpeg"))
"""The formats that the npm package serves, unless its option imageFormats changes them."""


def file_of(image_id: str, extension: str = EXTENSION) -> FilePath:
    """Return the path of an image's file in the images folder. The id must be valid."""
    *folder, name = image_id.split(":")
    return (*folder, f"{name}{extension}")


_PAGE_ROWS = 500  # rows in one page: between two pages, the npm server can write
_MAX_META_BYTES = 1000
# Read the type and a limited part of each value, because SQLite stores any value of any length in any column.
_PAGE = f"""
SELECT rowid, substr(CAST(id AS BLOB), 1, 300), typeof(id) = 'text',
    CASE typeof(token) WHEN 'integer' THEN token END,
    substr(CAST(meta AS BLOB), 1, {_MAX_META_BYTES + 1})
FROM image_records WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE_ROWS}
"""  # noqa: S608
# Check the schema as SQLite has parsed it: in sqlite_schema, the columns beside the statement may be forged.
_TABLE = "SELECT 1 FROM pragma_table_list('image_records') WHERE schema = 'main' AND type = 'table'"
_COLUMNS = "PRAGMA table_xinfo(image_records)"
# Limit the count: a database page that is its own parent has endless rows, and a count can't be interrupted.
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM image_records LIMIT 10000000)"
_BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class NpmRow:
    """One row as it was found, not checked. `record` checks it."""

    id_text: str
    is_text: bool
    token: int | None
    meta: bytes | None = field(repr=False)

    def record(self) -> ImageRecord:
        """Check the row. Return it as an image record, whose proof is a dummy. Raises RecordError."""
        if not self.is_text:
            raise RecordError("its id is not text", "id")
        fields = {"id": self.id_text, "token": self.token, "meta": self._parsed_meta(), "statelessProof": "none"}
        return ImageRecord.parse(fields)

    def _parsed_meta(self) -> Any:
        if self.meta is None or len(self.meta) > _MAX_META_BYTES:
            raise RecordError(f"its meta is missing or longer than {_MAX_META_BYTES} bytes", "shape")
        try:
            return json.loads(self.meta)
        except (ValueError, RecursionError):
            raise RecordError("its meta is not JSON", "shape") from None


class NpmSource:
    """The rows and files of an npm store."""

    def __init__(self, connection: sqlite3.Connection, path: Path, images: Folder, extension: str) -> None:
        self._connection = connection
        self._path = path
        self._images = images
        self._extension = extension

    def count(self) -> int:
        """Return the number of rows, or ten million if there are more."""
        return int(self._fetch(_COUNT)[0][0])

    def rows(self) -> Iterator[NpmRow]:
        """Yield every row, page by page. Between pages, a server that uses the database can write."""
        last = _BEFORE_ALL
        while page := self._fetch(_PAGE, last):
            for _, id_bytes, is_text, token, meta in page:
                yield NpmRow((id_bytes or b"").decode("utf-8", "backslashreplace"), bool(is_text), token, meta)
            if page[-1][0] <= last:
                raise InputError(f"{self._path} is damaged: its rows are out of order")
            last = page[-1][0]

    def ciphertext(self, image_id: str, *, max_bytes: int) -> bytes:
        """Return the ciphertext of an image whose row `record` has checked. Raises InputError or ImageTooLarge."""
        return self._images.read(file_of(image_id, self._extension), max_bytes=max_bytes)

    def _fetch(self, query: str, *values: object) -> list[Any]:
        with _reading(self._path):
            return self._connection.execute(query, values).fetchall()


@contextmanager
def open_npm_source(database: Path, images: Path, *, extension: str = EXTENSION) -> Iterator[NpmSource]:
    """Open the database and images folder of an npm store. Raises InputError if they are not those of npm's pixstore.

    extension: the store's option imageExtension. If a crash left rows in a write-ahead log, these are read too.
    """
    if "/" in extension or "\0" in extension:
        raise InputError(f"an extension such as {EXTENSION} has no slash")
    with Folder(images) as folder, closing(_connect(database)) as connection:
        with _reading(database):
            # Do not let the file's schema run code (SQLite, "Defense Against The Dark Arts").
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA mmap_size = 0")
            if not connection.execute(_TABLE).fetchall():
                raise InputError(f"{database} has no table image_records, so it is not a database of npm's pixstore")
            # Refuse computed columns, which can make gigabytes from a few bytes, and a column that hides the rowid.
            if any(name.lower() == "rowid" or hidden for _, name, *_, hidden in connection.execute(_COLUMNS)):
                raise InputError(f"{database} has columns that npm's pixstore does not make: computed, or called rowid")
        yield NpmSource(connection, database, folder, extension)


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise InputError(f"there is no database {path}: pass the path in the option databasePath of npm's pixstore")
    with _reading(path):
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{_log_options(path)}", uri=True)


def _log_options(path: Path) -> str:
    """Return options for SQLite's URI that let it read a database with a write-ahead log without writing a file
    beside it.
    """
    real = Path(os.path.realpath(path))
    log, index = (real.with_name(f"{real.name}-{suffix}") for suffix in ("wal", "shm"))
    with real.open("rb") as file:
        if file.read(20)[18:] != b"\2\2":  # no write-ahead log (SQLite, "Database File Format", section 1.3.3)
            return ""
    if index.exists():
        return "&readonly_shm=1"
    if log.exists() and log.stat().st_size:
        raise InputError(
            f"{path} has a write-ahead log without its index {index.name}, and reading it would write beside it: "
            f'run sqlite3 {path} "PRAGMA wal_checkpoint" first'
        )
    return "&immutable=1"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:
        # Do not quote SQLite's message: it contains names from the file, such as tables and collations.
        raise InputError(f"{path} can't be read as a database of npm's pixstore: {printable(error)}") from error
