"""Backups of a store with a folder, as a database and a folder: `backup --to-blobs` and `restore --from-blobs`."""

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.files.folder import PARTS
from tests.support.samples import SECRET, picture
from tests.transfer.copies import Content, content_of

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
            store = connect(self.database, str(self.blobs), sweeps_at_close=False)
            await store.open()
            try:
                return await content_of(store)
            finally:
                await store.close()

        return asyncio.run(read())


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

    def refuse(source: Path, target: Path) -> None:
        if target.parent.name == PARTS:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target)

    monkeypatch.setattr(os, "link", refuse)


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
