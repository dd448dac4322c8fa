"""SessionPictures: saves, replaces and deletes pictures together with the rows of a session."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Connection, MetaData, event, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import (
    ColumnProperty,
    InstanceState,
    Mapper,
    Session,
    SessionTransaction,
    object_session,
    scoped_session,
    sessionmaker,
)

from ...core.events import event as log_event
from ...errors import ConfigError
from ...pixstore import Pixstore
from .calls import Calls
from .column import NewPicture, PictureType, picture_attributes
from .unnamed import unnamed_pictures

Sessions = (
    sessionmaker[Any]
    | async_sessionmaker[Any]
    | scoped_session[Any]
    | async_scoped_session[Any]
    | type[Session]
    | type[AsyncSession]
)
"""The sessions to watch: of a factory, or of a class."""

_log = logging.getLogger("pixstore_asgi")
_watching: "WeakKeyDictionary[type[Session], SessionPictures]" = WeakKeyDictionary()
_made_here: "WeakSet[type[Session]]" = WeakSet()


class _Assigned(NamedTuple):
    """A picture that a flush has saved, with the attribute that it was assigned to."""

    attribute: str
    picture: NewPicture


@dataclass
class _Changes:
    """The pictures of one transaction or savepoint.

    saved: the ids of new pictures. assigned: by object and id, only while the application keeps the object, because one
    transaction may save more pictures than fit into memory. rows: by id, how many rows name a picture more than at the
    beginning. A new picture begins at -1, because it needs one row. Pictures below 0 are deleted after the commit.
    may_be_committed: the commit has begun.
    """

    saved: list[str] = field(default_factory=list)
    assigned: "WeakKeyDictionary[InstanceState[Any], dict[str, _Assigned]]" = field(default_factory=WeakKeyDictionary)
    rows: Counter[str] = field(default_factory=Counter)
    may_be_committed: bool = False
    is_committed: bool = False

    def add(self, inner: "_Changes") -> None:
        """Add the changes of a savepoint that was released."""
        self.saved += inner.saved
        self.rows.update(inner.rows)
        for state, assigned in inner.assigned.items():
            self.assigned.setdefault(state, {}).update(assigned)

    def unnamed(self) -> list[str]:
        """Return the pictures to delete after a commit."""
        return [image_id for image_id, count in self.rows.items() if count < 0]


class SessionPictures:
    """Keeps pictures and rows together, for all `PictureType` columns of the sessions that it watches.

    - A flush saves each `NewPicture`, before it writes a row.
    - After a rollback, of a savepoint too, or a close without a commit, the pictures saved meanwhile are deleted.
    - After a commit, pictures are deleted if their row was deleted or has another picture now. If that fails, it is
      logged as `picture_not_deleted`.

    A picture belongs to one row; it may move to another row within one transaction. `insert()`, `update()`, `delete()`
    and bulk calls refuse a `NewPicture`, and leave the pictures of deleted rows. `unnamed` finds these, and those that
    a killed process, a failed commit or a session that joins a transaction of its Connection left.

    Args:
        pix: The Pixstore.
        sessions: The sessions to watch: a `sessionmaker`, an `async_sessionmaker`, a scoped session of one, or a class.
            Default: all sessions of the process, also async ones and those of SQLModel and admin pages. Name them if
            you have several Pixstores. A later SessionPictures of the same sessions replaces this one. Of several that
            match, the one of the most derived class counts.
        in_transaction: Whether pictures are saved and deleted in the session's own transaction. It needs async sessions
            with asyncpg or psycopg on the PostgreSQL database of `pix`, with a pool of its own, and READ COMMITTED.

    Raises:
        ConfigError: `sessions` is none of these.
    """

    def __init__(self, pix: Pixstore, sessions: Sessions = Session, *, in_transaction: bool = False) -> None:
        self._calls = Calls(pix)
        self._in_transaction = in_transaction
        self._changes: WeakKeyDictionary[SessionTransaction, _Changes] = WeakKeyDictionary()
        _watching[_class_of(sessions)] = self

    def unnamed(
        self,
        session: Session,
        metadata: MetaData,
        *,
        directory: str | None,
        grace_s: float = 3600,
        delete: bool = False,
    ) -> list[str]:
        """Find pictures that no row names, and delete them if `delete` is set.

        In async code: `await session.run_sync(pictures.unnamed, Base.metadata, directory="posts")`.

        Args:
            session: A new session, in no transaction.
            metadata: The tables that name pictures in `PictureType` columns: all that use the directory.
            directory: The directory. None: all pictures of the Pixstore.
            grace_s: Leave out pictures saved within the last `grace_s` seconds. Choose it longer than the longest
                transaction: its pictures have no committed row yet.
            delete: Whether to delete them. Call it without this first, and look at the result.

        Returns:
            Their ids.

        Raises:
            InputError: The metadata has no such column, the session is in a transaction, or the directory is invalid.
            StoreError: The store failed.
        """
        unnamed = []
        for image_id in unnamed_pictures(self._calls, session, metadata, directory=directory, grace_s=grace_s):
            unnamed.append(image_id)
            if delete:
                self._calls.delete_image(image_id)
        return unnamed

    def _save_new(self, session: Session) -> None:
        for instance in [*session.new, *session.dirty]:
            state = inspect(instance)
            for attribute in picture_attributes(state.mapper):
                picture = state.dict.get(attribute.key)
                if isinstance(picture, NewPicture):
                    self._save(session, instance, attribute, picture)

    def _save(self, session: Session, instance: object, attribute: ColumnProperty[Any], picture: NewPicture) -> None:
        kind = attribute.columns[0].type
        assert isinstance(kind, PictureType)
        directory = picture.directory or kind.directory
        options = {**picture.options, "directory": directory, **self._connection(session)}
        image_id = self._calls.save_image(picture.take(), **options)
        changes = self._changes_of(session)
        changes.saved.append(image_id)
        changes.assigned.setdefault(inspect(instance), {})[image_id] = _Assigned(attribute.key, picture)
        changes.rows[image_id] -= 1
        setattr(instance, attribute.key, image_id)

    def _count(self, session: Session, mapper: Mapper[Any], instance: object, *, is_deleted: bool) -> None:
        """Count the pictures that a row gains and loses, which is about to be written."""
        state, rows = inspect(instance), self._changes_of(session).rows
        for attribute in picture_attributes(mapper):
            history = state.attrs[attribute.key].history
            if is_deleted or history.has_changes():
                if removed := _stored(session, state, attribute):
                    rows[removed] -= 1
                if history.added and isinstance(history.added[0], str) and not is_deleted:
                    rows[history.added[0]] += 1

    def _prepare_commit(self, session: Session) -> None:
        if session.get_nested_transaction() is not None:
            return
        session.flush()
        changes = self._changes.get(_transaction(session))
        if changes is None:
            return
        if self._in_transaction:
            for image_id in changes.unnamed():
                self._calls.delete_image(image_id, **self._connection(session))
                del changes.rows[image_id]
        changes.may_be_committed = True

    def _note_commit(self, session: Session) -> None:
        changes = self._changes.get(_transaction(session))
        if changes is not None:
            changes.is_committed = True

    def _end(self, session: Session, transaction: SessionTransaction) -> None:
        changes = self._changes.pop(transaction, None)
        if changes is None:
            return
        is_open = transaction.parent is None and _has_joined(session)
        if not changes.is_committed:
            changes.may_be_committed |= is_open
            self._roll_back(changes)
        elif transaction.parent is not None:
            self._changes.setdefault(transaction.parent, _Changes()).add(changes)
        elif not is_open:
            self._delete(changes.unnamed())

    def _roll_back(self, changes: _Changes) -> None:
        for state, assigned in changes.assigned.items():
            # The object may be added again, so that its next flush saves the picture again.
            for image_id, (attribute, picture) in assigned.items():
                instance = state.obj()
                if instance is not None and state.transient and state.dict.get(attribute) == image_id:
                    setattr(instance, attribute, picture)
        # If a commit fails, its rows may be stored all the same: their pictures must stay.
        if not (self._in_transaction or changes.may_be_committed):
            self._delete(changes.saved)

    def _delete(self, image_ids: Iterable[str]) -> None:
        for image_id in image_ids:
            try:
                self._calls.delete_image(image_id)
            except Exception as error:
                _log.warning(
                    "picture %s has no row and was not deleted: %s",
                    image_id,
                    error,
                    extra=log_event("picture_not_deleted", image_id=image_id),
                )

    def _changes_of(self, session: Session) -> _Changes:
        return self._changes.setdefault(_transaction(session), _Changes())

    def _connection(self, session: Session) -> dict[str, Any]:
        """Return the argument `connection` of a call, if the session's transaction takes pictures."""
        if not self._in_transaction:
            return {}
        connection = session.connection()
        connection.exec_driver_sql("SELECT 1")  # the driver begins its transaction with the first statement
        return {"connection": connection.connection.driver_connection}


def _transaction(session: Session) -> SessionTransaction:
    """Return the innermost savepoint or transaction. A flush has one of its own inside, which does not count."""
    return session.get_nested_transaction() or session.get_transaction() or session.begin()


def _has_joined(session: Session) -> bool:
    """Return whether the session's Connection is still in a transaction, which alone decides about the rows."""
    return isinstance(session.bind, Connection) and session.bind.in_transaction()


def _class_of(sessions: Sessions) -> type[Session]:
    """Return the class of the sessions whose events count. An async_sessionmaker gets a class of its own."""
    if isinstance(sessions, scoped_session | async_scoped_session):
        sessions = sessions.session_factory
    if isinstance(sessions, async_sessionmaker):
        base: type[Session] = sessions.kw.get("sync_session_class") or sessions.class_.sync_session_class
        if base in _made_here:
            return base
        made = type(base.__name__, (base,), {})
        _made_here.add(made)
        sessions.configure(sync_session_class=made)
        return made
    if isinstance(sessions, sessionmaker):
        return sessions.class_
    if isinstance(sessions, type) and issubclass(sessions, AsyncSession | Session):
        return sessions.sync_session_class if issubclass(sessions, AsyncSession) else sessions
    raise ConfigError(
        "sessions must be a sessionmaker, an async_sessionmaker, a scoped session of one, or a class of sessions, not "
        f"{type(sessions).__name__}"
    )


def _watcher(session: Session) -> SessionPictures | None:
    """Return the SessionPictures of a session: of its own class, else of the next base."""
    return next((_watching[kind] for kind in type(session).__mro__ if kind in _watching), None)


def _deleted_identity(session: Session, state: InstanceState[Any]) -> tuple[Any, ...] | None:
    """Return the primary key of a new object if the flush deletes another one with this key, and so updates its row."""
    key = state.mapper.identity_key_from_instance(state.obj())
    other = session.identity_map.get(key)
    return key[1] if other is not None and other in session.deleted else None


def _stored(session: Session, state: InstanceState[Any], attribute: ColumnProperty[Any]) -> str | None:
    """Return the picture that the row names now, and lock the row. Another session may have changed it meanwhile."""
    identity = state.identity or _deleted_identity(session, state)
    if identity is None:
        return None
    keys = [state.mapper.get_property_by_column(column).class_attribute for column in state.mapper.primary_key]
    is_its_row = [key == value for key, value in zip(keys, identity, strict=True)]
    query = select(attribute.class_attribute).where(*is_its_row)
    # PostgreSQL refuses to lock the outer joins of a mapping with `with_polymorphic`.
    return session.scalar(query.with_for_update(of=attribute.columns[0]))


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, *_: object) -> None:
    if pictures := _watcher(session):
        pictures._save_new(session)


@event.listens_for(Session, "before_commit")
def _before_commit(session: Session) -> None:
    if pictures := _watcher(session):
        pictures._prepare_commit(session)


@event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    if pictures := _watcher(session):
        pictures._note_commit(session)


@event.listens_for(Session, "after_transaction_end")
def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    if pictures := _watcher(session):
        pictures._end(session, transaction)


@event.listens_for(Mapper, "before_insert")
@event.listens_for(Mapper, "before_update")
def _before_write(mapper: Mapper[Any], _: Connection, instance: object) -> None:
    session = object_session(instance)
    if session and (pictures := _watcher(session)):
        pictures._count(session, mapper, instance, is_deleted=False)


@event.listens_for(Mapper, "before_delete")
def _before_delete(mapper: Mapper[Any], _: Connection, instance: object) -> None:
    session = object_session(instance)
    if session and (pictures := _watcher(session)):
        pictures._count(session, mapper, instance, is_deleted=True)
