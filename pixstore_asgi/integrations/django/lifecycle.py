"""The pictures of rows: deletes a new picture after a rollback, and a replaced or removed one after the commit.

Django has a hook for a commit, and none for a rollback. It drops the hook instead, which `weakref.finalize` notices. No
picture is deleted before a query has shown that no row has it.
"""

import logging
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import Error, connections, transaction
from django.db.models import FileField, Model
from django.db.models.fields.files import FieldFile

from ...core.events import event
from ...errors import PixstoreError
from ...sync import SyncPixstore
from .columns import columns_of, names_in_use
from .setting import get_images

if TYPE_CHECKING:
    from django.core.files.base import File
    from django.db.backends.base.base import BaseDatabaseWrapper

_log = logging.getLogger("pixstore_asgi")
_STATE = "_pixstore_pictures"
_MOST_NAMES = 500
_DOUBT_S = 3600
"""A commit whose connection was lost may still be under way, as in PostgreSQL if a standby does not answer."""


@dataclass(eq=False)
class UncommittedPicture:
    """A picture that is saved, but its row is not committed yet.

    images: where it is saved. source_name, source: the file that it was saved from. The file is not kept alive.
    """

    instance: weakref.ref[Model]
    column: FileField
    image_id: str
    source_name: str | None
    source: "weakref.ref[File[Any]]"
    images: SyncPixstore
    using: str = ""
    connection: "weakref.ref[BaseDatabaseWrapper] | None" = None
    is_kept: bool = False
    due_s: float = 0

    def is_rolled_back(self) -> bool:
        """Return whether the transaction ends now, certainly without a commit.

        It is not certain if the connection failed, or if an error of another hook dropped this one after the commit.
        """
        now = connections[self.using]
        if self.connection is None or self.connection() is not now:
            return False
        return not (now.autocommit or now.run_commit_hooks_on_set_autocommit_on or now.errors_occurred)

    def give_back(self) -> None:
        """Put the file back into the instance, so that the application can save the instance again."""
        instance, source = self.instance(), self.source()
        if instance is None or _name_of(instance.__dict__.get(self.column.attname)) != self.image_id:
            return
        if source is None:
            pictures_of(instance).lost.add(self.image_id)
            return
        file = self.column.attr_class(instance, self.column, self.source_name)
        file.file, file._committed = source, False  # type: ignore[attr-defined]
        instance.__dict__[self.column.attname] = file


class _Hook:
    """The end of a transaction for one new picture: Django calls `keep` after the commit, or drops it."""

    def __init__(self, picture: UncommittedPicture) -> None:
        self._picture = picture
        weakref.finalize(self, _note_end, picture).atexit = False

    def keep(self) -> None:
        """Keep the picture, because its row is committed."""
        self._picture.is_kept = True


@dataclass(eq=False)
class InstancePictures:
    """The state of one instance of a model. Copies and pickles of the instance begin with an empty one.

    using: the database of the save that runs, None if unknown. saved: pictures that no save of the row has begun to
    write. written: the hooks of a save without a transaction. replaced: names that the instance no longer has, by
    column. lost: names of pictures that were deleted after a rollback.
    """

    using: str | None = None
    saved: list[UncommittedPicture] = field(default_factory=list)
    written: list[_Hook] = field(default_factory=list)
    replaced: dict[FileField, set[str]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def __reduce__(self) -> tuple[type["InstancePictures"], tuple[()]]:
        return InstancePictures, ()


def pictures_of(instance: Model) -> InstancePictures:
    """Return the state of an instance."""
    state: InstancePictures = instance.__dict__.setdefault(_STATE, InstancePictures())
    return state


def note_replaced(instance: Model, column: FileField, previous: object) -> None:
    """Delete the previous value of a column after the next save of its row, unless a row has it then."""
    if name := _name_of(previous):
        pictures_of(instance).replaced.setdefault(column, set()).add(name)


def note_writing(instance: Model, column: FileField) -> None:
    """Note that a save of the row writes its new pictures. A rollback deletes them from now on."""
    state = pictures_of(instance)
    pictures, state.saved = state.saved, [each for each in state.saved if each.column is not column]
    for picture in pictures:
        if picture.column is not column or state.using is None:
            continue
        picture.using = state.using
        hook, connection = _Hook(picture), connections[state.using]
        if connection.in_atomic_block:
            picture.connection = weakref.ref(connection)
            transaction.on_commit(hook.keep, using=state.using, robust=True)
            _run_first(connection)
        else:
            state.written.append(hook)


def _run_first(connection: Any) -> None:
    """Let the last hook run before those of the application, because an error of one of them drops the later ones."""
    if not connection.atomic_blocks[0]._from_testcase:  # a TestCase does not commit, and counts the hooks
        connection.run_on_commit.insert(0, connection.run_on_commit.pop())


def before_save(*, instance: Model, using: str, **_: object) -> None:
    """Note the database of a save, and finish earlier work. A receiver of pre_save."""
    pictures_of(instance).using = using
    delete_rolled_back()


def after_save(*, instance: Model, using: str, update_fields: Iterable[str] | None, **_: object) -> None:
    """Keep new pictures, and delete replaced ones after the commit. A receiver of post_save."""
    state = pictures_of(instance)
    state.using = None
    while state.written:
        state.written.pop().keep()
    for column in list(state.replaced):
        if update_fields is None or {column.name, column.attname} & set(update_fields):
            _delete_after_commit(using, partial(state.replaced.pop, column, set()))


def before_delete(columns: Sequence[FileField], *, instance: Model, using: str, **_: object) -> None:
    """Delete the pictures of a row after the commit of its removal. A receiver of pre_delete."""
    for column in columns:
        if name := _name_of(getattr(instance, column.attname)):
            _delete_after_commit(using, partial(set, [name]))


def delete_rolled_back(**_: object) -> None:
    """Delete new pictures whose transactions were rolled back, or ended unclearly an hour ago, if no row has them.

    A receiver of request_finished.
    """
    later: list[UncommittedPicture] = []
    with suppress(IndexError):  # another thread may take the last one
        while _ended:
            picture = _ended.popleft()
            if (is_early := picture.due_s > time.monotonic()) or connections[picture.using].in_atomic_block:
                later.append(picture)  # within a transaction, a query may see an old snapshot
                if is_early:
                    break
            elif _delete_unused(picture.images, picture.using, {picture.image_id}):
                picture.give_back()
    _ended.extendleft(reversed(later))


_ended: deque[UncommittedPicture] = deque()


def _note_end(picture: UncommittedPicture) -> None:
    if picture.is_kept:
        return
    picture.due_s = time.monotonic() + _DOUBT_S
    with suppress(Exception):  # there is no caller
        if picture.is_rolled_back():
            picture.due_s = 0
            picture.give_back()
    if picture.due_s:
        _ended.append(picture)
    else:
        _ended.appendleft(picture)


class _Removal:
    """The pictures that one save or deletion of a row removes from it. Django drops it after a rollback."""

    def __init__(self, names: Callable[[], set[str]]) -> None:
        self._names = names

    def take(self) -> set[str]:
        """Return the names, and none later."""
        take, self._names = self._names, set
        return take()


_removals: "weakref.WeakKeyDictionary[BaseDatabaseWrapper, weakref.WeakSet[_Removal]]" = weakref.WeakKeyDictionary()


def _delete_after_commit(using: str, names: Callable[[], set[str]]) -> None:
    connection, removal = connections[using], _Removal(names)
    if connection.in_atomic_block or connection.get_autocommit():
        _removals.setdefault(connection, weakref.WeakSet()).add(removal)
        transaction.on_commit(partial(_delete_removed, using, removal), using=using, robust=True)


def _delete_removed(using: str, removal: _Removal) -> None:
    """Delete the pictures of all removals of one transaction: a query for each row could take long."""
    removals = {removal, *_removals.pop(connections[using], ())}
    names = sorted(set[str]().union(*(each.take() for each in removals)))
    for start in range(0, len(names), _MOST_NAMES):
        _delete_unused(get_images(), using, set(names[start : start + _MOST_NAMES]))


def _delete_unused(images: SyncPixstore, using: str, names: set[str]) -> set[str]:
    """Delete the pictures that no row of the database has, and return their names. Log a failure."""
    deleted = set[str]()
    try:
        # A row of another model or column may have taken the picture over.
        for name in names - names_in_use(list(columns_of(using)), names):
            images.delete_image(name)
            deleted.add(name)
    except (Error, PixstoreError) as error:
        left = ", ".join(sorted(names - deleted))
        _log.warning(
            "picture %s has no row and was not deleted: %s",
            left,
            error,
            extra=event("picture_not_deleted", image_id=left),
        )
    return deleted


def _name_of(value: object) -> str | None:
    """Return the name of a saved picture in a value of a column. Return None for a new file."""
    if isinstance(value, FieldFile):
        return value.name or None if getattr(value, "_committed") else None  # noqa: B009  the types of Django lack it
    return value or None if isinstance(value, str) else None
