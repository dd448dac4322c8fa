"""Faults for the SQLite store: statements that fail, or kill their process, and checks of the state after them."""

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from pixstore_asgi import ImageRecord, Pixstore, StoreError, WireState
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore, writer
from tests.support.payloads import served
from tests.support.rings import make_database
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import query

SMALL, LARGE = picture(), large_png(5 * CHUNK_BYTES + 3)
NEW_SMALL, NEW_LARGE = picture("jpeg"), large_png(9 * CHUNK_BYTES + 5)
DATABASE, BODIES = "pixstore.db", "bodies"
NEW = "new"
unique_png = large_png.__wrapped__  # not kept: there are many, and each is asked for once


def sqlite_error(code: int = sqlite3.SQLITE_IOERR) -> sqlite3.Error:
    """Return an error as sqlite3 raises it for this primary result code."""
    error = sqlite3.OperationalError("injected")
    error.sqlite_errorcode = code
    return error


@dataclass
class Plan:
    """Which step of all statements fails. Steps are statements, and rows of an executemany, counted from 1.

    at: the step, or 0 for none. is_after: the step is done, then fails; a BEGIN that fails has never begun.
    is_lasting: later steps fail, too; a ROLLBACK needs nothing of the disk and works unless `fails_rollback`.
    kills: the process dies before the step.
    """

    at: int = 0
    code: int = sqlite3.SQLITE_IOERR
    is_after: bool = False
    is_lasting: bool = False
    fails_rollback: bool = False
    kills: bool = False
    is_armed: bool = False
    steps: list[str] = field(default_factory=list)

    def count(self, statement: str) -> int:
        """Count one step; return its number, or 0 while nothing is counted."""
        if not self.is_armed:
            return 0
        self.steps.append(statement)
        return len(self.steps)

    def before(self, statement: str) -> int:
        """Count a step, fail before it where it is its turn, and return its number."""
        number = self.count(statement)
        if not self.is_after and self._is_due(number, statement):
            self._strike()
        return number

    def after(self, number: int, statement: str) -> None:
        """Fail after a step where it is its turn."""
        if self.is_after and self._is_due(number, statement) and not statement.startswith("BEGIN"):
            self._strike()

    @property
    def has_struck(self) -> bool:
        """Whether there were as many steps as the fault needed."""
        return 0 < self.at <= len(self.steps)

    def _is_due(self, number: int, statement: str) -> bool:
        if number == 0 or self.at == 0:
            return False
        is_spared = statement == "ROLLBACK" and not self.fails_rollback
        return number == self.at or (self.is_lasting and number > self.at and not is_spared)

    def _strike(self) -> None:
        if self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        raise sqlite_error(self.code)


_plan = Plan()


class FaultyConnection(sqlite3.Connection):
    """A connection with statements that follow the plan."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return _planned(sql, lambda: super(FaultyConnection, self).execute(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        def rows() -> Iterator[Any]:
            for row in parameters:
                number = _plan.before(sql)
                yield row
                _plan.after(number, sql)

        return super().executemany(sql, rows())

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        return _planned(sql_script, lambda: super(FaultyConnection, self).executescript(sql_script))


class FaultyWriter(FaultyConnection, writer.Writer):
    """A writer with statements that follow the plan."""


def _planned(statement: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
    number = _plan.before(statement)
    cursor = run()
    try:
        _plan.after(number, statement)
    except sqlite3.Error:
        cursor.close()
        raise
    return cursor


@contextmanager
def injected(plan: Plan) -> Iterator[Plan]:
    """Send all statements of stores that are opened in this block through a plan; at the end it is disarmed."""
    global _plan
    connect = sqlite3.connect

    def faulty(*args: Any, factory: Any = FaultyConnection, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, factory=factory, **kwargs)
        return connection

    _plan = plan
    with mock.patch.object(sqlite3, "connect", faulty), mock.patch.object(writer, "Writer", FaultyWriter):
        try:
            yield plan
        finally:
            plan.is_armed = False
            _plan = Plan()


# What is done under a fault


@dataclass(frozen=True)
class Base:
    """A closed database to start from: a small and a large image, and bodies that are dead but not swept.

    has_files: the large body is a file in the folder beside the database.
    """

    folder: Path
    small: str
    large: str
    has_files: bool = False

    @property
    def images(self) -> dict[str, bytes]:
        return {self.small: SMALL, self.large: LARGE}

    def copy(self, folder: Path) -> Path:
        """Copy the database into a folder and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.has_files:
            shutil.copytree(self.folder / BODIES, folder / BODIES)
        return Path(shutil.copy(self.folder / DATABASE, folder / DATABASE))

    def pixstore(self, path: Path) -> Pixstore:
        """Return an application's object for a copy, closed. There is no grace period for files."""
        bodies = BodyFolder(path.parent / BODIES) if self.has_files else None
        return Pixstore(SqliteStore(path, sweep_grace_s=0 if bodies else 600, bodies=bodies), secret=SECRET)


async def make_base(folder: Path, *, has_files: bool = False) -> Base:
    """Make the database that faults are tried on."""
    empty = Base(folder, "", "", has_files)
    async with empty.pixstore(await make_database(folder / DATABASE)) as pix:
        base = replace(empty, small=(await pix.save_image(SMALL)).id, large=(await pix.save_image(LARGE)).id)
    with sqlite3.connect(folder / DATABASE) as edited:
        edited.executescript(
            "INSERT INTO blob (id, state, changed_ms) VALUES (11, 2, 1), (12, 2, 2);"
            "INSERT INTO chunk VALUES (11 << 16, zeroblob(999)), (12 << 16, zeroblob(9)), (12 << 16 | 1, zeroblob(9));"
        )
    edited.close()
    return base


async def in_pieces(image: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(image), 200_000):
        yield image[start : start + 200_000]


@dataclass(frozen=True)
class Operation:
    """What meets a fault. `changes` is what it does to the images by id (NEW for the one that is saved).

    is_opening: it opens the store, which any other finds open. is_creating: and there was no file.
    """

    run: Callable[[Pixstore, Base], Awaitable[ImageRecord | None]]
    changes: Callable[[Base], dict[str, bytes | None]] = lambda base: {}
    is_opening: bool = False
    is_creating: bool = False

    def before(self, base: Base) -> dict[str, bytes]:
        """Return all images as they are before it, by id."""
        return {} if self.is_creating else base.images

    def after(self, base: Base) -> dict[str, bytes]:
        """Return all images as they are after it."""
        changed = {**self.before(base), **self.changes(base)}
        return {image_id: image for image_id, image in changed.items() if image is not None}

    def prepare(self, base: Base, folder: Path) -> Path:
        """Make a folder for the operation and return the path of the database in it."""
        path = base.copy(folder)
        if self.is_creating:
            path.unlink()
            shutil.rmtree(folder / BODIES, ignore_errors=True)
        return path


def store_of(pix: Pixstore) -> SqliteStore:
    store = parts_of(pix).store
    assert isinstance(store, SqliteStore)
    return store


async def _delete(pix: Pixstore, image_id: str) -> None:
    await pix.delete_image(image_id)


async def sweep(pix: Pixstore) -> None:
    """Remove all unused bodies."""
    if store_of(pix).bodies:
        await asyncio.sleep(0.002)  # a file is removed in a later millisecond than the one in which it became unused
    await store_of(pix).sweep()


async def _read(pix: Pixstore, base: Base) -> None:
    assert set(await pix.get_image_records(base.images)) == set(base.images)
    assert await pix.get_image_record(base.small)


async def _serve(pix: Pixstore, base: Base) -> None:
    record = await pix.get_image_record(base.large)
    assert record is not None
    async with await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof) as payload:
        if payload.state is WireState.INTERNAL_ERROR:
            raise StoreError("the database was asked and failed: InternalError")
        assert len(b"".join([piece async for piece in payload])) == payload.size


async def _open(pix: Pixstore) -> None:
    await pix.open()


OPERATIONS = {
    "create": Operation(lambda pix, base: _open(pix), is_opening=True, is_creating=True),
    "open": Operation(lambda pix, base: _open(pix), is_opening=True),
    "save-small": Operation(lambda pix, base: pix.save_image(NEW_SMALL), lambda base: {NEW: NEW_SMALL}),
    "save-large": Operation(lambda pix, base: pix.save_image(in_pieces(NEW_LARGE)), lambda base: {NEW: NEW_LARGE}),
    "update-small": Operation(
        lambda pix, base: pix.update_image(base.small, NEW_SMALL), lambda base: {base.small: NEW_SMALL}
    ),
    "update-large": Operation(
        lambda pix, base: pix.update_image(base.large, in_pieces(NEW_LARGE)), lambda base: {base.large: NEW_LARGE}
    ),
    "delete": Operation(lambda pix, base: _delete(pix, base.large), lambda base: {base.large: None}),
    "sweep": Operation(lambda pix, base: sweep(pix)),
    "read": Operation(_read),
    "serve": Operation(_serve),
}


# What must hold afterwards


async def contents(pix: Pixstore, base: Base) -> dict[str, bytes]:
    """Return every image of the store as a page reads it; an id that is not of the base's is NEW."""
    found: dict[str, bytes] = {}
    for stored in await store_of(pix).list():
        record = await pix.get_image_record(stored.id)
        assert record is not None
        state, found[stored.id] = await served(pix, record)
        assert state is WireState.SUCCESS
    unknown = set(found) - set(base.images)
    assert len(unknown) <= 1
    return {image_id if image_id in base.images else NEW: image for image_id, image in found.items()}


async def check_next(pix: Pixstore, base: Base, operation: Operation) -> None:
    """Check that the operation works now, that its record opens its image, and that nothing is left over."""
    record = await operation.run(pix, base) if not operation.is_opening else None
    after = operation.after(base)
    if record is not None:
        assert await served(pix, record) == (WireState.SUCCESS, after.get(record.id, after.get(NEW)))
    for image_id in base.images:
        fresh = await pix.get_image_record(image_id)
        assert (image_id in after) == (fresh is not None)
        if fresh is not None:
            assert await served(pix, fresh) == (WireState.SUCCESS, after[image_id])
    await sweep(pix)
    assert store_of(pix).in_use == 0
    check_file(store_of(pix).path)


def check_file(path: Path) -> None:
    """Check that a swept database is sound and has the bodies of its images, whole, and no others.

    Of those that lie elsewhere it has the rows, and of those in a folder beside it the folder has the files.
    """
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "SELECT id FROM blob ORDER BY id") == query(
        path, "SELECT blob FROM image WHERE blob IS NOT NULL ORDER BY blob"
    )
    keys = "SELECT number - 72057594037927936 FROM wrapped_key ORDER BY number"
    assert query(path, keys) == query(path, "SELECT id FROM blob ORDER BY id")
    bodies = "SELECT id >> 16, sum(length(data)) FROM chunk GROUP BY id >> 16 ORDER BY 1"
    here = "SELECT blob, size FROM image JOIN blob ON blob.id = image.blob WHERE object IS NULL ORDER BY blob"
    assert query(path, bodies) == query(path, here)
    if (path.parent / BODIES).exists():
        named = query(path, "SELECT lower(hex(object)) FROM blob WHERE object IS NOT NULL ORDER BY 1")
        assert [
            (file.name,) for file in sorted((path.parent / BODIES).glob("*/*"), key=lambda file: file.name)
        ] == named


# Processes that die


def die_at_each_step(name: str, base: Base, folder: Path, every: int) -> None:
    """Run an operation in one forked process after another, each killed one step later, each on its own copy.

    Copy and outcome are in a folder named by the step. Ends with the first process that lives: prints its step and exit
    code.
    """
    step = 1
    while True:
        path = OPERATIONS[name].prepare(base, folder / str(step))
        process = os.fork()
        if process == 0:
            asyncio.run(_die(OPERATIONS[name], base, path, step))
            os._exit(0)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            print(name, step, os.waitstatus_to_exitcode(status))
            return
        step += every


async def _die(operation: Operation, base: Base, path: Path, step: int) -> None:
    with injected(Plan(at=step, kills=True)) as plan:
        pix = base.pixstore(path)
        plan.is_armed = operation.is_opening
        await pix.open()
        plan.is_armed = True
        if not operation.is_opening:
            await operation.run(pix, base)


async def work_until_killed(path: Path, seed: int) -> None:
    """Save, update and delete images forever. Print each acknowledged write on one line."""
    names: list[str] = []
    async with Pixstore(path, secret=SECRET) as pix:
        for turn in range(10_000):
            number = seed * 10_000 + turn
            image = unique_png(300 + number * 7919 % 2_000_000)
            if turn % 3 == 2:
                gone = names[number % len(names)]
                _say("deleting", gone)
                await pix.delete_image(gone)
                names.remove(gone)
                _say("deleted", gone)
            elif turn % 3 == 1:
                _say("updating", names[-1], len(image))
                await pix.update_image(names[-1], in_pieces(image))
                _say("stored", names[-1], len(image))
            else:
                names.append((await pix.save_image(in_pieces(image))).id)
                _say("stored", names[-1], len(image))


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    if sys.argv[1] == "die":
        source, small, large, has_files, target, every = sys.argv[2:]
        for name in OPERATIONS:
            base = Base(Path(source), small, large, has_files == "True")
            die_at_each_step(name, base, Path(target, name), int(every))
    else:
        asyncio.run(work_until_killed(Path(sys.argv[2]), int(sys.argv[3])))
