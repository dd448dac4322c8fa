"""Backups of stores that are no single file: one moment, brought up to date, and restored into any store."""

import asyncio
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli import stores as cli_stores
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.cli.stores import Database
from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests.steps import read
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.postgres.transaction import Transaction
from pixstore_asgi.store.sqlite.backup import part_of
from pixstore_asgi.transfer.store_copy import back_up_store
from tests.support.samples import SECRET, large_png, picture
from tests.support.stores import MIXED, STORES, Place, new_place
from tests.transfer.copies import Content, content_of

IMAGES = {"players:small": picture(), "players:large": large_png(1_500_000), "plain": large_png(300_000)}
WRITTEN_MEANWHILE = 60


@pytest.fixture
def make_place(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Place]:
    """Makes an empty place of one kind."""

    def make(kind: str) -> Place:
        (folder := tmp_path / f"place-{len(list(tmp_path.iterdir()))}").mkdir()
        made = new_place(kind, folder, request)
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        return made

    return make


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    """A place of each kind, with three images."""
    made = make_place(request.param)
    asyncio.run(save(made, IMAGES))
    return made


async def save(place: Place, images: dict[str, bytes]) -> None:
    async with Pixstore(place.database, secret=SECRET, blobs=place.blobs) as pix:
        for name, image in images.items():
            await pix.import_image(name, image, token=1)


def opened(place: Place) -> AbstractAsyncContextManager[ImageStore]:
    return cli_stores.opened(Database(place.database, None), place.blobs)


async def content(place: Place) -> Content:
    async with opened(place) as store:
        return await content_of(store)


def at_file(path: Path) -> Place:
    return Place(str(path), None, {})


def run(command: str, place: Place, *options: object) -> Result:
    blobs = ["--blobs", place.blobs] if place.blobs else []
    arguments = [command, "--database", place.database, *blobs, *map(str, options)]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": SECRET})


@pytest.mark.parametrize("kind", MIXED)
def test_a_backup_is_restored_into_any_store(
    place: Place, make_place: Callable[[str], Place], kind: str, tmp_path: Path
) -> None:
    """All that the store has is in the backup, for its owner alone, and in the store that it is restored into."""
    backup, target = tmp_path / "backup.db", make_place(kind)
    assert run("backup", place, "--to", backup).output == f"3 images backed up to {backup}\n"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["backup.db"]
    done = run("restore", target, "--from", backup)
    assert (done.output.partition(" to ")[0], done.exit_code) == ("3 images restored", 0)
    assert run("verify", target).output == "3 images read\nall is well\n"
    before = asyncio.run(content(place))
    assert asyncio.run(content(target)) == before
    assert asyncio.run(content(at_file(backup))) == before


def test_a_backup_goes_where_a_link_leads(place: Place, tmp_path: Path) -> None:
    """Under a link's name it is made where that leads, brought up to date there, and the link stays one."""
    (tmp_path / "disk").mkdir()
    link, file = tmp_path / "latest.db", tmp_path / "disk" / "backup.db"
    link.symlink_to(file)
    for _ in range(2):
        assert run("backup", place, "--to", link).exit_code == 0
        assert (link.is_symlink(), [each.name for each in file.parent.iterdir()]) == (True, ["backup.db"])
    assert asyncio.run(content(at_file(file))) == asyncio.run(content(place))


async def test_a_backup_is_of_one_moment(place: Place, tmp_path: Path) -> None:
    """While images are saved one after the other, it has the first of them up to one, and each of them whole."""
    names = [f"z{WRITTEN_MEANWHILE - number:03}" for number in range(WRITTEN_MEANWHILE)]  # in an order not that of ids
    began = anyio.Event()

    async def write() -> None:
        async with Pixstore(place.database, secret=SECRET, blobs=place.blobs) as pix:
            for number, name in enumerate(names):
                await pix.import_image(name, picture(seed=number), token=1)
                if number == 3:
                    began.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await began.wait()
        result = await asyncio.to_thread(run, "backup", place, "--to", tmp_path / "backup.db")
    assert result.exit_code == 0, result.output
    found = {image.id for image in (await content(at_file(tmp_path / "backup.db"))).images} - IMAGES.keys()
    assert found == set(names[: len(found)])
    assert len(found) >= 4
    assert (await asyncio.to_thread(run, "verify", at_file(tmp_path / "backup.db"))).exit_code == 0


def test_a_backup_is_brought_up_to_date(place: Place, tmp_path: Path) -> None:
    """The second backup reads only changed images, and deleted images disappear."""
    backup = tmp_path / "backup.db"
    assert run("backup", place, "--to", backup).exit_code == 0

    async def change() -> None:
        async with Pixstore(place.database, secret=SECRET, blobs=place.blobs) as pix:
            await pix.update_image("plain", picture(seed=1))
            await pix.delete_image("players:small")

    asyncio.run(change())
    again = run("backup", place, "--to", backup)
    expected = f"1 image backed up to {backup}\n1 image in it already\n1 image deleted there, as in the store\n"
    assert (again.output, again.exit_code) == (expected, 0)
    assert asyncio.run(content(at_file(backup))) == asyncio.run(content(place))


async def test_an_interrupted_backup_changes_nothing(place: Place, tmp_path: Path) -> None:
    """The backup of before is as it was; the next run goes on from where the other one ended."""
    backup = tmp_path / "backup.db"
    assert (await asyncio.to_thread(run, "backup", place, "--to", backup)).exit_code == 0
    before = backup.read_bytes()
    await save(place, {f"new:{number}": picture(seed=number) for number in range(20)})
    async with opened(place) as store:
        steps = back_up_store(store, backup)
        async for step in steps:
            if step.image_id.startswith("new:"):
                break
        await steps.aclose()
    assert backup.read_bytes() == before
    assert (tmp_path / "backup.db.part").exists()
    result = await asyncio.to_thread(run, "backup", place, "--to", backup)
    assert result.exit_code == 0
    assert not result.output.startswith("20 images")
    assert await content(at_file(backup)) == await content(place)


def test_another_stores_backup_is_left_alone(place: Place, make_place: Callable[[str], Place], tmp_path: Path) -> None:
    """A backup of other images is refused, and stays as it was."""
    other, backup = make_place("postgres"), tmp_path / "backup.db"
    asyncio.run(save(other, {"one": picture()}))
    assert run("backup", other, "--to", backup).exit_code == 0
    before = backup.read_bytes()
    refused = run("backup", place, "--to", backup)
    assert (refused.exit_code, "images of another origin" in refused.output) == (1, True)
    assert backup.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["backup.db"]


@pytest.mark.slow
def test_what_is_in_use_or_lacks_bodies_is_not_replaced(make_place: Callable[[str], Place], tmp_path: Path) -> None:
    """Not the database itself, no backup that a process has open, and none that has rows alone."""
    place, backup = make_place("sqlite+s3"), tmp_path / "backup.db"
    asyncio.run(save(place, IMAGES))
    assert "--to names the database itself" in run("backup", place, "--to", place.database).output
    assert run("backup", Place(place.database, None, {}), "--to", backup).exit_code == 1
    refused = run("backup", place, "--to", backup)
    assert (refused.exit_code, "add --to-blobs with it" in refused.output) == (1, True)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["backup.db"]
    backup.unlink()
    assert run("backup", place, "--to", backup).exit_code == 0

    async def back_up_in_use() -> Result:
        async with opened(at_file(backup)):
            return await asyncio.to_thread(run, "backup", place, "--to", backup)

    refused = asyncio.run(back_up_in_use())
    assert (refused.exit_code, "open: stop every process that uses it first" in refused.output) == (1, True)
    assert run("backup", place, "--to", backup).exit_code == 0


def test_one_backup_is_made_at_a_time(place: Place, tmp_path: Path) -> None:
    """A second run at the same time is refused and changes nothing. A file without its part is not taken for
    its log.
    """
    backup = tmp_path / "backup.db"
    (tmp_path / "backup.db.part-wal").write_bytes(b"a log of something else")
    with part_of(backup):
        refused = run("backup", place, "--to", backup)
    assert (refused.exit_code, "another backup to" in refused.output) == (1, True)
    assert run("backup", place, "--to", backup).exit_code == 0
    assert run("verify", at_file(backup)).exit_code == 0


@pytest.mark.slow
async def test_a_failure_ends_no_moment(make_place: Callable[[str], Place]) -> None:
    """A failed or cancelled read affects only its reader: others continue, and the connection is released."""
    place = make_place("postgres")
    await save(place, IMAGES)
    store = PostgresStore(place.database, pool_size=1)
    await store.open()

    async def fail(tx: Transaction) -> None:
        await tx.run("SELECT 1 / 0")

    async with store.snapshot() as moment:
        with pytest.raises(StoreError):
            await moment._engines.opened().read(fail)
        assert await read(moment, "plain") is not None
        with anyio.move_on_after(0.001):
            await content_of(moment)
    assert len(await store.list()) == 3
    await store.close()


async def test_a_store_that_is_read_at_one_moment_is_written_to(make_place: Callable[[str], Place]) -> None:
    """A snapshot shows no later write and still shows deleted images. Two snapshots may be open at once."""
    place = make_place("postgres")
    await save(place, IMAGES)
    async with opened(place) as store, store.snapshot() as first:  # type: ignore[attr-defined]
        before = await content_of(first)
        async with Pixstore(place.database, secret=SECRET) as pix:
            await pix.update_image("plain", picture())
            await pix.delete_image("players:large")
            async with store.snapshot() as second:  # type: ignore[attr-defined]
                assert await content_of(first) == before
                assert (await content_of(second)).images == await store.list()
        with suppress(StoreError):
            await store.sweep()
        assert await content_of(first) == before
