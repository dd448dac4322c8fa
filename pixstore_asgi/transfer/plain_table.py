"""CSV files of an import of plain files: the list of its files, and its report.

Both have the columns path and id, so the report of one import is a list for the next one. They are UTF-8. A byte of a
name that is not UTF-8 is written as `\\xff`, and a backslash that would begin such a text as `\\x5c`.

Names come from users, and a spreadsheet could run one as a formula. So a first character that begins a formula is
written as `\\x3d`, and a name with a semicolon or tab is quoted.
"""

import csv
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self, TextIO

from ..errors import InputError, StoreError
from .plain_import import Entry, PlainPlace
from .steps import Outcome, Step, printable

_TEXT: dict[str, Any] = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
_ESCAPED = re.compile(r"\\x(5c|[89a-f][0-9a-f])|^\\x(3d|2b|2d|40|09|0d)")
_BEGINS_FORMULA = re.compile(r"[=+\-@\t\r]")
_SEPARATORS = frozenset("\r;\t")  # of rows or cells, for some programs; the module csv does not quote them


async def all_entries(place: PlainPlace) -> AsyncIterator[Entry]:
    """Yield an entry for each file of a place."""
    async for name in place.names():
        yield Entry(name)


async def listed_entries(table: Path) -> AsyncIterator[Entry]:
    """Yield an entry for each row of a CSV file: its path, and its id if it has one. Raises InputError."""
    for row in _rows(table):
        yield Entry(_unescaped(row["path"] or ""), row.get("id") or "")


def _rows(table: Path) -> Iterator[dict[str, str]]:
    try:
        with table.open(**_TEXT) as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            if "path" not in columns:
                raise InputError(f"{table} has no column path: its first line must be path,id or path")
            for name in ("path", "id"):
                if columns.count(name) > 1:
                    raise InputError(f"{table} has a column {name} more than once: leave one of them")
            yield from reader
    except (OSError, csv.Error) as error:
        raise InputError(f"{table} can't be read: {printable(error)}") from error


def _escaped(name: str) -> str:
    name = _ESCAPED.sub(lambda found: rf"\x5c{found[0][1:]}", name)
    if _BEGINS_FORMULA.match(name):
        name = rf"\x{ord(name[0]):02x}{name[1:]}"
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0][2:]).decode("utf-8", "surrogateescape"), name)


class ReportFile:
    """A CSV file with the path and id of each image, or its path and the reason why it was skipped.

    It appears when the import has ended. An interrupted import leaves an earlier report as it was.
    """

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._writer.writerow(("path", "id", "reason"))

    def add(self, step: Step) -> None:
        """Write the row of one step."""
        is_left, name, reason = step.outcome is Outcome.LEFT, _escaped(step.name), printable(step.reason)
        writer = self._writer if _SEPARATORS.isdisjoint(name + reason) else self._quoting
        writer.writerow((name, "" if is_left else step.image_id, reason))

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[Self]:
        """Write a report during the block. Raises StoreError if it can't be written."""
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                yield cls(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise StoreError(f"the report {path} can't be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
