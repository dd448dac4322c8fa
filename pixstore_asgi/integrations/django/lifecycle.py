"""The pictures of rows: after a commit or a rollback, those are deleted that no row names any more.

A transaction notes the pictures that it has saved, and those that its rows no longer name. After its end a query looks
for rows that name them. Django has no hook for a rollback, so these pictures wait for the next commit or the end of the
request.
"""

from contextlib import nullcontext
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from django.db import connections, router, transaction
from django.db.models import FileField, Model

from ...errors import ImageNotFound, InputError
from ..unnamed import can_lock, delete_after_commit, lock_named, place_of
from .columns import Column, DjangoRows, rows_of
from .setting import get_images

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_SAVING = "_pixstore_saving"


class _Candidate(NamedTuple):
    """A picture that may have no row after its transaction.

    field: the field that named it. used: the driver's connection of the transaction. is_new: saved by it.
    """

    field: FileField
    used: Any
    is_new: bool


# By connection, and by the schemas of the tables and id.
_candidates: "WeakKeyDictionary[BaseDatabaseWrapper, dict[tuple[str, str], _Candidate]]" = WeakKeyDictionary()


class Saving(NamedTuple):
    """A save of an instance that runs: its database, and the attributes that it leaves unchanged."""

    using: str
    unchanged: set[str]


def saving_of(instance: Model) -> Saving | None:
    """Return the save of an instance that runs."""
    return instance.__dict__.get(_SAVING)


def save_in_transaction(save_base: Any) -> Any:
    """Return a `Model.save_base` that runs in a transaction, so that it can lock the pictures that the row names."""

    @wraps(save_base)
    def save(instance: Model, *args: Any, using: str | None = None, **options: Any) -> None:
        using = using or router.db_for_write(type(instance), instance=instance)
        outer = saving_of(instance)  # a receiver of its signals may save it again
        with nullcontext() if connections[using].in_atomic_block else transaction.atomic(using, savepoint=False):
            instance.__dict__[_SAVING] = Saving(using, set())
            try:
                save_base(instance, *args, using=using, **options)
            finally:
                instance.__dict__[_SAVING] = outer

    return save


def note_candidate(using: str, field: FileField, image_id: str, *, is_new: bool) -> None:
    """Delete a picture after the end of the transaction that runs, unless a row names it then.

    A new picture is written to a row now, so the commit keeps it, and only a rollback leaves a doubt.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        pictures, key = _candidates.setdefault(connection, {}), (place_of(DjangoRows(using)), image_id)
        pictures[key] = candidate = _Candidate(field, connection.connection, is_new)
        after_commit = partial(_keep, pictures, key, candidate) if is_new else partial(delete_candidates, using)
        transaction.on_commit(after_commit, using=using, robust=True)


def _keep(pictures: dict[tuple[str, str], _Candidate], key: tuple[str, str], candidate: _Candidate) -> None:
    """Keep a new picture, unless the transaction has removed it from its row later."""
    if pictures.get(key) is candidate:
        del pictures[key]


def check_named(using: str, field: FileField, image_id: str) -> None:
    """Check that a picture of another row exists, and keep others from deleting it until the transaction ends.

    Raises:
        ImageNotFound: There is no such picture.
        InputError: No transaction runs.
    """
    if not connections[using].in_atomic_block:
        raise InputError(
            f"{field} was given the picture {image_id} without a transaction, so it could be deleted meanwhile: use "
            "transaction.atomic()"
        )
    lock_named(DjangoRows(using, [Column(field, using)]), image_id)
    if not get_images().image_exists(image_id):
        raise ImageNotFound(
            f"there is no picture {image_id} for {field}: if it was replaced, or its row was deleted, assign the file "
            "again"
        )


def delete_candidates(using: str) -> None:
    """Delete the pictures of the transactions that have ended, unless a row names them. A hook of each commit."""
    connection = connections[using]
    by_place: dict[str, dict[str, FileField]] = {}
    for (place, image_id), candidate in _candidates.pop(connection, {}).items():
        if can_lock(connection.vendor) and _has_ended(connection, candidate.used):
            by_place.setdefault(place, {})[image_id] = candidate.field
    for place, fields in by_place.items():
        begin = partial(rows_of, [using], place, {*fields.values()})
        delete_after_commit(begin, fields.keys(), get_images().delete_image)


def after_request(**_: object) -> None:
    """Delete the pictures of transactions that were rolled back. A receiver of request_finished."""
    for connection in connections.all(initialized_only=True):
        if connection in _candidates and not connection.in_atomic_block and connection.autocommit:
            delete_candidates(connection.alias)


def _has_ended(connection: "BaseDatabaseWrapper", used: Any) -> bool:
    """Return whether the transaction has certainly ended. If its connection was lost, a commit may be under way.

    psycopg tells by `broken`, and psycopg2 by `closed == 2`, that a connection was lost.
    """
    return connection.vendor == "sqlite" or not getattr(used, "broken", getattr(used, "closed", 2) == 2)
