"""A SQLite database under two names, and files beside it that are removed while it is open: no image may be lost."""

import asyncio
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import pytest

from pixstore_asgi.errors import StoreError
from pixstore_asgi.store import mounts as mounts_of_system
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of, read, save
from pixstore_asgi.store.sqlite import SqliteStore, files
from pixstore_asgi.store.sqlite.backup import back_up, restore
from tests.support.sqlite import idle, looks_of, reading
from tests.support.tools import require

P = ParamSpec("P")
T = TypeVar("T")
SUFFIXES = ("-wal", "-shm", ".lock")
REMOVED = "was removed or replaced while a process had the database open: stop every process that uses it"


@contextmanager
def refused(text: str) -> Iterator[None]:
    with pytest.raises(StoreError) as raised:
        yield
    assert text in str(raised.value)


async def make(path: Path, *ids: str) -> None:
    """Make a closed database with these images."""
    store = SqliteStore(path)
    await store.open()
    for image_id in ids:
        await save(store, image_id)
    await store.close()


async def ids_in(path: Path) -> set[str]:
    """Return the ids of all images in a database that no store has open."""
    store = SqliteStore(path)
    await store.open()
    images = await store.list(limit=1000)
    await store.close()
    return {image.id for image in images}


def files_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


# Two names


async def test_a_database_with_a_hard_link_is_refused(tmp_path: Path) -> None:
    """By either name, to open it, to back it up and to replace it; with one name left, all images are there."""
    path, other = tmp_path / "a" / "pixstore.db", tmp_path / "b" / "pixstore.db"
    for folder in (path.parent, other.parent):
        folder.mkdir()
    await make(path, "a")
    back_up(path, tmp_path / "backup.db")
    os.link(path, other)
    for name in (path, other):
        with refused(f"{name} has 2 names (hard links)"):
            await SqliteStore(name).open()
        with refused("remove the others"):
            back_up(name, tmp_path / "second.db")
        with refused("remove the others"):
            restore(tmp_path / "backup.db", name)
    assert files_in(other.parent) == {"pixstore.db"}
    other.unlink()
    assert await ids_in(path) == {"a"}


async def test_a_hard_link_made_in_use_stops_writes_until_it_is_gone(tmp_path: Path) -> None:
    """The next save and the next delete are refused, reads go on, and without the link all works again."""
    path, other = tmp_path / "pixstore.db", tmp_path / "other.db"
    store = SqliteStore(path)
    await store.open()
    saved = await save(store, "a", b"body")
    os.link(path, other)
    with refused("has 2 names"):
        await save(store, "b")
    with refused("has 2 names"):
        await store.delete("a")
    assert await store.get("a") == saved
    assert await read(store, "a") == b"body"
    other.unlink()
    await save(store, "b")
    await store.close()
    assert await ids_in(path) == {"a", "b"}


async def test_symbolic_links_to_one_database_are_one_name(tmp_path: Path) -> None:
    """Stores that open a database by links to its file and to its folder have one log and one lock file."""
    path = tmp_path / "real" / "pixstore.db"
    path.parent.mkdir()
    names = [path, tmp_path / "links" / "file.db", tmp_path / "folder" / "pixstore.db"]
    (tmp_path / "links").mkdir()
    names[1].symlink_to(path)
    (tmp_path / "folder").symlink_to(path.parent)
    stores = [SqliteStore(name) for name in names]
    for number, store in enumerate(stores):
        await store.open()
        await save(store, f"image-{number}")
    assert files_in(path.parent) == {"pixstore.db", *(f"pixstore.db{suffix}" for suffix in SUFFIXES)}
    assert files_in(tmp_path / "links") == {"file.db"}
    for store in stores:
        assert len(await store.list()) == 3
        await store.close()


LINKS: dict[str, Callable[[Path, Path], object]] = {
    "a hard link": os.link,
    "a symbolic link": os.symlink,
}


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("suffix", ["-journal", *SUFFIXES])
async def test_a_file_beside_a_database_is_its_alone(tmp_path: Path, suffix: str, kind: str) -> None:
    """A log, index, journal or lock file that is another database's by a link keeps a database from being opened."""
    path, others = tmp_path / "pixstore.db", tmp_path / f"other.db{suffix}"
    await make(path, "a")
    others.touch()
    beside = path.with_name(path.name + suffix)
    beside.unlink(missing_ok=True)
    LINKS[kind](others, beside)
    with refused(f"{beside} has 2 names" if kind == "a hard link" else f"{beside} is not a regular file"):
        await SqliteStore(path).open()
    beside.unlink()
    assert await ids_in(path) == {"a"}


async def test_a_single_file_mount_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file may be a mount point, with blanks in its name and through links. A mounted folder is not one."""
    path, mounts = tmp_path / "my pictures" / "pixstore.db", tmp_path / "mountinfo"
    path.parent.mkdir()
    await make(path, "a")
    monkeypatch.setattr(mounts_of_system, "_MOUNTS", mounts)
    line = "63 43 254:0 /{} {} rw,relatime - ext4 /dev/vda rw\n"
    for suffix in ("", *SUFFIXES):
        file = f"{path}{suffix}"
        mounts.write_text(line.format("", "/") + line.format("x", file.replace(" ", r"\040")))
        for name in (path, tmp_path / "link.db"):
            if name != path:
                name.unlink(missing_ok=True)
                name.symlink_to(path)
            with refused(f"{file} is mounted as a single file"):
                await SqliteStore(name).open()
    mounts.write_text(line.format("x", str(path.parent).replace(" ", r"\040")))
    assert await ids_in(path) == {"a"}
    mounts.unlink()  # as on other systems than Linux
    assert await ids_in(path) == {"a"}


MOUNTED = """
    import asyncio, subprocess, sys
    from pathlib import Path
    from click.testing import CliRunner
    from pixstore_asgi.cli.commands import commands
    from pixstore_asgi.store.sqlite import SqliteStore
    from pixstore_asgi.errors import StoreError
    from pixstore_asgi.store.contract_tests.steps import save
    from pixstore_asgi.store.sqlite.backup import back_up, restore

    def mount(source, target):
        subprocess.run(["mount", "--bind", source, target], check=True)

    async def use(path):
        store = SqliteStore(path)
        await store.open()
        await save(store, "b")
        await store.close()

    folder = Path(sys.argv[1])
    alone, whole = folder / "alone" / "pixstore.db", folder / "whole" / "pixstore.db"
    for path in (alone, whole):
        path.parent.mkdir()
    alone.touch()
    mount(folder / "pixstore.db", alone)
    for attempt in (
        lambda: asyncio.run(use(alone)),
        lambda: back_up(alone, folder / "second.db"),
        lambda: restore(folder / "backup.db", alone),
    ):
        try:
            attempt()
        except StoreError as error:
            print(error)
    print(CliRunner().invoke(commands, ["doctor", "--database", str(alone)]).output)
    mount(folder, whole.parent)
    asyncio.run(use(whole))
    print("used")
"""


@pytest.mark.slow
def test_a_database_mounted_as_a_single_file_is_refused(tmp_path: Path) -> None:
    """A bind mount of the file is refused by all commands, and each says to mount the folder, which works."""
    unshare = require("unshare", "util-linux")
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a mount namespace needs root and the right to mount: run this as root")
    path = tmp_path / "pixstore.db"
    asyncio.run(make(path, "a"))
    back_up(path, tmp_path / "backup.db")
    command = [unshare, "--mount", sys.executable, "-c", textwrap.dedent(MOUNTED), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    text = "alone/pixstore.db is mounted as a single file, without those beside it: mount its folder instead"
    assert result.stdout.count(text) == 4
    assert result.stdout.endswith("used\n")
    assert files_in(tmp_path / "alone") == {"pixstore.db"}
    assert asyncio.run(ids_in(path)) == {"a", "b"}


# Files that are removed


@pytest.mark.parametrize("durability", ["NORMAL", "FULL"])
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_file_removed_beside_an_open_database_stops_it(
    tmp_path: Path, suffix: str, durability: Literal["NORMAL", "FULL"]
) -> None:
    """Without its log, index or lock file a store takes no write and answers no read; what it has acknowledged stays,
    also when the process is killed."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path, durability=durability)
    await store.open()
    large = body_of(5 * CHUNK_BYTES)
    for image_id in ("a", "b"):
        await save(store, image_id, large)
    beside = path.with_name(path.name + suffix)
    beside.unlink()
    group = [save(store, f"image-{number}") for number in range(5)]
    attempts = [
        *group,
        save(store, "c", large),
        save(store, "a"),
        store.delete("a"),
        store.list(),
        store.raise_epochs(),
    ]
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        assert isinstance(outcome, StoreError)
        assert f"{beside} {REMOVED}" in str(outcome)
    if suffix == "-wal":  # killed now, the file alone is left
        shutil.copy(path, tmp_path / "left.db")
        assert await ids_in(tmp_path / "left.db") == {"a", "b"}
    await store.close()
    assert await ids_in(path) == {"a", "b"}


@pytest.mark.parametrize(("change", "after"), [("save", {"a", "b"}), ("delete", set())])
async def test_a_commit_into_a_log_that_is_just_removed_is_not_acknowledged(
    tmp_path: Path, change: str, after: set[str]
) -> None:
    """The log goes in the middle of a transaction: its caller is told, and the change is whole or has not happened."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    await store.open()
    await save(store, "a")
    engine, log = store._engine, path.with_name("pixstore.db-wal")
    assert engine is not None

    def remove_at_commit(statement: str) -> None:
        if statement == "COMMIT":
            log.unlink(missing_ok=True)

    await engine.on_writer(lambda db: db.set_trace_callback(remove_at_commit))
    with refused(f"{log} {REMOVED}"):
        await (save(store, "b") if change == "save" else store.delete("a"))
    await store.close()
    assert await ids_in(path) in ({"a"}, after)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_a_process_that_comes_after_a_removal_is_refused(tmp_path: Path, suffix: str) -> None:
    """While others have the old log or index open, no new one is used beside it; when they have closed, it is."""
    path = tmp_path / "pixstore.db"
    stores = [SqliteStore(path) for _ in range(3)]
    await asyncio.gather(*(store.open() for store in stores))
    for number, store in enumerate(stores):
        await save(store, f"image-{number}")
    path.with_name(path.name + suffix).unlink()
    for _ in range(2):  # the first attempt makes the file anew
        with refused(REMOVED):
            await SqliteStore(path, busy_timeout_s=0.02).open()
    for store in stores:
        with refused(REMOVED):
            await save(store, "late")
        await store.close()
    await asyncio.gather(*(store.open() for store in stores))
    assert len(await stores[0].list()) == 3
    for store in stores:
        await save(store, "new")
        await store.close()


ATTEMPTS = """
    import asyncio, sys
    from pathlib import Path
    from pixstore_asgi.errors import StoreError
    from pixstore_asgi.store.sqlite import SqliteStore, writer
    from pixstore_asgi.store.sqlite.backup import back_up, has_objects, restore

    writer._OPENING_S = 0
    path, backup, target = map(Path, sys.argv[1:])
    for attempt in (
        lambda: asyncio.run(SqliteStore(path, busy_timeout_s=0).open()),
        lambda: back_up(path, target),
        lambda: has_objects(path),
        lambda: restore(backup, path),
        lambda: asyncio.run(SqliteStore(path, busy_timeout_s=0).open()),
    ):
        try:
            attempt()
            print("done")
        except StoreError as error:
            print(error)
"""


def attempts_of_another_process(path: Path, backup: Path) -> list[str]:
    """Return the errors of a process that tries to open the database, to back it up, and to restore it."""
    command = [sys.executable, "-c", textwrap.dedent(ATTEMPTS), *map(str, (path, backup, f"{backup}.other"))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return result.stdout.splitlines()


@pytest.mark.parametrize("suffixes", [SUFFIXES, ("-wal", ".lock"), ("-shm", ".lock")], ids=" ".join)
async def test_a_store_that_comes_after_the_lock_file_was_removed_too_is_refused(
    tmp_path: Path, suffixes: tuple[str, ...]
) -> None:
    """Without the lock file, which tells of the log and index in use, no new ones are made beside them. All images are
    there after the last close."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    await store.open()
    await save(store, "a")
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()
    for _ in range(2):  # the first attempt does not make the files
        with refused(f"{path}{suffixes[0]} {REMOVED}"):
            await SqliteStore(path, busy_timeout_s=0).open()
    with refused(REMOVED):
        await save(store, "late")
    await store.close()
    assert await ids_in(path) == {"a"}


@pytest.mark.slow
async def test_a_process_that_comes_after_the_lock_file_was_removed_too_is_refused(tmp_path: Path) -> None:
    """Another process neither opens the database, nor backs it up, nor replaces it."""
    path = tmp_path / "pixstore.db"
    await make(path, "a")
    back_up(path, tmp_path / "backup.db")
    store = SqliteStore(path)
    await store.open()
    await save(store, "b")
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink()
    removed = f"{path}-wal {REMOVED}"
    with refused(removed):  # this drops no lock of this process, or the other process would not see it
        await SqliteStore(path, busy_timeout_s=0).open()
    attempts = await asyncio.to_thread(attempts_of_another_process, path, tmp_path / "backup.db")
    assert len(attempts) == 5
    assert all(removed in attempt for attempt in attempts)
    await store.close()
    assert await ids_in(path) == {"a", "b"}


async def test_a_database_without_its_lock_file_opens_beside_another_program(tmp_path: Path) -> None:
    """A copy of the database alone, which another program has open with the log and index that it made, is opened."""
    path, copy = tmp_path / "pixstore.db", tmp_path / "copy" / "pixstore.db"
    await make(path, "a")
    copy.parent.mkdir()
    shutil.copy(path, copy)
    with reading(copy):
        assert files_in(copy.parent) == {"pixstore.db", "pixstore.db-wal", "pixstore.db-shm"}
        assert await ids_in(copy) == {"a"}
    assert await ids_in(copy) == {"a"}


async def in_turn(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


READS: dict[str, Callable[[SqliteStore], Awaitable[object]]] = {
    "list": lambda store: store.list(),
    "get": lambda store: store.get("a"),
    "stamps": lambda store: in_turn(store.stamps, ["a"]),
}


@pytest.mark.parametrize("kind", READS)
async def test_a_refused_read_saves_the_content_of_a_removed_log(tmp_path: Path, kind: str) -> None:
    """After it, the database alone has all images: a process that is killed before its next write loses none."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    await store.open()
    for image_id in ("a", "b"):
        await save(store, image_id)
    path.with_name("pixstore.db-wal").unlink()
    looks_of(store).due = 0
    with refused(REMOVED):
        await READS[kind](store)
    assert store._engine is not None
    await store._engine._connections[0].run(lambda db: None)  # nothing that writes, or closes, saves it
    shutil.copy(path, tmp_path / "left.db")
    assert await ids_in(tmp_path / "left.db") == {"a", "b"}
    await store.close()


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_file_that_is_removed_while_it_is_looked_at_is_no_fault(
    tmp_path: Path, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that another process removes at its close, after any look at it, is not taken for a pipe or folder."""
    path, log = tmp_path / "pixstore.db", tmp_path / "pixstore.db-wal"
    path.touch()
    log.touch()
    seen, stat = [], os.stat

    def look(file: str | Path, *args: Any, **kwargs: Any) -> os.stat_result:
        found = stat(file, *args, **kwargs)
        if os.fspath(file) == os.fspath(log):
            seen.append(file)
            if len(seen) == looks:
                log.unlink()
        return found

    monkeypatch.setattr(os, "stat", look)
    files.check_regular(path)
    assert seen


async def test_a_store_that_opens_waits_for_no_write(tmp_path: Path) -> None:
    """While another process holds the write lock, a store without patience opens, and its reads are answered."""
    path = tmp_path / "pixstore.db"
    store, other = SqliteStore(path), SqliteStore(path, busy_timeout_s=0)
    await store.open()
    saved = await save(store, "a")
    assert store._engine is not None
    with store._engine._write_lock.held():
        await other.open()
        assert await other.get("a") == saved
    await save(other, "b")
    await idle(store)
    await other.close()
    await store.close()
