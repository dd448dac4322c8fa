"""The database that a folder of bodies belongs to: copies of it, moves, and paths that mislead."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi.cli.commands import commands
from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.contract_tests.steps import checks_of, read, save
from pixstore_asgi.store.files import BodyFolder, folder
from pixstore_asgi.store.files.copying import FolderCopy
from pixstore_asgi.store.files.folder import PARTS
from pixstore_asgi.store.files.record import NAME, Record
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.backup import back_up
from tests.store.test_files import opened
from tests.store.test_folder_faults import remount
from tests.support.sqlite import query

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _all_bodies_are_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BodyFolder, "smallest_bytes", 1)


def store_at(database: Path, bodies: Path) -> SqliteStore:
    return SqliteStore(database, bodies=BodyFolder(bodies), sweep_grace_s=0)


async def use(database: Path, bodies: Path) -> None:
    """Open a store, save an image and read two."""
    async with opened(store_at(database, bodies)) as store:
        await save(store, "b", b"other")
        assert (await read(store, "a"), await read(store, "b")) == (b"body", b"other")


@pytest.fixture
async def live(tmp_path: Path) -> Path:
    """The database of a store with one image, whose folder is `live` beside it."""
    async with opened(store_at(tmp_path / "live.db", tmp_path / "live")) as store:
        await save(store, "a", b"body", key_id=b"key1", checks=await checks_of(store, b"key1"))
    return tmp_path / "live.db"


def bodies_in(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*/*") if path.is_file())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(each) for each in arguments], env={"PIXSTORE_SECRET": None})


def back_up_to(live: Path, name: str) -> tuple[Path, Path]:
    rows, files = live.with_name(f"{name}.db"), live.with_name(name)
    done = run("backup", "--database", live, "--blobs", live.with_suffix(""), "--to", rows, "--to-blobs", files)
    assert done.exit_code == 0, done.output
    return rows, files


async def refused(database: Path, bodies: Path, owner: Path) -> None:
    """Open a store that must be refused, and leave its folder as it is."""
    before = (bodies / NAME).read_bytes()
    reason = f"the folder {bodies} belongs to the database {owner}: name another folder, or move that database away"
    with pytest.raises(StoreError, match=f"^{reason}"):
        await store_at(database, bodies).open()
    assert (bodies / NAME).read_bytes() == before


async def test_an_application_does_not_start_on_the_folder_of_its_backup(live: Path) -> None:
    """Else new images would go there, and the next backup would remove them."""
    rows, files = await asyncio.to_thread(back_up_to, live, "copy")
    await refused(live, files, rows)
    examined = await asyncio.to_thread(run, "doctor", "--database", live, "--blobs", files)
    assert (examined.exit_code, f"belongs to the database {rows}: name" in examined.output) == (1, True)
    await use(live, live.with_suffix(""))


async def test_a_restore_beside_the_database_takes_no_folder_in_use(live: Path) -> None:
    """The second database would take newer images for files without a row. It is not even made."""
    rows, files = await asyncio.to_thread(back_up_to, live, "copy")
    await use(live, live.with_suffix(""))
    before = bodies_in(live.with_suffix(""))
    side = ("--database", live.with_name("side.db"))
    restored = await asyncio.to_thread(
        run, "restore", "--from", rows, "--from-blobs", files, *side, "--blobs", live.with_suffix("")
    )
    assert (restored.exit_code, f"belongs to the database {live}: name" in restored.output) == (1, True)
    assert not live.with_name("side.db").exists()
    await asyncio.to_thread(run, "restore", "--from", rows, *side)
    removed = await asyncio.to_thread(run, "gc", *side, "--blobs", live.with_suffix(""), "--orphans")
    assert (removed.exit_code, f"belongs to the database {live}: name" in removed.output) == (1, True)
    assert bodies_in(live.with_suffix("")) == before


async def test_after_a_copy_only_the_copy_opens_with_the_new_folder(live: Path) -> None:
    """Also under the name of the old database, if the copy takes its place."""
    moved, files = live.with_name("moved.db"), live.with_name("moved")
    arguments = ("--from", live, "--from-blobs", live.with_suffix(""), "--to", moved, "--to-blobs", files)
    done = await asyncio.to_thread(run, "copy", *arguments)
    assert done.exit_code == 0, done.output
    await refused(live, files, moved)
    moved.rename(live)
    await use(live, files)
    assert Record.read(files).file == "../live.db"


MOVES: dict[str, Callable[[Path], tuple[Path, Path]]] = {
    "renamed": lambda live: (live.rename(live.with_name("new.db")), live.with_suffix("")),
    "in another folder": lambda live: (Path(shutil.move(live, live.parent / "data")), live.with_suffix("")),
    "a folder moved": lambda live: (live, live.with_suffix("").rename(live.parent / "data" / "pictures")),
    "a name with a line break": lambda live: (live.rename(live.with_name("a\nfile:b %41.db")), live.with_suffix("")),
    "a name of no UTF-8": lambda live: (live.rename(live.with_name("n\udce9.db")), live.with_suffix("")),
}


@pytest.mark.parametrize("move", MOVES)
async def test_a_database_or_folder_that_was_moved_is_found(live: Path, move: str) -> None:
    """The folder has the new path then, and refuses a copy under the old one."""
    (live.parent / "data").mkdir()
    database, bodies = MOVES[move](live)
    await use(database, bodies)
    assert Record.read(bodies).file_from(bodies) == database
    if database != live:
        shutil.copy(database, live)
        with pytest.raises(StoreError, match=r"belongs to the database [\s\S]*: name another folder"):
            await store_at(live, bodies).open()


async def test_links_are_other_names_of_the_same(live: Path) -> None:
    """A link to the database, to its folder, or to both, changes nothing in the folder."""
    bodies, links = live.with_suffix(""), live.parent / "links"
    links.mkdir()
    (links / "link.db").symlink_to(live)
    (links / "bodies").symlink_to(bodies)
    before = (bodies / NAME).read_bytes()
    for database in (live, links / "link.db"):
        for place in (bodies, links / "bodies"):
            await use(database, place)
    assert (bodies / NAME).read_bytes() == before


async def test_both_may_be_mounted_elsewhere(live: Path, tmp_path: Path) -> None:
    """The path is relative: a volume with both has the same record at each place, and copies stay apart."""
    place = tmp_path / "volume"
    place.mkdir()
    live.rename(place / live.name)
    live.with_suffix("").rename(place / "live")
    before = Record.read(place / "live")
    shutil.copytree(place, tmp_path / "second")
    for volume in (place, tmp_path / "second"):
        await use(volume / "live.db", volume / "live")
        assert Record.read(volume / "live")[:2] == before[:2]


async def test_a_folder_of_an_earlier_version_gets_the_path(live: Path) -> None:
    """Its record has only the id."""
    bodies = live.with_suffix("")
    (bodies / NAME).write_text((bodies / NAME).read_text().splitlines()[0] + "\n")
    await use(live, bodies)
    assert Record.read(bodies).file == "../live.db"


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 36)


PLANTED: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a folder": os.mkdir,
    "a huge file": sparse,
    "a text": lambda path: path.write_text("no database"),
    "an empty file": Path.touch,
    "another program's": lambda path: query(path, "CREATE TABLE t (a)"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", PLANTED)
async def test_a_recorded_path_that_is_no_database_is_ignored(live: Path, kind: str) -> None:
    """The store neither waits for it nor changes it."""
    bodies, planted = live.with_suffix(""), live.with_name("planted")
    PLANTED[kind](planted)
    record = Record.read(bodies)
    (bodies / NAME).write_bytes(record._replace(file="../planted").pack())
    size = planted.lstat().st_size
    await use(live, bodies)
    assert (planted.lstat().st_size, Record.read(bodies)) == (size, record)


@pytest.mark.parametrize("file", ["\0", "live.db/inside", "x" * 5000, "/nowhere", "."])
async def test_a_recorded_path_that_can_not_be_is_no_reason_to_refuse(live: Path, file: str) -> None:
    """Such as one inside a file, or too long for the system."""
    bodies = live.with_suffix("")
    record = Record.read(bodies)
    (bodies / NAME).write_bytes(record._replace(file=file).pack())
    await use(live, bodies)
    assert Record.read(bodies) == record


async def test_a_copy_that_is_locked_counts(live: Path) -> None:
    """A process uses it, so it is no copy that was left behind."""
    bodies, copy = live.with_suffix(""), live.with_name("copy.db")
    back_up(live, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        (bodies / NAME).write_bytes(Record.read(bodies)._replace(file="../copy.db").pack())
        await refused(live, bodies, copy)


async def test_a_recorded_database_that_acts_is_not_asked(live: Path) -> None:
    """Its view would run for ever. The error names it, so that an administrator looks at it."""
    bodies, planted = live.with_suffix(""), live.with_name("planted.db")
    endless = (
        "WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n) SELECT count(*) AS value FROM n"
    )
    query(planted, f"CREATE VIEW database_id AS {endless}")
    (bodies / NAME).write_bytes(Record.read(bodies)._replace(file="../planted.db").pack())
    await refused(live, bodies, planted)


async def test_commands_that_read_accept_a_copy(live: Path) -> None:
    """They write nothing there, so the folder stays with its database."""
    bodies, copy = live.with_suffix(""), live.with_name("copy.db")
    back_up(live, copy)
    before = (bodies / NAME).read_bytes()
    into = live.with_name("one.db")
    done = await asyncio.to_thread(run, "copy", "--from", copy, "--from-blobs", bodies, "--to", into)
    assert (done.exit_code, (bodies / NAME).read_bytes()) == (0, before)


async def test_a_folder_on_a_read_only_disk_is_read(live: Path, small_disk: Path) -> None:
    """Also if its database was moved, although the folder can't have the new path."""
    rows, files = live.with_name("copy.db"), small_disk / "copy"
    arguments = ("--database", live, "--blobs", live.with_suffix(""), "--to", rows, "--to-blobs", files)
    assert (await asyncio.to_thread(run, "backup", *arguments)).exit_code == 0
    await asyncio.to_thread(remount, small_disk, "ro")
    for name in ("copy.db", "moved.db"):
        rows = rows.rename(live.with_name(name))
        async with opened(SqliteStore(rows, bodies=BodyFolder(files), sweeps_at_close=False)) as store:
            assert await read(store, "a") == b"body"
    await asyncio.to_thread(remount, small_disk, "rw")


async def test_a_folder_on_a_network_is_only_read(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup may be there, and is verified and restored from there. No store opens there to write."""
    monkeypatch.setattr(folder, "file_system_of", lambda path: "nfs4" if path.name == "copy" else "ext4")
    rows, files = await asyncio.to_thread(back_up_to, live, "copy")
    await asyncio.to_thread(back_up_to, live, "copy")
    into = live.with_name("one.db")
    assert (await asyncio.to_thread(run, "copy", "--from", rows, "--from-blobs", files, "--to", into)).exit_code == 0
    shutil.rmtree(live.with_suffix(""))
    arguments = ("--from", rows, "--from-blobs", files, "--database", live, "--blobs", live.with_suffix(""))
    assert (await asyncio.to_thread(run, "restore", *arguments)).exit_code == 0
    with pytest.raises(StoreError, match=r"is on a network file system \(nfs4\)"):
        await store_at(rows, files).open()
    await use(live, live.with_suffix(""))


async def test_a_database_that_was_lost_is_not_made_anew(live: Path) -> None:
    """The error says that it is new. No file is left, so a restore needs nothing more."""
    rows, files = await asyncio.to_thread(back_up_to, live, "copy")
    live.unlink()
    before = sorted(live.parent.iterdir())
    refusal = f"^the database {live} is new, but the folder {live.with_suffix('')} holds the bodies of another one: "
    with pytest.raises(StoreError, match=refusal + "restore the database from a backup, or name a new folder$"):
        await store_at(live, live.with_suffix("")).open()
    assert sorted(live.parent.iterdir()) == before
    arguments = ("--from", rows, "--from-blobs", files, "--database", live, "--blobs", live.with_suffix(""))
    assert (await asyncio.to_thread(run, "restore", *arguments)).exit_code == 0
    await use(live, live.with_suffix(""))


async def test_two_workers_that_start_first_share_the_folder(tmp_path: Path) -> None:
    """One of them makes the database and takes the folder while the other one looks."""
    stores = [store_at(tmp_path / "new.db", tmp_path / "new") for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    for store in stores:
        await store.close()


async def test_the_unfinished_file_of_a_killed_restore_is_removed_by_gc(
    live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the name of an unfinished upload, of which gc asks whether a process writes it."""
    rows, files = await asyncio.to_thread(back_up_to, live, "copy")
    bodies_in(live.with_suffix(""))[0].unlink()
    parts: list[Path] = []

    def link(copy: FolderCopy, source: Any, part: Path) -> bool:
        parts.append(part)
        return False

    monkeypatch.setattr(FolderCopy, "_link", link)
    arguments = ("--from", rows, "--from-blobs", files, "--database", live, "--blobs", live.with_suffix(""))
    assert (await asyncio.to_thread(run, "restore", *arguments)).exit_code == 0
    assert not parts[0].exists()
    parts[0].touch()
    async with opened(store_at(live, live.with_suffix(""))) as store:
        await store.sweep()
    assert list((live.with_suffix("") / PARTS).iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize(
    ("mode", "parent", "database", "is_accepted"),
    [(0o755, 0, 0, True), (0o1777, 0, 0, False), (0o775, 0, 0, False), (0o1777, 0, 1, True), (0o775, 1, 0, True)],
)
async def test_a_folder_that_another_user_may_have_put_there(
    tmp_path: Path, mode: int, parent: int, database: int, is_accepted: bool
) -> None:
    """Its owner would remove the bodies. parent, database: 1 if the owner of the folder owns them too, else 0."""
    (shared := tmp_path / "shared").mkdir()
    (bodies := shared / "bodies").mkdir()
    shared.chmod(mode)
    async with opened(SqliteStore(tmp_path / "live.db")) as store:
        await save(store, "a", b"body")
    for path, is_given in {shared: parent, tmp_path / "live.db": database, bodies: 1}.items():
        os.chown(path, 65534 * is_given, -1)
    if is_accepted:
        await use(tmp_path / "live.db", bodies)
    else:
        with pytest.raises(StoreError, match="belongs to another user, who may have put it there: give it to the user"):
            await store_at(tmp_path / "live.db", bodies).open()
        assert list(bodies.iterdir()) == []


async def test_a_link_to_the_record_is_no_record(live: Path) -> None:
    """Another user may put a folder in the place of the real one, while the store is open."""
    bodies, moved = live.with_suffix(""), live.with_name("moved")
    async with opened(store_at(live, bodies)) as store:
        bodies.rename(moved)
        bodies.mkdir()
        (bodies / NAME).symlink_to(moved / NAME)
        with pytest.raises(StoreError, match="is missing or was replaced"):
            await save(store, "b", b"other")
        with pytest.raises(StoreError, match="is not the one of this database"):
            await store_at(live, bodies).open()
        assert list(bodies.iterdir()) == [bodies / NAME]
        (bodies / NAME).unlink()
        bodies.rmdir()
        moved.rename(bodies)
