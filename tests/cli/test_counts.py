"""Every command counts alike: images and, beside them, their variants."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.store import inspection
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.transfer.folder import FilePath, Folder
from tests.support.samples import SECRET, picture

COUNT = "2 images and 2 variants"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two images, each with a variant."""
    path = tmp_path_factory.mktemp("counts") / "pixstore.db"

    async def save() -> None:
        async with Pixstore(path, secret=SECRET, variants=[Variant("thumb", width=16)]) as pix:
            for seed in range(2):
                await pix.save_image(picture("jpeg", 48, seed))

    asyncio.run(save())
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(commands, [*map(str, arguments)], env={"PIXSTORE_SECRET": SECRET})
    assert result.exit_code == 0, result.output
    return result.output


def test_each_command_says_images_and_variants(database: Path, tmp_path: Path) -> None:
    """verify, stats, backup, restore, copy, export and import print the same two numbers for the same store."""
    backup, copy, files = tmp_path / "backup.db", tmp_path / "copy.db", tmp_path / "files"
    assert run("verify", "--database", database).startswith(f"{COUNT} read\n")
    assert run("stats", "--database", database).startswith(f"{COUNT}, ")
    assert run("backup", "--database", database, "--to", backup) == f"{COUNT} backed up to {backup}\n"
    restored = tmp_path / "restored.db"
    assert run("restore", "--from", backup, "--database", restored) == f"{COUNT} restored to {restored}\n"
    assert run("copy", "--from", database, "--to", copy).startswith(f"{COUNT} copied to {copy}\n")
    assert f"\n{COUNT} skipped, there already\n" in run("copy", "--from", database, "--to", copy)
    exported = ("export", "images", "--database", database, "--to", files)
    assert run(*exported) == f"{COUNT} written to {files}, in clear\n"


def test_export_lists_a_page_at_a_time(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`export` counts the ids, then reads the next page of them after it has written the images of the last one."""
    seen = []
    ids, place = SqliteStore.ids, Folder.place

    async def listed(self: SqliteStore, *, after: str, limit: int) -> Sequence[str]:
        seen.append(f"at most {limit} ids")
        return await ids(self, after=after, limit=limit)

    def placed(self: Folder, path: FilePath, data: bytes) -> bool:
        seen.append("file")
        return place(self, path, data)

    monkeypatch.setattr(inspection, "_PAGE", 2)
    monkeypatch.setattr(SqliteStore, "ids", listed)
    monkeypatch.setattr(Folder, "place", placed)
    run("export", "images", "--database", database, "--to", tmp_path / "files")
    page = "at most 2 ids"
    assert seen == [*[page] * 3, *[page, "file", "file"] * 2, page]


def test_machines_are_told_the_same(database: Path) -> None:
    """JSON and gauges have both numbers; keys are counted as keys, one for each image and each variant."""
    verified = json.loads(run("verify", "--database", database, "--json"))
    assert (verified["images"], verified["variants"]) == (2, 2)
    found = json.loads(run("stats", "--database", database, "--json"))
    assert (found["all"]["images"], found["all"]["variants"], list(found["keys"].values())) == (2, 2, [4])
    gauges = run("stats", "--database", database, "--prometheus")
    assert "\npixstore_images 2\n" in gauges
    assert "\npixstore_variants 2\n" in gauges
    assert [each["keys"] for each in json.loads(run("keys", "status", "--database", database, "--json"))] == [4]
    assert run("keys", "rewrap", "--database", database) == "0 keys rewrapped\n"
