"""Backups of a store with a folder, as a database and a folder: `backup --to-blobs` and `restore --from-blobs`."""

import asyncio
import errno
import itertools
import os
import re
import shutil
import stat
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.ids import Count
from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests.steps import save, written
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.files.copying import FolderCopy, NamedBody, Taken
from pixstore_asgi.store.files.folder import PARTS
from pixstore_asgi.store.sqlite import backup as sqlite_backup
from pixstore_asgi.store.sqlite.backup import bodies_kept, rows_of
from pixstore_asgi.transfer.folder_backup import back_up_with_folder
from tests.support.paths import DOCS
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import query
from tests.support.stores import STORES, new_place
from tests.transfer.copies import Content, content_of

pytestmark = pytest.mark.slow

IMAGES = 6


class Pair:
    """A database and its folder of bodies: a store or a backup."""

    def __init__(self, folder: Path, name: str) -> None:
        self.database = folder / f"{name}.db"
        self.blobs = folder / name

    @property
    def files(self) -> list[Path]:
        """All files of bodies, and unfinished ones."""
        return sorted(self.blobs.glob("*/*"))

    def change(self, save: Callable[[Pixstore], Any], secret: str = SECRET) -> None:
        """Change the store as an application does."""

        async def run() -> None:
            async with Pixstore(self.database, blobs=self.blobs, secret=secret) as pix:
                await save(pix)

        asyncio.run(run())

    def content(self) -> Content:
        async def read() -> Content:
            async with connected(self) as store:
                return await content_of(store)

        return asyncio.run(read())


@asynccontextmanager
async def connected(pair: Pair) -> AsyncIterator[ImageStore]:
    """Keep a store open, without a grace period. Its close removes nothing."""
    store = connect(pair.database, str(pair.blobs), sweeps_at_close=False, sweep_grace_s=0)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def sweep(pair: Pair) -> int:
    async def run() -> int:
        async with connected(pair) as store:
            return await store.sweep()

    return asyncio.run(run())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(each) for each in arguments], env={"PIXSTORE_SECRET": SECRET})


def back_up(store: Pair, backup: Pair) -> Result:
    return run(
        *("backup", "--database", store.database, "--blobs", store.blobs),
        *("--to", backup.database, "--to-blobs", backup.blobs),
    )


def restore(backup: Pair, store: Pair) -> Result:
    return run(
        *("restore", "--from", backup.database, "--from-blobs", backup.blobs),
        *("--database", store.database, "--blobs", store.blobs),
    )


def verify(store: Pair) -> Result:
    return run("verify", "--database", store.database, "--blobs", store.blobs)


async def save_all(pix: Pixstore) -> None:
    for number in range(IMAGES):
        await pix.import_image(f"a:{number}", picture(seed=number), token=1)


@pytest.fixture(autouse=True)
def _all_bodies_are_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BodyFolder, "smallest_bytes", 1)


@pytest.fixture
def store(tmp_path: Path) -> Pair:
    """A store of six images."""
    made = Pair(tmp_path, "live")
    made.change(save_all)
    return made


@pytest.fixture
def backup(tmp_path: Path) -> Pair:
    (tmp_path / "backup").mkdir()
    return Pair(tmp_path / "backup", "pictures")


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the two folders were on two file systems."""
    real = os.link

    def refuse(source: Path, target: Path, **options: Any) -> None:
        if target.parent.name == PARTS:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target, **options)

    monkeypatch.setattr(os, "link", refuse)


def test_a_link_whose_call_fails_harms_no_body_of_the_store(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link has been made, so a copy over it would change the store's own file."""
    real, bodies = os.link, [file.read_bytes() for file in store.files]

    def fail_late(source: Path, target: Path, **options: Any) -> None:
        real(source, target, **options)
        if target.parent.name == PARTS:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", fail_late)
    assert back_up(store, backup).output.endswith(f"{IMAGES} copied\n")
    assert [file.read_bytes() for file in store.files] == bodies
    assert [(file.name, file.stat().st_nlink) for file in backup.files] == [(file.name, 1) for file in store.files]


def test_a_body_that_vanishes_during_a_backup_is_no_success(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gc --orphans on the backup does, because the backup's earlier rows do not name the body."""
    real = sqlite_backup.put_in_place

    def remove_first(part: Path, target: Path) -> Count:
        backup.files[0].unlink()
        return real(part, target)

    monkeypatch.setattr(sqlite_backup, "put_in_place", remove_first)
    done = back_up(store, backup)
    assert (done.exit_code, f"{backup.blobs} during this run (missing: 1)" in done.output) == (1, True), done.output
    monkeypatch.undo()
    monkeypatch.setattr(BodyFolder, "smallest_bytes", 1)
    assert back_up(store, backup).exit_code == 0
    assert verify(backup).exit_code == 0


def test_a_body_that_is_a_fifo_is_named(store: Pair, backup: Pair) -> None:
    """The open of a FIFO would wait for a writer, and gc of the store would wait for the backup."""
    (file := store.files[0]).unlink()
    os.mkfifo(file)
    done = back_up(store, backup)
    assert (done.exit_code, f"{file} has another length than the image" in done.output) == (1, True), done.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder")
def test_a_store_is_not_backed_up_into_its_own_folder(store: Pair, backup: Pair) -> None:
    """At a second path, a backup would remove the body of an image that is saved meanwhile."""
    backup.blobs.mkdir()
    if subprocess.run(["mount", "--bind", store.blobs, backup.blobs], capture_output=True, check=False).returncode:
        pytest.skip("a bind mount needs the right to mount")
    try:
        done = back_up(store, backup)
        refusal = f"the folders {backup.blobs} and {store.blobs} are the same one: name another folder"
        assert (done.exit_code, refusal in done.output) == (1, True), done.output
    finally:
        subprocess.run(["umount", backup.blobs], check=True)


@pytest.mark.parametrize("name", [PARTS, "ab"])
def test_a_subfolder_that_is_a_link_is_refused(store: Pair, backup: Pair, tmp_path: Path, name: str) -> None:
    """Otherwise its target loses its files. In a real subfolder only bodies and their parts are removed."""
    assert back_up(store, backup).exit_code == 0
    (backup.blobs / PARTS / "notes").touch()
    (backup.blobs / PARTS / f"{bytes(16).hex()}.01234567").touch()
    assert back_up(store, backup).exit_code == 0
    assert [file.name for file in (backup.blobs / PARTS).iterdir()] == ["notes"]
    (backup.blobs / name).rename(other := tmp_path / "other")
    (other / f"{bytes(16).hex()}.01234567").touch()
    (backup.blobs / name).symlink_to(other)
    files = sorted(other.iterdir())
    done = back_up(store, backup)
    refusal = f"{backup.blobs / name} is no folder, or a link: replace it with a folder"
    assert (done.exit_code, refusal in done.output) == (1, True), done.output
    assert sorted(other.iterdir()) == files


@pytest.mark.parametrize("way", ["linked", "copied"])
def test_a_backup_is_a_store_that_restores_to_the_same(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Rows and files are there for their owner only, verify reads all of them, and a restore has all of it."""
    if way == "copied":
        without_links(monkeypatch)
    before = store.content()
    done = back_up(store, backup)
    assert done.output == f"6 images backed up to {backup.database}\nfiles in {backup.blobs}: 6 {way}\n"
    assert [path.stat().st_nlink for path in backup.files] == [2 if way == "linked" else 1] * IMAGES
    assert {stat.S_IMODE(path.stat().st_mode) for path in [backup.database, *backup.files]} == {0o600}
    assert sorted(path.name for path in backup.database.parent.iterdir()) == ["pictures", "pictures.db"]
    assert verify(backup).output == "6 images read\nall is well\n"
    shutil.rmtree(store.blobs)
    store.database.unlink()
    done = restore(backup, store)
    assert done.output == f"6 images restored to {store.database}\nfiles in {store.blobs}: 6 {way}\n"
    assert verify(store).output == "6 images read\nall is well\n"
    assert store.content() == before


def test_a_backup_is_brought_up_to_date(store: Pair, backup: Pair) -> None:
    """The second backup takes only new bodies, and removes those of replaced and deleted images."""
    back_up(store, backup)

    async def change(pix: Pixstore) -> None:
        await pix.update_image("a:0", picture(seed=10))
        await pix.delete_image("a:1")
        await pix.import_image("a:9", picture(seed=11), token=1)

    store.change(change)
    done = back_up(store, backup)
    counts = "2 linked, 4 there already, 2 removed"
    assert done.output == f"6 images backed up to {backup.database}\nfiles in {backup.blobs}: {counts}\n"
    assert backup.content() == store.content()
    assert verify(backup).exit_code == 0


def test_gc_waits_for_a_backup(store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that are replaced or deleted while the files are taken are in the backup. A later sweep removes them."""
    before, real, removed = store.content(), FolderCopy.take, []

    async def change() -> None:
        async with connected(store) as live:
            await live.delete("a:0")
            await save(live, "a:1", b"new")
            removed.append(await live.sweep())

    def take(self: FolderCopy, bodies: Any) -> Any:
        asyncio.run(change())
        return real(self, bodies)

    with monkeypatch.context() as patched:
        patched.setattr(FolderCopy, "take", take)
        assert back_up(store, backup).exit_code == 0
    assert (removed, len(store.files)) == ([0], IMAGES + 1)
    assert backup.content() == before

    assert (sweep(store), len(store.files)) == (2, IMAGES - 1)


def test_gc_waits_for_a_backup_into_one_file(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """Also if the backup names the database by a link."""
    (link := tmp_path / "link.db").symlink_to(store.database)
    store.change(lambda pix: pix.delete_image("a:0"))
    with bodies_kept(link):
        assert sweep(store) == 0
    assert (sweep(store), len(store.files)) == (1, IMAGES - 1)
    one = tmp_path / "one.db"
    assert run("backup", "--database", link, "--blobs", store.blobs, "--to", one).output.startswith(
        "5 images backed up"
    )
    assert run("verify", "--database", one).exit_code == 0


def test_gc_on_a_backup_keeps_the_bodies_of_the_store(store: Pair, backup: Pair) -> None:
    """A save that was unfinished at the backup is finished now. The backup's gc does not know its body."""

    async def save_across() -> None:
        async with connected(store) as live:
            writer, meta = await written(live, "late", b"late")
            await asyncio.to_thread(back_up, store, backup)
            await asyncio.to_thread(run, "backup", "--database", store.database, "--to", backup.blobs / "rows.db")
            await writer.commit(meta)

    asyncio.run(save_across())
    files = store.files
    for database in (backup.database, backup.blobs / "rows.db"):
        for pair in (store, backup):
            done = run("gc", "--database", database, "--blobs", pair.blobs, "--sweep-grace-s", 0)
            refusal = f"Error: the folder {pair.blobs} belongs to the database {pair.database}: name another folder, or"
            is_own = database == pair.database
            assert done.output.startswith("0 bodies removed\n" if is_own else refusal)
    assert (store.files, len(backup.files)) == (files, IMAGES)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: os.truncate(file, 5)])
def test_a_damaged_body_is_named_and_the_rest_is_backed_up(
    store: Pair, backup: Pair, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The backup, its verification and its restore name the image. All others are in the backup and restored."""
    damage(store.files[0])
    for counts in ("5 linked", "5 there already"):
        done = back_up(store, backup)
        assert (done.exit_code, f"files in {backup.blobs}: {counts}\n" in done.output) == (1, True)
        assert done.output.startswith(f"5 images backed up to {backup.database}\n1 image left alone:\n  'a:")
        assert f"its file {store.blobs}/" in done.output
    assert (verify(backup).exit_code, verify(backup).output.count("  image a:")) == (1, 1)
    done = restore(backup, restored := Pair(tmp_path, "restored"))
    assert (done.exit_code, f"its file {backup.blobs}/" in done.output) == (1, True)
    assert (verify(restored).exit_code, verify(restored).output.count("  image a:")) == (1, 1)


def test_a_damaged_file_of_a_backup_is_taken_again(store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another length, as a full disk leaves it, is no body."""
    without_links(monkeypatch)
    back_up(store, backup)
    os.truncate(backup.files[0], 5)
    backup.files[1].unlink()
    assert f"files in {backup.blobs}: 2 copied, 4 there already\n" in back_up(store, backup).output
    assert backup.content() == store.content()


def failing_third(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fails at its third call, as if the disk did."""
    calls = itertools.count()

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return function(*arguments, **options)

    return call


def test_an_interrupted_backup_leaves_the_earlier_one(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command goes on, and removes all that the interrupted one left."""
    back_up(store, backup)
    before = backup.content()

    async def change(pix: Pixstore) -> None:
        for number in range(IMAGES):
            await pix.update_image(f"a:{number}", picture(seed=20 + number))

    store.change(change)
    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, failing_third(getattr(os, step)))
            assert back_up(store, backup).exit_code == 1, step
        assert backup.content() == before
    assert back_up(store, backup).exit_code == 0
    assert backup.content() == store.content()
    assert (verify(backup).exit_code, len(backup.files)) == (0, IMAGES)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupted_restore_changes_nothing(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The store is as it was, and the same command goes on."""
    back_up(store, backup)
    wanted = store.content()

    async def change(pix: Pixstore) -> None:
        for number in range(IMAGES):
            await pix.update_image(f"a:{number}", picture(seed=20 + number))

    store.change(change)
    sweep(store)
    before = store.content()
    without_links(monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr(os, step, failing_third(getattr(os, step)))
        assert restore(backup, store).exit_code == 1
    assert store.content() == before
    assert restore(backup, store).exit_code == 0
    assert store.content() == wanted


async def test_a_stopped_backup_is_running_until_its_thread_ends(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a second run would work in the same folder at the same time."""
    real, begun, may_go_on = FolderCopy.take, threading.Event(), threading.Event()

    def take(folder: FolderCopy, bodies: Sequence[NamedBody]) -> list[Taken]:
        begun.set()
        may_go_on.wait()
        return real(folder, bodies)

    async def back_up() -> None:
        async for _ in back_up_with_folder(store.database, backup.database, folder):
            pass

    monkeypatch.setattr(FolderCopy, "take", take)
    folder = FolderCopy(backup.blobs, BodyFolder(store.blobs))
    task = asyncio.create_task(back_up())
    try:
        await asyncio.to_thread(begun.wait)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(StoreBusy, match="another backup to"), rows_of(store.database, backup.database):
            pass
    finally:
        may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(backup.files) == IMAGES
    await back_up()


def test_a_restored_database_has_no_dead_rows(store: Pair, backup: Pair) -> None:
    """gc on the backup may have made some. Otherwise the restored store removes files that a newer backup names."""
    back_up(store, backup)
    (backup.blobs / "ab" / ("ab" * 16)).touch()
    with bodies_kept(backup.database):
        assert run("gc", "--database", backup.database, "--blobs", backup.blobs, "--orphans").exit_code == 0
    dead_rows = "SELECT count(*) FROM blob WHERE state <> 1"
    assert query(backup.database, dead_rows) == [(1,)]
    assert restore(backup, store).exit_code == 0
    assert query(store.database, dead_rows) == [(0,)]


def test_files_are_synced_before_the_database_is_replaced(
    store: Pair, backup: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file before its rename, all names before the database, and files are removed last.

    The names of files that were there already are synced too: a killed run may have left them without a sync.
    """
    back_up(store, backup)
    store.change(lambda pix: pix.update_image("a:0", picture(seed=10)))
    steps: list[str] = []

    def kind_of(path: Path) -> str:
        names = {backup.blobs: "folder", backup.blobs / PARTS: "part", backup.database.parent: path.name}
        return names.get(path.parent, "body" if path.parent.parent == backup.blobs else "")

    def recorded(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            path = arguments[-1]
            path = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path
            steps.append(f"{name} {kind_of(Path(path))}")
            return real(*arguments, **options)

        return call

    without_links(monkeypatch)
    with monkeypatch.context() as patched:
        for name in ("fsync", "replace", "unlink"):
            patched.setattr(os, name, recorded(name))
        assert back_up(store, backup).exit_code == 0
    kinds = ("part", "body", "folder", "pictures.db")
    found = [step for step in steps if step.split()[1:] in [[kind] for kind in kinds] and step != "unlink part"]
    folders, removed = ["fsync folder"] * len({file.parent for file in backup.files}), ["unlink body", "fsync folder"]
    record = ["fsync folder", "replace folder", "unlink folder"]  # the database is another file now
    assert found == ["fsync part", "replace body", *folders, "replace pictures.db", *record, *removed]


def test_one_backup_is_made_at_a_time(store: Pair, backup: Pair) -> None:
    """A second run is refused in one line, and changes nothing."""
    back_up(store, backup)
    with rows_of(store.database, backup.database):
        done = back_up(store, backup)
    refusal = f"another backup to {backup.database} is running: wait for its end"
    assert (done.exit_code, done.output) == (1, f"Error: {refusal}\n")
    assert back_up(store, backup).exit_code == 0


def test_a_folder_has_one_use(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """Another backup, another store and the store itself can't take the folder, and nothing in it changes."""
    back_up(store, backup)
    (other := Pair(tmp_path, "other")).change(save_all)
    sunday, swapped = (Pair(tmp_path, name) for name in ("sunday", "swapped"))
    sunday.blobs = backup.blobs
    files = [store.files, backup.files]
    for done, reason in [
        (back_up(store, sunday), f"belongs to the database {backup.database}: name another folder, or move that"),
        (back_up(other, backup), "has the images of another store"),
        (restore(backup, other), "has the images of another store"),
    ]:
        assert (done.exit_code, reason in done.output) == (1, True), done.output
    swapped.blobs = other.blobs
    assert "holds the bodies of another database" in back_up(store, swapped).output
    assert [store.files, backup.files] == files
    assert (verify(store).exit_code, verify(backup).exit_code, verify(other).exit_code) == (0, 0, 0)


def test_a_wrong_use_is_refused_before_anything_is_made(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """Two folders, apart from each other, and a database that is a file."""
    ours = ("backup", "--database", store.database)
    to = ("--to", backup.database)
    for arguments, reason in [
        ((*ours, *to, "--to-blobs", backup.blobs), "--to-blobs needs a SQLite database, and --blobs with a folder"),
        ((*ours, *to, "--blobs", store.blobs, "--to-blobs", store.blobs), "need two folders"),
        ((*ours, *to, "--blobs", store.blobs, "--to-blobs", store.blobs / "a"), "need two folders"),
        ((*ours, *to, "--blobs", store.blobs, "--to-blobs", tmp_path), "need two folders"),
    ]:
        done = run(*arguments)
        assert (done.exit_code, reason in done.output) == (2, True), done.output
    assert list(backup.database.parent.iterdir()) == []


def test_images_saved_since_the_backup_are_gone_after_a_restore(store: Pair, backup: Pair) -> None:
    """Their files stay for a newer backup, and gc removes them if asked. Files that are there are not taken again."""
    before = store.content()
    back_up(store, backup)

    async def change(pix: Pixstore) -> None:
        await pix.update_image("a:0", picture(seed=10))
        await pix.import_image("later", picture(seed=11), token=1)

    store.change(change)
    sweep(store)
    newer = store.content()
    back_up(store, Pair(backup.database.parent, "newer"))
    done = restore(backup, store)
    counts = "1 linked, 5 there already, 2 of no image"
    assert done.output.startswith(
        f"6 images restored to {store.database}\nfiles in {store.blobs}: {counts}\nThe files of no image may be"
    )
    assert store.content() == before
    store.database.unlink()
    assert "7 there already" in restore(Pair(backup.database.parent, "newer"), store).output
    assert store.content() == newer
    restore(backup, store)
    done = run("gc", "--database", store.database, "--blobs", store.blobs, "--orphans")
    assert (done.output, verify(store).exit_code, len(store.files)) == ("2 bodies removed\n", 0, IMAGES)


def test_a_lost_folder_comes_back_while_the_application_runs(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """The page's commands bring back the folder, and then one file, for an open store. The store stays complete."""
    back_up(store, backup)
    before = store.content()
    page = (DOCS / "backup.md").read_text().partition("\n### Only the folder, or one file, is lost\n")[2]
    folder_commands, file_commands = re.findall(r"```sh\n(.*?)```", page.partition("\n## ")[0], re.DOTALL)

    def follow(commands: str) -> None:
        file = backup.files[0].relative_to(backup.blobs).as_posix()
        for there, here in {
            "/backup/pictures": backup.blobs,
            "/var/lib/pictures/pixstore.db": store.database,
            "/var/lib/pictures/bodies": store.blobs,
            "3f/3f0e": file,
        }.items():
            commands = commands.replace(there, str(here))
        subprocess.run(["sh", "-ec", commands], check=True)

    async def lose_and_follow() -> None:
        async with connected(store) as opened:
            store.blobs.rename(tmp_path / "lost")
            with pytest.raises(StoreBusy, match="or restore it from a backup"):
                await content_of(opened)
            await asyncio.to_thread(follow, folder_commands)
            assert await content_of(opened) == before
            os.truncate(store.files[0], 5)
            await asyncio.to_thread(follow, file_commands)
            assert await content_of(opened) == before

    asyncio.run(lose_and_follow())
    assert verify(store).output == "6 images read\nall is well\n"
    assert back_up(store, backup).exit_code == 0


def test_nothing_is_restored_while_the_store_is_open(store: Pair, backup: Pair) -> None:
    """Neither the database nor a file changes."""
    back_up(store, backup)
    store.change(lambda pix: pix.update_image("a:0", picture(seed=10)))
    before, files = store.content(), store.files

    async def restore_in_use() -> Result:
        async with connected(store):
            return await asyncio.to_thread(restore, backup, store)

    done = asyncio.run(restore_in_use())
    assert (done.exit_code, "open: stop every process that uses it first" in done.output) == (1, True)
    assert (store.content(), store.files) == (before, files)


def test_a_backup_without_its_folder_says_so(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """The rows alone are restored into the database, and into no other store."""
    back_up(store, backup)
    alone = run("restore", "--from", backup.database, "--database", tmp_path / "alone.db")
    assert (alone.exit_code, "lacks the bodies that are outside the database. Pass --from-blobs" in alone.output) == (
        0,
        True,
    )
    other = run("restore", "--from", backup.database, "--database", tmp_path / "o.db", "--blobs", tmp_path / "o")
    assert (other.exit_code, "pass --from-blobs with the bucket or folder that has them" in other.output) == (1, True)
    without = run("backup", "--database", store.database, "--to", tmp_path / "rows.db")
    assert (without.exit_code, without.stdout) == (1, f"6 images backed up to {tmp_path / 'rows.db'}\n")
    assert without.stderr.startswith("The backup lacks the bodies that are outside the database. Pass --blobs to back")


def test_a_forgotten_folder_of_the_store_or_the_backup_is_named(store: Pair, backup: Pair, tmp_path: Path) -> None:
    """A restore into a store with files needs both folders. Without them nothing is changed, and nothing reported."""
    back_up(store, backup)
    store.change(lambda pix: pix.delete_image("a:0"))
    before = store.content()
    source = ("restore", "--from", backup.database, "--from-blobs")
    for arguments, reason in [
        ((backup.blobs, "--database", store.database), "has bodies outside it: pass --blobs with the application's"),
        ((tmp_path / "lost", "--database", store.database, "--blobs", store.blobs), "in --from-blobs does not exist"),
        ((tmp_path / "lost", "--database", tmp_path / "new.db"), "in --from-blobs does not exist"),
    ]:
        done = run(*source, *arguments)
        assert (done.exit_code, done.stdout, reason in done.stderr) == (2, "", True), done.output
    assert store.content() == before


@pytest.mark.parametrize("kind", ["sqlite", *(pytest.param(kind, marks=pytest.mark.soak) for kind in STORES)])
def test_a_backup_is_restored_into_any_store(
    store: Pair, backup: Pair, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """Without a folder, into PostgreSQL and into a bucket, all of it."""
    back_up(store, backup)
    (folder := tmp_path / "place").mkdir()
    place = new_place(kind, folder, request)
    blobs = ["--blobs", place.blobs] if place.blobs else []
    with pytest.MonkeyPatch.context() as patched:
        for name, value in place.environment.items():
            patched.setenv(name, value)
        target = ("--database", place.database, *blobs)
        done = run("restore", "--from", backup.database, "--from-blobs", backup.blobs, *target)
        assert done.output.startswith("6 images restored to ")
        assert run("verify", *target).output == "6 images read\nall is well\n"


def test_a_full_disk_leaves_the_earlier_backup(store: Pair, small_disk: Path) -> None:
    """The error names the folder, and the backup of before is complete."""
    backup = Pair(small_disk, "pictures")
    assert "6 copied" in back_up(store, backup).output
    before = backup.content()
    store.change(lambda pix: pix.import_image("large", large_png(6_000_000), token=1))
    done = back_up(store, backup)
    assert (done.exit_code, "the disk is full: make room and try again" in done.output) == (1, True)
    assert backup.content() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_files_belong_to_the_owner_of_their_folder(store: Pair, backup: Pair) -> None:
    """Root copies the files of another user, into a backup of its own and back, and the application can read them."""

    def give_all(user: int) -> None:
        for path in [store.blobs, *store.blobs.rglob("*")]:
            os.chown(path, user, user)

    give_all(65534)
    assert "6 copied" in back_up(store, backup).output
    assert {path.stat().st_uid for path in backup.files} == {0}
    for path in store.files:
        path.unlink()
    assert "6 copied" in restore(backup, store).output
    assert {path.stat().st_uid for path in store.files} == {65534}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_restored_database_keeps_its_owner(store: Pair, backup: Pair, tmp_path: Path, is_there: bool) -> None:
    """Root restores a database of the service, which may be lost. The service can open it and its lock file."""
    back_up(store, backup)
    side_file = store.database.with_name("live.db.lock")
    for path in (tmp_path, store.database, side_file, store.blobs, *store.blobs.rglob("*")):
        os.chown(path, 65534, 65534)
    if not is_there:
        store.database.unlink()
        side_file.unlink()
    assert restore(backup, store).exit_code == 0
    assert (store.database.stat().st_uid, side_file.stat().st_uid) == (65534, 65534)
