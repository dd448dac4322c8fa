"""SessionPictures: saves, replaces and deletes pictures together with the rows of a session."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Column, Connection, MetaData, event, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    QueryableAttribute,
    Session,
    SessionTransaction,
    object_session,
    scoped_session,
    sessionmaker,
)

from ...errors import ConfigError, ImageNotFound, InputError, StoreConflict
from ...pixstore import Pixstore
from ..unnamed import can_lock, delete_after_commit, delete_unnamed, lock_named, unnamed_ids
from .calls import Calls
from .changes import Assigned, Changes
from .column import NewPicture, PictureAttribute, picture_attributes, picture_columns, warn_without_index
from .rows import CoreRows, Place, asked, is_autocommit, rows_of

Sessions = (
    sessionmaker[Any]
    | async_sessionmaker[Any]
    | scoped_session[Any]
    | async_scoped_session[Any]
    | type[Session]
    | type[AsyncSession]
)
"""The sessions to watch: of a factory, or of a class."""

_watching: "WeakKeyDictionary[type[Session], SessionPictures]" = WeakKeyDictionary()
_made_here: "WeakSet[type[Session]]" = WeakSet()


class SessionPictures:
    """Keeps pictures and rows together, for all `PictureType` columns of the sessions that it watches.

    - A flush saves each `NewPicture`, before it writes a row.
    - A flush that names any other picture checks that it exists, and keeps others from deleting it until the
      transaction ends. Rows may share a picture.
    - After a rollback, or a close without a commit, the pictures saved meanwhile are deleted.
    - After a commit, pictures are deleted if no row names them any more. If that fails, it is logged as
      `picture_not_deleted`.

    Before each deletion a query looks for rows that name the picture. If it is not certain that there is none, the
    picture stays. `unnamed` finds it, as it finds the pictures that these left:

    - `insert()`, `update()`, `delete()`, bulk calls and cascades of the database
    - a killed process, a failed commit, or a rollback under AUTOCOMMIT
    - a session that is bound to a Connection
    - a database other than PostgreSQL and SQLite
    - row-level security that could hide rows from the query; with `in_transaction` the query sees the session's rows

    Args:
        pix: The Pixstore.
        sessions: The sessions to watch: a `sessionmaker`, an `async_sessionmaker`, a scoped session of one, or a class.
            Default: all sessions of the process, also async ones and those of SQLModel and admin pages. Name them if
            you have several Pixstores. A later SessionPictures of the same sessions replaces this one. Of several that
            match, the one of the most derived class counts.
        metadata: All tables with `PictureType` columns. Without it, replaced and removed pictures stay.
        also: Other columns that name pictures, such as those of a history table.
        in_transaction: Whether pictures are saved and deleted in the session's own transaction. It needs async sessions
            with asyncpg or psycopg on the PostgreSQL database of `pix`, with a pool of its own, and READ COMMITTED.

    Raises:
        ConfigError: `sessions` is none of these.
    """

    def __init__(
        self,
        pix: Pixstore,
        sessions: Sessions = Session,
        *,
        metadata: Iterable[MetaData] = (),
        also: Iterable[QueryableAttribute[Any] | Column[Any]] = (),
        in_transaction: bool = False,
    ) -> None:
        self._calls = Calls(pix)
        self._metadata = tuple(metadata)
        self._also = frozenset(_column(each) for each in also)
        self._in_transaction = in_transaction
        self._changes: WeakKeyDictionary[Session, Changes] = WeakKeyDictionary()
        _watching[_class_of(sessions)] = self

    def unnamed(
        self,
        session: Session,
        metadata: MetaData | None = None,
        *,
        directory: str | None,
        grace_s: float = 3600,
        delete: bool = False,
    ) -> list[str]:
        """Find pictures that no row names, and delete them if `delete` is set.

        In async code: `await session.run_sync(pictures.unnamed, directory="posts")`.

        Args:
            session: A new session, in no transaction.
            metadata: More tables that name pictures. Those of the constructor count in any case.
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
        columns = picture_columns([*self._metadata, *([metadata] if metadata else [])])
        if not columns:
            raise InputError(
                "no table of the metadata has a PictureType column, so every picture would be deleted: pass metadata, "
                "and import the models first"
            )
        if session.in_transaction():
            raise InputError("the session is in a transaction, which may not see newer rows: pass a new session")
        begin = partial(rows_of, session, columns | self._also)
        return list(unnamed_ids(self._calls, begin, directory=directory, grace_s=grace_s, delete=delete))

    def _columns(self) -> set[Column[Any]]:
        return picture_columns(self._metadata) | self._also

    def _save_new(self, session: Session, *_: object) -> None:
        self._changes_of(session).fresh.clear()
        for instance in [*session.new, *session.dirty]:
            state = inspect(instance)
            for attribute in picture_attributes(state.mapper):
                picture = state.dict.get(attribute.key)
                if isinstance(picture, NewPicture):
                    self._save(session, instance, attribute, picture)

    def _save(self, session: Session, instance: object, attribute: PictureAttribute, picture: NewPicture) -> None:
        state = inspect(instance)
        options = {**picture.options, "directory": attribute.kind.directory_for(picture), **self._connection(session)}
        image_id = self._calls.save_image(picture.take(), **options)
        changes = self._changes_of(session)
        changes.fresh.add(image_id)
        changes.assigned.setdefault(state, {})[image_id] = Assigned(attribute.key, picture)
        candidates = changes.of(session.get_bind(state.mapper))
        candidates.saved.add(image_id)
        candidates.columns.add(attribute.column)
        setattr(instance, attribute.key, image_id)

    def _note(
        self, session: Session, mapper: Mapper[Any], connection: Connection, instance: object, *, is_deleted: bool
    ) -> None:
        """Note the pictures that a row gains and loses, which is about to be written."""
        state, changes = inspect(instance), self._changes_of(session)
        for attribute in picture_attributes(mapper):
            history = state.attrs[attribute.key].history
            gained = () if is_deleted else history.added
            if state.key is None:  # a copy of another object has its value from before
                gained = (*history.added, *history.unchanged)
            if not (is_deleted or gained or history.has_changes()):
                continue
            candidates = changes.of(session.get_bind(mapper))
            if not self._in_transaction:
                candidates.place = candidates.place or Place(connection)
            candidates.columns.add(attribute.column)
            stored, read = _stored(session, connection, state, attribute), (*history.deleted, *history.unchanged)
            changes.outdated.update(each for each in read if each and each != stored)
            if stored in candidates.saved or (stored and self._metadata and attribute.kind.directories.hold(stored)):
                candidates.removed.add(stored)
            for image_id in gained:
                if isinstance(image_id, str) and image_id in changes.fresh:
                    candidates.written.add(image_id)
                elif isinstance(image_id, str):
                    changes.named.add(image_id)
                    self._check_named(session, connection, attribute.column, image_id)
        for outdated in changes.outdated & changes.named:
            raise StoreConflict(
                f"the picture {outdated} was taken from a row that names another picture now: read the row again"
            )

    def _check_named(self, session: Session, connection: Connection, column: Column[Any], image_id: str) -> None:
        """Check that a picture of another row exists, and keep others from deleting it until the transaction ends."""
        if is_autocommit(connection):
            raise InputError(
                f"{column} was given the picture of another row under AUTOCOMMIT, so it could be deleted meanwhile: "
                "use a transaction"
            )
        lock_named(CoreRows(connection, [column]), image_id)
        if not self._calls.image_exists(image_id, **self._connection(session)):
            raise ImageNotFound(f"there is no image with the id {image_id}, so {column} can't name it: save it again")

    def _prepare_commit(self, session: Session) -> None:
        if session.get_nested_transaction() is not None:
            return
        session.flush()
        changes = self._changes.get(session)
        if changes is None:
            return
        changes.may_be_committed = True
        for candidates in changes.candidates.values() if self._in_transaction else ():
            if image_ids := changes.doubtful(candidates):
                connection = session.connection()
                rows = CoreRows(connection, asked(connection, candidates.columns, self._columns()))
                delete_unnamed([rows], image_ids, partial(self._calls.delete_image, **self._connection(session)))

    def _note_rollback(self, session: Session, _: object) -> None:
        if changes := self._changes.get(session):
            changes.has_rolled_back = True

    def _note_commit(self, session: Session) -> None:
        changes = self._changes.get(session)
        if changes is not None and session.get_nested_transaction() is None:
            changes.is_committed = True

    def _end(self, session: Session, transaction: SessionTransaction) -> None:
        changes = None if transaction.parent else self._changes.pop(session, None)
        if changes is None:
            return
        if not changes.is_committed:
            changes.give_back()
        # If a commit fails, its rows may be stored all the same: their pictures must stay.
        if self._in_transaction or (changes.may_be_committed and not changes.is_committed):
            return
        for engine, candidates in changes.candidates.items():
            image_ids = changes.doubtful(candidates)
            if image_ids and can_lock(engine.dialect.name) and (changes.is_committed or not is_autocommit(engine)):
                columns = self._columns()
                warn_without_index(candidates.columns | columns)
                begin = partial((candidates.place or Place()).rows, engine, candidates.columns, columns)
                delete_after_commit(begin, image_ids, self._calls.delete_image)

    def _changes_of(self, session: Session) -> Changes:
        return self._changes.setdefault(session, Changes())

    def _connection(self, session: Session) -> dict[str, Any]:
        """Return the argument `connection` of a call, if the session's transaction takes pictures."""
        if not self._in_transaction:
            return {}
        connection = session.connection()
        connection.exec_driver_sql("SELECT 1")  # the driver begins its transaction with the first statement
        return {"connection": connection.connection.driver_connection}


def _column(given: QueryableAttribute[Any] | Column[Any]) -> Column[Any]:
    column = given.property.columns[0] if isinstance(given, QueryableAttribute) else given
    if isinstance(column, Column):
        return column
    raise ConfigError(f"also takes columns and mapped attributes of columns, not {type(given).__name__}")


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


def _stored(
    session: Session, connection: Connection, state: InstanceState[Any], attribute: PictureAttribute
) -> str | None:
    """Return the picture that the row names now, and lock the row. Another session may have changed it meanwhile."""
    identity = state.identity or _deleted_identity(session, state)
    if identity is None:
        return None
    # The attributes of the object's own class: those of a base class would join the tables without a condition.
    own = [state.mapper.get_property_by_column(column).key for column in state.mapper.primary_key]
    is_its_row = [getattr(state.class_, key) == value for key, value in zip(own, identity, strict=True)]
    query = select(getattr(state.class_, attribute.key)).where(*is_its_row)
    # PostgreSQL refuses to lock the outer joins of a mapping with `with_polymorphic`.
    stored: str | None = connection.scalar(query.with_for_update(of=attribute.column))
    return stored


def _react(name: str, reaction: Callable[..., None]) -> None:
    """Call a method of SessionPictures at an event of the sessions that it watches."""

    @event.listens_for(Session, name)
    def react(session: Session, *rest: Any) -> None:
        if pictures := _watcher(session):
            reaction(pictures, session, *rest)


_react("before_flush", SessionPictures._save_new)
_react("before_commit", SessionPictures._prepare_commit)
_react("after_soft_rollback", SessionPictures._note_rollback)
_react("after_commit", SessionPictures._note_commit)
_react("after_transaction_end", SessionPictures._end)


@event.listens_for(Mapper, "before_insert")
@event.listens_for(Mapper, "before_update")
def _before_write(mapper: Mapper[Any], connection: Connection, instance: object, *, is_deleted: bool = False) -> None:
    session = object_session(instance)
    if session and (pictures := _watcher(session)):
        pictures._note(session, mapper, connection, instance, is_deleted=is_deleted)


@event.listens_for(Mapper, "before_delete")
def _before_delete(mapper: Mapper[Any], connection: Connection, instance: object) -> None:
    _before_write(mapper, connection, instance, is_deleted=True)
