"""The connection that writes: it holds the write lock, runs transactions, and commits waiting changes together."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty
from typing import NamedTuple

from ...core.events import event
from ...core.images import StoredImage
from ...errors import PixstoreError, SecretError, StoreBusy, StoreError
from ...process import Clock
from ...threads import SimpleQueue
from ..contract import Expected
from ..rules import GroupCommit
from ..tables import writes
from .connection import closed_on_error, text_of
from .files import FileIdentity, LockHeader, OpenFiles, check_shared, check_sound
from .leases import Leases
from .transaction import Transaction, run
from .write_lock import WriteLock

_log = logging.getLogger("pixstore_asgi")
_READ_MS = 3
_MOST_TOGETHER = 64  # commits in one transaction

TEMP_STORE = "MEMORY"
"""The place for a writer's temporary data: a savepoint's copies of wrapped keys must not go to a file."""


class Writer(sqlite3.Connection):
    """A SQLite connection that writes, and closes, under the write lock."""

    path: Path
    write_lock: WriteLock
    files: OpenFiles
    _header: LockHeader  # of the file before the current write
    _has_dead_keys = True  # used only if the system has no write lock, and so no header

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the write lock during the block. Check the files of the database before the block runs.

        If another program has changed the database since the last writer, check all of it. Raises StoreError if a check
        fails, StoreBusy if other processes hold the lock for too long.
        """
        with self.write_lock.held():
            now = self._check_files()
            left = LockHeader.unpack(self.write_lock.header)
            if left and left.is_outdated(self.path, now):
                check_sound(self, self.path)
            has_dead_keys, files = self._has_dead_keys_by(left), self.files.key or (left.files if left else 0)
            self._leave(LockHeader.of(now, is_written=True, log_has_dead_keys=has_dead_keys, files=files))
            try:
                yield
            finally:
                self._leave_unwritten()

    def _check_files(self) -> FileIdentity:
        try:
            now = self.files.check()
        except StoreError:
            rescue_log(self)
            raise
        now.check_one_name(self.path)
        return now

    @property
    def log_has_dead_keys(self) -> bool:
        """Whether the log may hold keys of dead versions, written by any process."""
        return self._has_dead_keys_by(LockHeader.unpack(self.write_lock.header))

    def note_dead_keys(self, *, are_there: bool) -> None:
        """Record, under the write lock, that this write made keys obsolete (True), or that the log was emptied
        (False).
        """
        self._has_dead_keys = are_there
        self._leave(self._header._replace(log_has_dead_keys=are_there))

    def _has_dead_keys_by(self, left: LockHeader | None) -> bool:
        return left.log_has_dead_keys if left else self._has_dead_keys

    def _leave(self, header: LockHeader) -> None:
        self._header = header
        self.write_lock.header = header.pack()

    def _leave_unwritten(self) -> None:
        try:
            now = FileIdentity.of(self.path)
            if now and now.is_same_file(self.files.database):
                size, changed_ns = now.size, now.changed_ns
                self._leave(self._header._replace(size=size, changed_ns=changed_ns, is_written=False))
        except OSError as error:  # the write itself has succeeded
            _log.info(
                "the mark of %s could not be left: %s",
                self.path,
                error,
                extra=event("mark_not_left", path=str(self.path)),
            )

    def close(self) -> None:
        try:
            with self.exclusive():
                super().close()
        except (StoreError, sqlite3.Error, OSError):
            # If another process holds the lock, this close is not the last one and checkpoints nothing. If the file was
            # replaced, the old header stays in the lock file, and the next open checks the database.
            super().close()


def connect_writer(
    path: str, write_lock: WriteLock, clock_ms: Clock, *, busy_timeout_s: float, durability: str
) -> Writer:
    """Open the connection that writes, to a database that `prepare` made ready."""
    connection = open_writer(Path(path), write_lock, busy_timeout_s)
    with closed_on_error(connection):
        connection.create_function("now_ms", 0, clock_ms)
        connection.execute(f"PRAGMA synchronous = {durability}")
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA wal_autocheckpoint = 1024")  # pages of 16 KiB: 16 MiB
        connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def open_writer(path: Path, write_lock: WriteLock, busy_timeout_s: float) -> Writer:
    """Open a connection that writes. The file must exist. It may still lack the tables that `prepare` creates."""
    files = OpenFiles.of(path)
    connection = sqlite3.connect(
        path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, factory=Writer
    )
    connection.path, connection.write_lock, connection.files = path, write_lock, files
    with closed_on_error(connection):
        files.check()
        # A page that is split or freed must not keep copies of wrapped keys. Chunks have none: see remove_chunks.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA temp_store = {TEMP_STORE}")
    return connection


def hold_files(db: Writer, files: OpenFiles, leases: Leases, timeout_s: float) -> None:
    """Hold a shared lock until `leases` are closed, so that other stores see which log and index this store has open.

    Raises StoreError if another store has a different log or index open. timeout_s: see check_shared.
    """
    db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # with its first read, SQLite opens both
    check_shared(db.path, db.write_lock, leases, timeout_s)
    files.look_beside()
    leases.hold_files(files.key)
    db.files = files
    with suppress(StoreBusy), db.exclusive():
        pass  # `exclusive` writes the key to the header; if the lock is busy, its holder writes the same key


def rescue_log(db: Writer) -> None:
    """Write the content of a removed log into the database. Otherwise it would be lost when this process ends."""
    if db.files.has_lost_log():
        with suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


@contextmanager
def write_transaction(connection: Writer) -> Iterator[Transaction]:
    """Run the block as one write transaction under the write lock. Commit at its end, or roll back if it raises."""
    with connection.exclusive():
        _roll_back(connection)  # changes that an earlier rollback failed to undo must not be committed
        with transaction(connection) as tx:
            yield tx
        connection.files.check_beside()  # if the log was removed, the commit would be lost with the process


@contextmanager
def transaction(connection: Writer) -> Iterator[Transaction]:
    connection.execute("BEGIN IMMEDIATE")
    tx = Transaction(connection)
    try:
        yield tx
        with connection.write_lock.changing(tx.changed):
            connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def _savepoint(connection: Writer) -> Iterator[None]:
    """Within a transaction, undo only the writes of this block if it raises a PixstoreError. Other errors undo
    everything.
    """
    connection.execute("SAVEPOINT attempt")
    try:
        yield
    except PixstoreError:
        connection.execute("ROLLBACK TO attempt")
        connection.execute("RELEASE attempt")
        raise
    connection.execute("RELEASE attempt")


def _roll_back(connection: Writer) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def empty_log(db: Writer) -> None:
    """Remove keys of dead versions from the write-ahead log. If a reader uses the log, a later call removes them.

    Raises nothing, because the write before it has succeeded.
    """
    try:
        if db.log_has_dead_keys:
            _empty_log(db)
    except (StoreError, sqlite3.Error, OSError) as error:
        _log.info(
            "the log of %s was not emptied: %s",
            db.path,
            text_of(error),
            extra=event("log_not_emptied", path=str(db.path)),
        )


def _empty_log(db: Writer) -> None:
    (patience_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
    # Our own reads end within this time. A longer wait would delay every writer, because it holds the write lock.
    db.execute(f"PRAGMA busy_timeout = {_READ_MS}")
    try:
        with db.exclusive():
            (is_busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            db.note_dead_keys(are_there=bool(is_busy))
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience_ms}")


class Deletion(NamedTuple):
    """A change to commit: the deletion of an image, and of its variants if it is an original."""

    image_id: str
    expect: Expected


Outcome = Sequence[StoredImage] | bool
"""For a GroupCommit: the images that have become current. For a Deletion: whether there was an image to delete."""


@dataclass(slots=True, eq=False)
class Commit:
    """A change that waits for its transaction, which sets the outcome. is_withdrawn: the caller was cancelled."""

    change: GroupCommit | Deletion
    is_withdrawn: bool = False
    outcome: Outcome | BaseException | None = None

    def result(self) -> Outcome:
        """Return the outcome, or raise the error that prevented the change."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if self.outcome is None:
            raise StoreError("the commit was withdrawn: try again")
        return self.outcome


def commit_together(db: Writer, waiting: SimpleQueue[Commit], commit: Commit) -> Outcome:
    """Run a queued commit in one transaction with up to 63 other waiting commits. Return its outcome.

    These commits also share one `empty_log`, which follows a transaction that made keys obsolete.
    """
    while commit.outcome is None and not commit.is_withdrawn:
        _run_together(db, _take(waiting))
    return commit.result()


def _take(waiting: SimpleQueue[Commit]) -> list[Commit]:
    taken: list[Commit] = []
    with suppress(Empty):
        while len(taken) < _MOST_TOGETHER:
            taken.append(waiting.get_nowait())
    return [commit for commit in taken if not commit.is_withdrawn]


def _run_together(db: Writer, commits: Sequence[Commit]) -> None:
    """Run changes in one transaction. A refused change writes nothing; any other error makes all of them fail."""
    try:
        with write_transaction(db) as tx:
            outcomes = list(_attempt_all(tx, commits))
    except BaseException as error:
        for commit in commits:
            commit.outcome = copy(error)  # one for each caller: a traceback shows values of all that raised it
    else:
        for commit, outcome in zip(commits, outcomes, strict=True):
            commit.outcome = outcome


def _attempt_all(tx: Transaction, commits: Sequence[Commit]) -> Iterator[Outcome | PixstoreError]:
    judged: Sequence[bytes] = ()
    refusal: SecretError | None = None
    for change in (commit.change for commit in commits):
        if isinstance(change, Deletion):
            yield _attempt(tx, change)
            continue
        checks = change.terms.checks
        if refusal and checks == judged:  # checking the same ring again might read all rows
            yield copy(refusal)
            continue
        if checks == judged:  # admitted in this transaction
            change = replace(change, terms=replace(change.terms, checks=()))
        outcome = _attempt(tx, change)
        if isinstance(outcome, SecretError):
            judged, refusal = checks, outcome
        elif not isinstance(outcome, PixstoreError):
            judged, refusal = checks, None
        yield outcome


def _attempt(tx: Transaction, change: GroupCommit | Deletion) -> Outcome | PixstoreError:
    try:
        if isinstance(change, Deletion):
            return run(writes.delete(tx, *change))
        # A single version needs no savepoint: like a deletion, it is refused before anything is written.
        with _savepoint(tx.db) if len(change.versions) > 1 else nullcontext():
            return run(writes.commit(tx, change, may_admit=True))
    except PixstoreError as refusal:
        return refusal
