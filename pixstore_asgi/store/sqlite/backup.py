"""Backs up a SQLite store while it is in use, and restores a backup.

A backup is a separate database, which VACUUM INTO makes. VACUUM INTO is one read transaction, so no writer can force it
to restart.
"""

import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ...core.ids import VARIANT_MARK, Count
from ...errors import InputError, StoreBusy, StoreError
from ..durable import give_to_owner_of, sync
from .connection import code_of, is_busy, translate, translated
from .files import FileIdentity, LockHeader, check_one_name, check_regular, check_sound
from .leases import BACKUP, IN_USE, Leases
from .rows import has_objects, id_of_images
from .schema import check_application, connect_unwriting, is_ours
from .write_lock import WriteLock

_HEAD_BYTES = 100
_STEPS_BETWEEN = 100  # of SQLite's virtual machine: it copies about 4 MiB of long bodies meanwhile

OnCopied = Callable[[int, int], None]
"""Called during a copy with the number of bytes that are copied, and of all bytes."""


def _ignore(copied: int, total: int) -> None:
    pass


def back_up(database: Path, target: Path, on_copied: OnCopied = _ignore) -> Count:
    """Copy a database, in use or not, to a new file that only its owner can read. Return the count of its images.

    Raises StoreError if the database is missing or not sound, or if `target` exists. After an error, no new file is at
    `target`.
    """
    database = Path(os.path.realpath(database))
    with translated(database):
        check_one_name(database)  # if it has several names, the log is beside only one of them
    with translated(target), _copied(database, target, on_copied) as copy:
        images = _checked(copy, database)
        for suffix in ("", "-journal", "-wal"):  # SQLite would replay an old log into the backup
            _check_free(target.with_name(target.name + suffix))
        try:
            # This reserves the name. A hard link would do it in one step, but not every file system has them.
            os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            _check_free(target)
            raise
        os.replace(copy, target)
        sync(target.parent)
    return images


def _forget_dead_bodies(copy: Path) -> None:
    """Delete the rows of bodies outside the database that no image needs.

    Such a body may be current by now in the database that was copied, because its save has ended since. So gc on the
    copy must not remove it.
    """
    if has_objects(copy):
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("DELETE FROM blob WHERE object IS NOT NULL AND state <> 1")


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise StoreError(f"the file {path} exists already: name another one")


def restore(backup: Path, database: Path, on_copied: OnCopied = _ignore) -> Count:
    """Replace a database, which may be missing or damaged, by a copy of a backup. Return the count of its images.

    Its key file and its owner stay unchanged. Raises StoreError if the backup is not sound, or if the file at
    `database` belongs to another program or store. Raises StoreBusy if a process has it open. Errors change nothing.
    """
    with restoring(backup, database, on_copied) as rows:
        rows.put_in_place()
    return rows.images


class Restore(NamedTuple):
    """A restore before its last step. copy: the sound copy of the backup, beside the database."""

    database: Path
    copy: Path
    images: Count

    def put_in_place(self) -> None:
        """Replace the database by the copy."""
        os.replace(self.copy, self.database)
        _put_in_place(self.database)


@contextmanager
def restoring(backup: Path, database: Path, on_copied: OnCopied = _ignore) -> Iterator[Restore]:
    """Copy a backup, and keep every process from opening the database during the block, which calls `put_in_place`.

    Raises the errors of `restore`.
    """
    database = Path(os.path.realpath(database))
    with translated(database):
        check_regular(database)
        check_one_name(database)
    if database.exists() and backup.exists() and database.samefile(backup):
        raise StoreError(f"{backup} is the database itself: name a backup of it")
    with translated(database), _copied(backup, database, on_copied, is_restore=True) as copy:
        images = _checked(copy, backup)
        _check_place(database, copy)
        with _out_of_use(database):
            yield Restore(database, copy, images)


def _check_place(database: Path, copy: Path) -> None:
    """Raise StoreError if the file at `database` belongs to another program, or has the images of another store than
    `copy`.
    """
    with suppress(FileNotFoundError), database.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head and not is_ours(head):
            raise StoreError(
                f"{database} is not a database of pixstore-asgi, or its head is damaged: move it away first"
            )
    own, others = id_of_images(copy), id_of_images(database)
    if own and others and own != others:
        raise StoreError(f"{database} has the images of another store, not of the one backed up: move it away first")


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """Return a context manager for the unfinished backup, `<target>.part`. No other run can use it during the block.

    The file is the one that an interrupted run left, or else a copy of the backup at `target`. It is missing if there
    is neither. If the block raises, the file stays for the next run; but InputError removes a file that is new.

    Raises StoreBusy if another run uses the file. Raises StoreError if another user may have put the file there, or if
    the backup at `target` is not sound.
    """
    part, side_file = (target.with_name(target.name + suffix) for suffix in (".part", ".part.run"))
    with _alone(side_file, target):
        is_new = not os.path.lexists(part)
        if is_new:
            _drop(part)  # a log beside it would be replayed into it
            if target.exists():
                back_up(target, part)
        else:
            _check_own(part)
            _leave_wal(part)
        try:
            yield part
        except InputError:
            if is_new:
                _drop(part)
            raise


@contextmanager
def rows_of(database: Path, target: Path) -> Iterator[Path]:
    """Return a context manager for `<target>.part`: the rows of a database that has bodies in a folder.

    The rows are of one moment. During the block, gc of every process keeps the bodies that they name, and no other run
    uses the file. A killed run leaves the file, and the next run makes a new one.

    Raises StoreBusy if another run uses the file. Raises StoreError if the database is not sound, or if the file at
    `target` belongs to another program or store.
    """
    database = Path(os.path.realpath(database))
    part, side_file = (target.with_name(target.name + suffix) for suffix in (".part", ".part.run"))
    with _alone(side_file, target), bodies_kept(database), translated(target):
        _drop(part)
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
            with translated(database), closing(connect_unwriting(database)) as db:
                _copy(db, part, target)
            _check_place(target, part)
            _forget_dead_bodies(part)
            yield part
        finally:
            _drop(part)


@contextmanager
def bodies_kept(database: Path) -> Iterator[None]:
    """During the block, no gc removes a body outside the database that rows read in the block name."""
    database = Path(os.path.realpath(database))
    leases = Leases(database.with_name(database.name + ".lock"))
    try:
        leases.acquire(BACKUP)
        yield
    finally:
        leases.close()


@contextmanager
def _alone(side_file: Path, target: Path) -> Iterator[None]:
    with translated(target):
        leases = Leases(side_file)
    try:
        if not leases.claim(IN_USE) or not leases.are_in_place():
            raise StoreBusy(f"another backup to {target} is running: wait for its end")
        try:
            yield
        finally:
            side_file.unlink(missing_ok=True)  # while this run still holds it: a later run makes its own
    finally:
        leases.close()


def _check_own(part: Path) -> None:
    """Raise StoreError unless the file belongs to this user only. In a shared folder another user may have put it
    there.
    """
    found = part.lstat()
    is_own = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and not found.st_mode & 0o077
    if not is_own or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        raise StoreError(f"{part} was not left by a backup of yours: remove it")


def _drop(path: Path) -> None:
    """Remove a database and the files beside it, the database last."""
    for suffix in ("-wal", "-shm", "-journal", ".lock", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def put_in_place(part: Path, target: Path) -> Count:
    """Make a finished, closed copy the backup at `target`, in place of an earlier one. Return the count of its images.

    Raises StoreError if the copy is not sound, StoreBusy if a process has one of the two files open.
    """
    lock = target.with_name(target.name + ".lock")
    is_locked = lock.exists()
    with translated(target), _out_of_use(part), _out_of_use(target):
        _leave_wal(part)
        try:
            images = _checked(part, part)
        except StoreError:
            _drop(part)
            raise
        os.replace(part, target)
        _put_in_place(target)
        _drop(part)
        if not is_locked:  # no process has used the backup as a store, so it stays a single file
            lock.unlink(missing_ok=True)
    return images


def _checked(copy: Path, source: Path) -> Count:
    """Check a copy of `source` completely, sync it, and return the count of its images."""
    with closing(connect_unwriting(copy)) as db:
        check_sound(db, source)
        query = "SELECT count(*), coalesce(sum(instr(id, ?) > 0), 0) FROM image WHERE blob IS NOT NULL"
        total, variants = db.execute(query, (VARIANT_MARK,)).fetchone()
    sync(copy)
    return Count(total - variants, variants)


@contextmanager
def _copied(source: Path, target: Path, on_copied: OnCopied, *, is_restore: bool = False) -> Iterator[Path]:
    """Copy a database into the folder of `target`. After the block, remove the copy unless the block has renamed it."""
    if not source.is_file():
        raise StoreError(f"there is no database {source}: check the path")
    check_regular(source)
    descriptor, name = tempfile.mkstemp(prefix=f".{source.name}.", dir=target.parent)  # mode 0600
    if is_restore:
        give_to_owner_of(target, descriptor)
    os.close(descriptor)
    copy = Path(name)
    try:
        with translated(source), closing(connect_unwriting(source)) as db:
            check_application(db, source)
            _copy(db, copy, target, on_copied)
        _forget_dead_bodies(copy)
        yield copy
    finally:
        with suppress(FileNotFoundError):
            copy.unlink()


def _copy(db: sqlite3.Connection, copy: Path, target: Path, on_copied: OnCopied = _ignore) -> None:
    pages, free, page_bytes = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    total = (pages - free) * page_bytes
    db.set_progress_handler(lambda: on_copied(min(copy.stat().st_size, total), total), _STEPS_BETWEEN)
    try:
        db.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        if code_of(error) == sqlite3.SQLITE_INTERRUPT:  # Ctrl-C in the handler, whose exceptions SQLite's driver drops
            raise KeyboardInterrupt from None
        # The source is only read, so these errors come from writing the copy.
        if code_of(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC):
            raise translate(target, error) from error
        raise


@contextmanager
def _out_of_use(database: Path) -> Iterator[None]:
    """During the block, keep every process from opening a database. Raises StoreBusy if one has it open."""
    side_file = database.with_name(database.name + ".lock")
    leases = Leases(side_file)
    try:
        if not leases.claim(IN_USE) or not leases.are_in_place() or _is_connected(database):
            raise StoreBusy(f"a process has the database {database} open: stop every process that uses it first")
        yield
    finally:
        leases.close()


def _is_connected(database: Path) -> bool:
    """Return whether any program has the database open. If none has, write its log into it.

    The database stays in WAL mode. A kill in the middle of a change of this mode would leave a rollback journal, and
    with that no store opens the database.
    """
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("SELECT 1 FROM sqlite_schema").fetchone()
            return False
    except sqlite3.DatabaseError as error:
        return is_busy(error)


def _leave_wal(part: Path) -> None:
    """Make a database a single file. If a run was killed in the middle of that, roll it back first."""
    with translated(part), closing(sqlite3.connect(part, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")


def _put_in_place(database: Path) -> None:
    """Finish the move of a new file to this path: remove the old log, which SQLite must not replay, and record the
    file's identity.
    """
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            database.with_name(database.name + suffix).unlink()
    sync(database.parent)
    lock = WriteLock(database.with_name(database.name + ".lock"), timeout_s=0)
    identity = FileIdentity.of(database)
    assert identity is not None
    lock.header = LockHeader.of(identity, is_written=False, log_has_dead_keys=False).pack()
    lock.close()
