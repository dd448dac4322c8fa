"""Backups and restored databases: nothing is lost by the documented way, and every other way is refused."""

import asyncio
import errno
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner

from pixstore_asgi import Pixstore, StoreError
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.ids import Count
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.backup import back_up, part_of, restore
from pixstore_asgi.store.sqlite.leases import Leases
from pixstore_asgi.store.sqlite.schema import MIGRATIONS
from tests.support.s3 import S3Server
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import query, reading

pytestmark = pytest.mark.slow

IMAGES = 40
WRITER = """
    import asyncio, sys
    from pixstore_asgi import Pixstore
    from tests.support.samples import SECRET, large_png

    async def main(path):
        async with Pixstore(path, secret=SECRET) as pix:
            for number in range(1000):
                print((await pix.save_image(large_png(500_000 + number))).id, flush=True)

    asyncio.run(main(sys.argv[1]))
"""


async def fill(path: Path) -> list[str]:
    """Save images of several sizes and return their ids."""
    async with Pixstore(path, secret=SECRET) as pix:
        return [(await pix.save_image(large_png(300 + 20_000 * number))).id for number in range(IMAGES)]


async def unreadable(path: Path, ids: list[str]) -> list[str]:
    """Return those of these ids that give no image."""
    async with Pixstore(path, secret=SECRET) as pix:
        return [image_id for image_id in ids if await pix.read_image(image_id) is None]


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments])
    return result.exit_code, result.output


@contextmanager
def saving(path: Path, first: int = 20) -> Iterator[list[str]]:
    """Let another process save images of 500 KB until the block ends, and kill it then; give the ids of the first."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield [process.stdout.readline().strip() for _ in range(first)]
        process.send_signal(signal.SIGKILL)


FORKER = """
    import asyncio, os, signal, sys, time, warnings
    from pixstore_asgi import Pixstore
    from pixstore_asgi.pixstore import parts_of
    from tests.support.samples import SECRET

    async def main(path):
        pix = Pixstore(path, secret=SECRET)
        await pix.open()
        with parts_of(pix).store._engine._write_lock.held():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python, for a process with threads
            if child := os.fork():
                os.write(1, f"{child}\\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            os.close(1)
            time.sleep(60)
            os._exit(0)

    asyncio.run(main(sys.argv[1]))
"""


@contextmanager
def forking(path: Path) -> Iterator[int]:
    """Let a process fork in the middle of a write and be killed; give the process id of its child, which lives on."""
    command = [sys.executable, "-c", textwrap.dedent(FORKER), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert process.wait() == -signal.SIGKILL
        yield child


def kill_while_it_saves(path: Path, after: int) -> None:
    """Save images of 500 KB in another process and kill it without warning after so many."""
    with saving(path, after):
        pass


async def test_a_backup_is_restored_after_a_crash_with_every_image(tmp_path: Path) -> None:
    """Backed up, written to on, killed and restored by the commands: all images of the backup are there."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    code, output = await asyncio.to_thread(run, "backup", "--database", path, "--to", backup)
    assert (code, output) == (0, f"{IMAGES} images backed up to {backup}\n")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    await asyncio.to_thread(kill_while_it_saves, path, 60)
    assert (tmp_path / "pixstore.db-wal").stat().st_size
    code, output = await asyncio.to_thread(run, "restore", "--from", backup, "--database", path)
    assert (code, output) == (0, f"{IMAGES} images restored to {path}\n")
    assert await unreadable(path, ids) == []
    assert query(path, "SELECT count(*) FROM image") == [(IMAGES,)]


async def test_a_copy_that_finds_no_room_names_its_disk(tmp_path: Path, small_disk: Path) -> None:
    """On a full disk neither a backup nor a restore is made, and the error names the file that could not be written."""
    path, backup, target = tmp_path / "pixstore.db", tmp_path / "backup.db", small_disk / "copy.db"
    async with Pixstore(path, secret=SECRET) as pix:
        for _ in range(2):
            await pix.save_image(large_png(5_000_000))
    back_up(path, backup)
    for copy, source in ((back_up, path), (restore, backup)):
        with pytest.raises(StoreError) as caught:
            copy(source, target)
        assert str(caught.value) == f"the database {target} can't be used: the disk is full: make room and try again"
        assert [entry.name for entry in small_disk.iterdir() if not entry.name.endswith(".lock")] == []


async def test_restore_makes_a_database_where_none_is(tmp_path: Path) -> None:
    """A backup becomes a database on a machine that has none, an empty file or a damaged one; the key file stays."""
    path, backup, key_file = tmp_path / "pixstore.db", tmp_path / "backup.db", tmp_path / "pixstore.db.key"
    ids = await fill(path)
    back_up(path, backup)
    path.unlink()
    key_file.write_text("as it is")
    assert restore(backup, path) == Count(IMAGES)
    assert await unreadable(path, ids) == []
    for damaged in (b"", path.read_bytes()[:100] + os.urandom(100_000)):
        path.write_bytes(damaged)
        assert restore(backup, path) == Count(IMAGES)
        assert await unreadable(path, ids) == []
    assert key_file.read_text() == "as it is"


async def test_a_backup_copied_over_a_database_with_a_log_is_refused(tmp_path: Path) -> None:
    """A log that a killed process left is not replayed into a backup that was copied over the database."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    await asyncio.to_thread(kill_while_it_saves, path, 60)
    shutil.copyfile(backup, path)
    with pytest.raises(
        StoreError, match=r"is damaged, for example because a backup was copied over it.*pixstore-asgi restore"
    ):
        await Pixstore(path, secret=SECRET).open()
    assert path.read_bytes() == backup.read_bytes()
    restore(backup, path)
    assert await unreadable(path, ids) == []


async def test_a_backup_copied_by_hand_without_the_log_is_whole(tmp_path: Path) -> None:
    """Everything stopped, log and index removed, the backup copied: the database opens with every image."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    await asyncio.to_thread(kill_while_it_saves, path, 60)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink()
    shutil.copyfile(backup, path)
    assert await unreadable(path, ids) == []


REPLACED: dict[str, Callable[[Path, Path], object]] = {
    "mv of a backup": lambda backup, path: os.replace(backup, path),
    "rm": lambda backup, path: path.unlink(),
    "mv away": lambda backup, path: path.rename(path.with_name("away.db")),
}


@pytest.mark.parametrize("name", REPLACED)
async def test_a_database_replaced_while_it_is_open_takes_no_write(tmp_path: Path, name: str) -> None:
    """Moved, removed or replaced under a running process: the next write and read say so, and do nothing."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    (image_id, *ids) = await fill(path)
    back_up(path, backup)
    kept = shutil.copyfile(backup, tmp_path / "kept.db")
    message = "was moved, removed or replaced while it was open"
    pix = Pixstore(path, secret=SECRET)
    await pix.open()
    await pix.save_image(picture())
    REPLACED[name](backup, path)
    for change in (
        pix.save_image(picture()),
        pix.save_image(large_png(3_000_000)),
        pix.update_image(image_id, picture()),
        pix.delete_image(image_id),
        pix.get_image_record(image_id),
        pix.read_image(image_id),
    ):
        with pytest.raises(StoreError, match=message):
            await change
    await pix.close()
    await asyncio.to_thread(restore, kept, path)
    assert await unreadable(path, [image_id, *ids]) == []


async def test_a_backup_copied_over_an_open_database_takes_no_write(tmp_path: Path) -> None:
    """Overwritten in place under a running process: the next write is refused, as is the next start until a restore."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    pix = Pixstore(path, secret=SECRET)
    await pix.open()
    for number in range(30):
        await pix.save_image(large_png(100_000 + number))
    shutil.copyfile(backup, path)
    for _ in range(2):
        with pytest.raises(StoreError, match="is damaged"):
            await pix.save_image(picture())
    await pix.close()
    with pytest.raises(StoreError, match="is damaged"):
        await Pixstore(path, secret=SECRET).open()
    restore(backup, path)
    assert await unreadable(path, ids) == []


async def test_what_another_program_writes_is_taken_after_a_look_at_all_of_it(tmp_path: Path) -> None:
    """A row changed with SQLite's own tool, before the start and meanwhile, is no damage: the store goes on."""
    path = tmp_path / "pixstore.db"
    (image_id, *_) = await fill(path)
    for _ in range(2):
        query(path, "DELETE FROM key_check WHERE false")
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.execute("VACUUM")
        other.close()
        async with Pixstore(path, secret=SECRET) as pix:
            with sqlite3.connect(path) as other:
                other.execute("UPDATE blob SET changed_ms = changed_ms + 1")
                other.commit()
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.close()
            await pix.update_image(image_id, picture())
            assert await pix.read_image(image_id)


async def test_restore_is_refused_while_anybody_has_the_database_open(tmp_path: Path) -> None:
    """With the database open here, or in another program, restore changes nothing and names the process to stop."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    (image_id, *_) = await fill(path)
    back_up(path, backup)
    async with Pixstore(path, secret=SECRET) as pix:
        saved = await pix.save_image(picture())
        with pytest.raises(StoreBusy, match="stop every process that uses it first"):
            await asyncio.to_thread(restore, backup, path)
        assert await pix.read_image(saved.id)
    with reading(path), pytest.raises(StoreBusy, match="stop every process that uses it first"):
        restore(backup, path)
    assert await unreadable(path, [image_id, saved.id]) == []


async def test_a_child_that_outlives_a_killed_server_holds_nothing(tmp_path: Path) -> None:
    """A process that a server forked keeps no lock of it: the database can be written to and restored without it."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    with forking(path) as child:
        async with Pixstore(SqliteStore(path, busy_timeout_s=0.5), secret=SECRET) as pix:
            await pix.save_image(picture())
        assert await asyncio.to_thread(restore, backup, path) == Count(IMAGES)
        os.kill(child, signal.SIGKILL)
    assert await unreadable(path, ids) == []


async def test_a_restore_that_is_cut_off_before_its_move_leaves_a_database_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes no rollback journal, with which no store opens a database."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    await asyncio.to_thread(kill_while_it_saves, path, 5)
    left: list[str] = []

    def cut_off(source: Path, target: Path) -> None:
        left.extend(file.name for file in tmp_path.iterdir())
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", cut_off)
        with pytest.raises(StoreError):
            restore(backup, path)
    assert {"pixstore.db-wal", "pixstore.db-journal"}.isdisjoint(left)
    assert path.read_bytes()[18:20] == b"\2\2"  # WAL mode
    assert await unreadable(path, ids) == []


def leave_journal(path: Path) -> None:
    """Leave a database as a process that was killed in the middle of a transaction with a rollback journal."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 1", "BEGIN", "DELETE FROM chunk"):
            db.execute(statement)
        files = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-journal")}
        db.execute("ROLLBACK")
    for suffix, content in files.items():
        path.with_name(path.name + suffix).write_bytes(content)


async def test_a_journal_of_a_killed_run_is_rolled_back(tmp_path: Path) -> None:
    """The next restore goes on, and so does the next backup with its unfinished file."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    leave_journal(path)
    restore(backup, path)
    assert await unreadable(path, ids) == []
    with part_of(backup):
        pass
    leave_journal(tmp_path / "backup.db.part")
    with part_of(backup) as part:
        assert await unreadable(part, ids) == []


async def test_no_process_opens_a_database_that_is_being_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that opens the database in the middle of a restore is refused with a sentence."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    refusals: list[str] = []
    replace = os.replace

    def meanwhile(source: Path, target: Path) -> None:
        with pytest.raises(StoreBusy) as refused:
            asyncio.run(Pixstore(path, secret=SECRET).open())
        refusals.append(str(refused.value))
        replace(source, target)

    monkeypatch.setattr(os, "replace", meanwhile)
    await asyncio.to_thread(restore, backup, path)
    assert refusals == [f"the database {path} is being restored from a backup: open it when that is done"]
    assert await unreadable(path, ids) == []


async def test_a_restore_cut_off_before_its_end_is_noticed(tmp_path: Path) -> None:
    """Cut off when the file is in place and the old log still there, it is refused by the next start."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    back_up(path, backup)
    await asyncio.to_thread(kill_while_it_saves, path, 60)
    log = path.with_name("pixstore.db-wal").read_bytes()
    restore(backup, path)
    path.with_name("pixstore.db-wal").write_bytes(log)
    path.touch()
    with pytest.raises(StoreError, match="is damaged"):
        await Pixstore(path, secret=SECRET).open()
    restore(backup, path)
    assert await unreadable(path, ids) == []


async def test_a_backup_ends_while_another_process_writes(tmp_path: Path) -> None:
    """A backup is one read, which writers can't make begin again; it holds the images of one moment, each readable."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    with saving(path) as saved:
        images = await asyncio.to_thread(back_up, path, backup)
    assert images.total >= IMAGES + len(saved)
    assert await unreadable(backup, [*ids, *saved]) == []


@pytest.mark.parametrize("name", ["nothing", "of another program", "damaged", "not SQLite's"])
async def test_what_is_no_sound_backup_is_refused(tmp_path: Path, name: str) -> None:
    """A backup that is missing, damaged or another program's leaves the database as it is, and no file behind."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    ids = await fill(path)
    if name == "of another program":
        query(backup, "CREATE TABLE note (text)")
    elif name == "damaged":
        back_up(path, backup)
        whole = backup.read_bytes()
        backup.write_bytes(whole[: len(whole) // 2])
    elif name == "not SQLite's":
        backup.write_bytes(picture())
    files = set(tmp_path.iterdir())
    code, output = await asyncio.to_thread(run, "restore", "--from", backup, "--database", path)
    assert code
    assert str(backup) in output
    assert set(tmp_path.iterdir()) == files
    assert await unreadable(path, ids) == []


async def test_ctrl_c_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped backup or restore reports the state that it leaves, and ends with code 130."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    await fill(path)
    back_up(path, backup)
    monkeypatch.setattr("pixstore_asgi.store.sqlite.backup._copy", mock.Mock(side_effect=KeyboardInterrupt))
    stopped = await asyncio.to_thread(run, "backup", "--database", path, "--to", tmp_path / "new.db")
    assert stopped == (130, "Stopped: no backup was made.\n")
    stopped = await asyncio.to_thread(run, "restore", "--from", backup, "--database", path)
    assert stopped == (130, "Stopped: the database is unchanged. Run the same command again to restore it.\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("sqlite:///b.db", "give a path, not a URL"), ("-", "can't be written to stdout: name a file")],
)
def test_a_backup_is_a_file(tmp_path: Path, name: str, reason: str) -> None:
    """A URL, or stdout, as a backup's name is a usage error, and makes no file of a strange name."""
    (tmp_path / "pixstore.db").touch()
    code, output = run("backup", "--database", tmp_path / "pixstore.db", "--to", name)
    assert code == 2
    assert reason in output


@pytest.mark.parametrize("name", ["of another program", "not SQLite's", "of another store"])
async def test_restore_overwrites_nothing_of_others(tmp_path: Path, name: str) -> None:
    """Another program's file, or another store's images, in a database's place are left as they are."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    await fill(path)
    back_up(path, backup)
    path.unlink()
    if name == "of another program":
        query(path, "CREATE TABLE note (text)")
    elif name == "not SQLite's":
        path.write_text("mine")
    else:
        await fill(path)
    before = path.read_bytes()
    code, output = await asyncio.to_thread(run, "restore", "--from", backup, "--database", path)
    assert code == 1
    assert "move it away first" in output
    assert path.read_bytes() == before


ACTING = {
    "trigger": "CREATE TRIGGER again AFTER UPDATE ON image BEGIN UPDATE image SET epoch = 0; END",
    "view": "ALTER TABLE image RENAME TO images; CREATE VIEW image AS SELECT * FROM images",
    "virtual table": "CREATE VIRTUAL TABLE found USING fts5(id)",
    "computed column": "ALTER TABLE image ADD COLUMN again ANY AS (json_extract('{}', '$' || id)) VIRTUAL",
}


@pytest.mark.parametrize("kind", ACTING)
async def test_a_database_that_acts_by_itself_is_refused(tmp_path: Path, kind: str) -> None:
    """One of these is not opened, nor backed up or restored, whether it was changed now or before."""
    path, bad, target = tmp_path / "pixstore.db", tmp_path / "bad.db", tmp_path / "target.db"
    await fill(path)
    back_up(path, bad)
    for database in (bad, path):
        with closing(sqlite3.connect(database)) as edited:
            edited.executescript(ACTING[kind])
    for copy in (back_up, restore):
        with pytest.raises(StoreError, match=r"a trigger, a view, or a virtual table or column, which this"):
            copy(bad, target)
    for database in (bad, path):
        with pytest.raises(StoreError, match="has a trigger, a view, or a virtual table or column"):
            await Pixstore(database, secret=SECRET).open()
    assert not target.exists()


def test_one_backup_to_a_file_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a backup runs, all others are refused, and so is one with a claim from just before its end."""
    target = tmp_path / "backup.db"

    def begin() -> None:
        with pytest.raises(StoreBusy, match=r"another backup to .* is running"), part_of(target):
            pytest.fail("two have the part")

    with part_of(target):
        begin()
        begin()
    assert list(tmp_path.iterdir()) == []
    claim = Leases.claim

    def claimed_late(leases: Leases, blob: int) -> bool:
        leases._path.unlink()
        return claim(leases, blob)

    monkeypatch.setattr(Leases, "claim", claimed_late)
    begin()


async def test_a_removed_side_file_holds_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is opened just as a backup in its place is finished has the same lock as all others."""
    acquire = Leases.acquire

    def acquired_late(leases: Leases, blob: int) -> bool:
        leases._path.unlink()
        return acquire(leases, blob)

    store = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    with monkeypatch.context() as patched:
        patched.setattr(Leases, "acquire", acquired_late)
        with pytest.raises(StoreBusy, match="is being restored from a backup"):
            await store.open()
    await store.open()
    await store.close()


@pytest.mark.parametrize("suffix", ["", "-journal", "-wal", "-shm", ".lock"])
async def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path, suffix: str) -> None:
    """A pipe, which would block SQLite forever, or a device is neither opened, nor backed up, nor replaced."""
    path, good, target = tmp_path / "pixstore.db", tmp_path / "good.db", tmp_path / "target.db"
    await fill(good)
    pipe = path.with_name(path.name + suffix)
    if suffix:
        await fill(path)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    refused = pytest.raises(StoreError, match=f"{pipe} is not a regular file")
    with refused:
        await Pixstore(path, secret=SECRET).open()
    with refused:
        restore(good, path)
    with refused if suffix else pytest.raises(StoreError, match="there is no database"):
        back_up(path, target)
    assert pipe.is_fifo()
    assert not target.exists()


async def test_nothing_that_others_put_there_becomes_a_backup(tmp_path: Path) -> None:
    """A part of other rights, and a log beside a new name, are refused in a folder that others can write to."""
    path, target = tmp_path / "pixstore.db", tmp_path / "backup.db"
    await fill(path)
    part = tmp_path / "backup.db.part"
    part.write_bytes(b"")
    part.chmod(0o666)
    with pytest.raises(StoreError, match="was not left by a backup of yours: remove it"), part_of(target):
        pytest.fail("the part was taken")
    part.unlink()
    part.symlink_to(path)
    with pytest.raises(StoreError, match="was not left by a backup of yours: remove it"), part_of(target):
        pytest.fail("the link was taken")
    part.unlink()
    journal = tmp_path / "backup.db-journal"
    journal.write_bytes(b"")
    with pytest.raises(StoreError, match=r"the file .*-journal exists already"):
        back_up(path, target)
    assert not target.exists()


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    """A file that is there, even the database itself, is refused as a backup's name."""
    path, other = tmp_path / "pixstore.db", tmp_path / "other"
    ids = await fill(path)
    other.write_text("mine")
    for target in (other, path):
        code, output = await asyncio.to_thread(run, "backup", "--database", path, "--to", target)
        assert code == 1
        assert f"the file {target} exists already" in output
    with pytest.raises(StoreError, match="is the database itself"):
        restore(path, path)
    assert other.read_text() == "mine"
    assert await unreadable(path, ids) == []


async def test_a_database_in_another_journal_mode_is_put_into_wal_mode(tmp_path: Path) -> None:
    """A copy made by VACUUM INTO is not in WAL mode; it is after it was opened."""
    path, copy = tmp_path / "pixstore.db", tmp_path / "copy.db"
    ids = await fill(path)
    query(path, f"VACUUM INTO '{copy}'")
    assert query(copy, "PRAGMA journal_mode") == [("delete",)]
    assert await unreadable(copy, ids) == []
    assert query(copy, "PRAGMA journal_mode") == [("wal",)]


async def test_a_long_read_holds_up_no_writer(tmp_path: Path) -> None:
    """While another program reads for long, updates, deletes and saves go on."""
    path = tmp_path / "pixstore.db"
    ids = await fill(path)
    async with Pixstore(SqliteStore(path, busy_timeout_s=0.5), secret=SECRET) as pix:
        with reading(path):
            await asyncio.gather(*(pix.delete_image(image_id) for image_id in ids[:20]))
            await asyncio.gather(*(pix.update_image(image_id, picture()) for image_id in ids[20:]))
            await asyncio.gather(*(pix.save_image(picture()) for _ in range(20)))
        assert len(await pix.list_images()) == IMAGES


@pytest.mark.servers
def test_bodies_in_a_bucket_are_told_of(tmp_path: Path, s3: S3Server) -> None:
    """A database with bodies in a bucket is backed up and restored, and opened after another program's write."""
    database, blobs = tmp_path / "pixstore.db", s3.url("backup")
    image_id = asyncio.run(save_in_bucket(database, blobs))
    for command in (["backup", "--database", database, "--to"], ["restore", "--database", database, "--from"]):
        code, output = run(*command, tmp_path / "backup.db")
        assert (code, output.count("\n")) == (int("backup" in command), 2)
        assert "lacks the bodies that are outside the database" in output
    query(database, f"PRAGMA user_version = {len(MIGRATIONS)}")
    os.utime(database)
    assert asyncio.run(read_from_bucket(database, blobs, image_id)) == large_png(2_000_000)


async def save_in_bucket(path: Path, blobs: str) -> str:
    async with Pixstore(path, blobs=blobs, secret=SECRET) as pix:
        return (await pix.save_image(large_png(2_000_000))).id


async def read_from_bucket(path: Path, blobs: str, image_id: str) -> bytes | None:
    async with Pixstore(path, blobs=blobs, secret=SECRET) as pix:
        image = await pix.read_image(image_id)
        return image.data if image else None


async def test_a_copy_tells_its_progress_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    """The copied bytes grow up to about the size of the database. An interruption in the middle leaves no file."""
    path, told = tmp_path / "pixstore.db", list[tuple[int, int]]()
    await fill(path)
    back_up(path, tmp_path / "backup.db", lambda *sizes: told.append(sizes))
    assert told == sorted(told)
    assert {total for _, total in told} == {path.stat().st_size}
    assert path.stat().st_size / 2 < told[-1][0] <= path.stat().st_size
    before = sorted(os.listdir(tmp_path))

    def interrupt(copied: int, total: int) -> None:
        if copied > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(path, tmp_path / "second.db", interrupt)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup.db", tmp_path / "restored.db", interrupt)
    assert sorted(os.listdir(tmp_path)) == before
