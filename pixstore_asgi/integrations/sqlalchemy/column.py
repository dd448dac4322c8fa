"""The type of a picture column, and the new pictures that an application assigns to it."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from sqlalchemy import Column, Dialect, MetaData, String, TypeDecorator
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

from ...core.events import event
from ...core.hidden import Hidden, hide
from ...core.ids import checked_directory, is_image_id
from ...decoding.task import Focus
from ...errors import InputError
from ...saving.options import OnProgress
from ...saving.source import viewed
from ..directories import Directories

_log = logging.getLogger("pixstore_asgi")
_ID_CHARACTERS = 193  # a directory of 64, a colon, a name of 128


class _Refused(InputError, DontWrapMixin):
    """A value is refused. Otherwise SQLAlchemy would put all parameters into the text, also a picture's bytes."""


class PictureType(TypeDecorator[str]):
    """The type of a column with the id of a picture: a VARCHAR(193).

    Assign a `NewPicture` to save one. The column then has its id, a `str`. None: the row has no picture. The column
    refuses pictures of other directories.

    Give the column an index: before a picture is deleted, a query looks for rows that name it.

    Args:
        directory: The directory of new pictures, unless `NewPicture` has one. None: they have none.
        also: Other directories of this column's pictures. `user-*` stands for all that begin with "user-".

    Raises:
        InputError: A directory is invalid.
    """

    impl = String(_ID_CHARACTERS)
    cache_ok = True

    def __init__(self, directory: str | None = None, *, also: Sequence[str] = ()) -> None:
        super().__init__()
        self.directory = None if directory is None else checked_directory(directory)
        self.also = tuple(also)
        self.directories = Directories((directory, *also))

    def directory_for(self, picture: "NewPicture") -> str | None:
        """Return the directory of a new picture. Raises InputError if it is none of the column's."""
        directory = picture.directory or self.directory
        if not self.directories.has(directory):
            raise InputError(
                f"the column takes pictures of its directories ({self.directories}), not of {directory!r:.80}: "
                "list the directory in PictureType(directory, also=…)"
            )
        return directory

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse a picture that was not saved, a picture of another directory, and any other text."""
        if isinstance(value, NewPicture):
            raise _Refused(
                "a NewPicture was written without being saved: assign it to a mapped object in a session that "
                "SessionPictures watches; insert(), update() and bulk calls do not save pictures"
            )
        if value is not None and not isinstance(value, str):
            raise _Refused(
                "a picture column takes the id of an image, a NewPicture or None, not "
                f"{type(value).__name__}: to save a picture, assign NewPicture(data)"
            )
        if value is not None and not is_image_id(value):
            raise _Refused(
                f"a picture column takes the id of an image, a NewPicture or None, not {value!r:.80}: "
                "assign the NewPicture after a validation, which makes a plain text of it"
            )
        if value is not None and not self.directories.hold(value):
            raise _Refused(
                f"the column takes pictures of its directories ({self.directories}), not {value!r:.80}: list the "
                "directory in PictureType(directory, also=…)"
            )
        return value

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Return the type of a value that the column is compared with, such as a pattern of LIKE."""
        return String()


class NewPicture(str):
    """A picture to save: assign it to a `PictureType` attribute of a mapped object.

    The session's flush saves it, and the attribute then has its id. Until then it is a placeholder text. It is a `str`,
    so that type checkers accept it for `Mapped[str]`.

    Args:
        data: As in `Pixstore.save_image`. In a session that is not async, as in `SyncPixstore.save_image`.
        directory: The directory of the picture, one of the column's. Default: the first one of the column.
        strip_metadata: As in `Pixstore.save_image`.
        focus: As in `Pixstore.save_image`.
        on_progress: As in `Pixstore.save_image`.
        max_directory_bytes: As in `Pixstore.save_image`.
        max_directory_images: As in `Pixstore.save_image`.
    """

    __slots__ = ("_data", "_is_read", "directory", "options")

    _data: Hidden[Any]
    _is_read: bool
    directory: str | None
    options: dict[str, Any]

    def __new__(
        cls,
        data: Any,
        *,
        directory: str | None = None,
        strip_metadata: bool | None = None,
        focus: Focus | None = None,
        on_progress: OnProgress | None = None,
        max_directory_bytes: int | None = None,
        max_directory_images: int | None = None,
    ) -> Self:
        self = super().__new__(cls, "(a new picture)")  # no id, so that a copy of the text is never stored
        self._data = hide(viewed(data))
        self._is_read = False
        self.directory = directory
        self.options = {"strip_metadata": strip_metadata, "focus": focus, "on_progress": on_progress}
        self.options |= {"max_directory_bytes": max_directory_bytes, "max_directory_images": max_directory_images}
        return self

    def take(self) -> Any:
        """Return the data. Raises InputError if it is an upload that was read before."""
        data = self._data()
        if self._is_read and not isinstance(data, memoryview):
            raise InputError("the upload of this NewPicture was read before: assign a NewPicture of a new upload")
        self._is_read = True
        return data

    def __repr__(self) -> str:
        return "NewPicture()"

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class PictureAttribute(NamedTuple):
    """An attribute of a mapped class that has pictures."""

    key: str
    column: Column[Any]
    kind: PictureType


def picture_attributes(mapper: Mapper[Any]) -> list[PictureAttribute]:
    """Return the attributes of a mapped class that have pictures. An expression, such as a query of another table's
    pictures, has none of its own.
    """
    columns = ((each.key, each.columns[0]) for each in mapper.column_attrs)
    return [
        PictureAttribute(key, column, column.type)
        for key, column in columns
        if isinstance(column, Column) and isinstance(column.type, PictureType)
    ]


def picture_columns(metadata: Iterable[MetaData]) -> set[Column[Any]]:
    """Return the columns of all tables that name pictures."""
    columns = (column for each in metadata for table in each.tables.values() for column in table.c)
    return {column for column in columns if isinstance(column.type, PictureType)}


def warn_without_index(columns: Iterable[Column[Any]]) -> None:
    """Log a warning for each column that begins no index, once in each process."""
    for column in {*columns} - _seen:
        _seen.add(column)
        begins_index = any(each.columns.values()[:1] == [column] for each in column.table.indexes)
        if not (begins_index or column.unique or column.primary_key):
            _log.warning(
                "the column %s has no index: give it one, because each deletion of a picture looks for its rows",
                column,
                extra=event("picture_column_without_index", column=str(column)),
            )


_seen: set[Column[Any]] = set()
