"""Commands over a database with bodies in files: their output, and the mistakes that users make with `--blobs`."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.tables import faults, gc
from pixstore_asgi.store.tables.transaction import Transaction
from tests.support.paths import DOCS
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import query
from tests.transfer.npm_files import NpmFiles

pytestmark = pytest.mark.slow

LONG = large_png(1_500_000)


class Site(NamedTuple):
    """A database and the folder of its bodies. Of its images, `big:0` and `big:1` have files, `small` has none."""

    database: Path
    folder: Path

    def file_of(self, image_id: str) -> Path:
        """Return the file of an image's body."""
        ((version,),) = query(self.database, f"SELECT lower(hex(version)) FROM image WHERE id = '{image_id}'")
        return self.folder / str(version)[:2] / str(version)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = tmp_path_factory.mktemp("site")
    site = Site(place / "pixstore.db", place / "pictures")

    async def save() -> None:
        async with Pixstore(site.database, blobs=str(site.folder), secret=SECRET) as pix:
            await pix.import_image("small", picture(), token=1)
            for number in range(2):
                await pix.import_image(f"big:{number}", LONG, token=1)

    asyncio.run(save())
    return site


@pytest.fixture
def site(made: Site, tmp_path: Path) -> Site:
    """A site of three images, in place of each test's own."""
    shutil.copy(made.database, tmp_path / "pixstore.db")
    shutil.copytree(made.folder, tmp_path / "pictures")
    return Site(tmp_path / "pixstore.db", tmp_path / "pictures")


async def save_one(database: Path) -> None:
    async with Pixstore(database, secret=SECRET) as pix:
        await pix.import_image("small", picture(), token=1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [*map(str, arguments)], env={"PIXSTORE_SECRET": SECRET})


def test_stats_counts_the_bodies_in_files(site: Site) -> None:
    """`stats` needs no folder: the rows have the number and the bytes of the bodies outside."""
    size = 2 * (len(LONG) + 1)
    assert (
        f"  outside the database     2 bodies, {size / 2**20:.1f} MiB\n"
        in run("stats", "--database", site.database).stdout
    )
    found = json.loads(run("stats", "--database", site.database, "--json").stdout)
    assert found["outside"] == {"bodies": 2, "bytes": size}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an empty store of the npm package in `npm`."""
    monkeypatch.chdir(tmp_path)
    NpmFiles(tmp_path / "npm")
    return tmp_path


EXISTING = [
    ["verify", "--database", "{}", "--blobs"],
    ["gc", "--database", "{}", "--blobs"],
    ["serve", "--database", "{}", "--port", "0", "--blobs"],
    ["export", "images", "--database", "{}", "--to", "new", "--blobs"],
    ["export", "npm", "--database", "{}", "--to", "new", "--blobs"],
    ["variants", "--database", "{}", "--placeholder", "--blobs"],
    ["backup", "--database", "{}", "--to", "new", "--blobs"],
    ["copy", "--from", "{}", "--to", "new", "--from-blobs"],
    ["keys", "separate", "--database", "{}", "--blobs"],
    [
        "import",
        "npm",
        "--database",
        "npm/.pixstore.sqlite",
        "--images",
        "npm/pixstore-images",
        "--into",
        "{}",
        "--blobs",
    ],
]
"""Commands that use an existing store, up to the option that names its folder."""


@pytest.mark.parametrize("words", [each for each in EXISTING if each[0] != "backup"], ids=lambda words: words[0])
def test_a_forgotten_folder_is_named_by_its_option(words: list[str], site: Site, here: Path) -> None:
    """A command without the folder of an existing store ends at once, and creates nothing."""
    *arguments, option = [word.format(site.database) for word in words]
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: the store {site.database} has bodies outside its database: pass {option} with the bucket or folder "
        "that has them\n"
    )
    assert not Path("new").exists()


@pytest.mark.parametrize("words", EXISTING, ids=lambda words: words[0])
def test_a_folder_for_a_store_that_has_none_is_not_made(words: list[str], here: Path) -> None:
    """If all bodies are in the database, a folder that does not exist is a mistake, and stays missing."""
    asyncio.run(save_one(Path("plain.db")))
    result = run(*(word.format("plain.db") for word in words), "mistyped")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: the folder {here / 'mistyped'} does not exist, and this store has no bodies outside its database: "
        f"leave out {words[-1]}, or check its path\n"
    )
    assert not {"mistyped", "new"} & set(os.listdir())


@pytest.mark.parametrize("words", EXISTING, ids=lambda words: words[0])
def test_a_folder_that_is_anothers_is_refused(words: list[str], site: Site, here: Path) -> None:
    """A missing folder and an empty one are not the folder of this database, so no command reads on or removes rows."""
    Path("empty").mkdir()
    for folder in ("missing", "empty"):
        result = run(*(word.format(site.database) for word in words), folder)
        assert result.exit_code == 1
        assert f"the folder {here / folder} " in result.stderr
        assert (f"in {words[-1]} does not exist" in result.stderr) == (folder == "missing")
    assert os.listdir("empty") == []
    assert not Path("missing").exists()


def test_postgresql_refuses_a_folder_first() -> None:
    """The reason is given before the server is asked, so an administrator sees it even if the server is down."""
    nowhere = "postgresql://u@127.0.0.1:1/d"
    for words in (
        ["verify", "--database", nowhere, "--blobs"],
        ["copy", "--from", __file__, "--to", nowhere, "--to-blobs"],
    ):
        result = run(*words, "pictures")
        assert result.exit_code == 1
        assert "several hosts use one PostgreSQL" in result.stderr


def test_a_separated_copy_keeps_its_folder(site: Site) -> None:
    """The folder follows the new id of its database. Otherwise no process could open the two together again."""
    assert run("keys", "separate", "--database", site.database, "--blobs", site.folder).exit_code == 0
    assert run("verify", "--database", site.database, "--blobs", site.folder).output == "3 images read\nall is well\n"


def test_a_store_that_is_separated_opens_nowhere_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a short command before the commit makes the folder forget the new id of the database."""
    words = ("--database", site.database, "--blobs", site.folder)
    real, others = BodyFolder.add_owner, list[subprocess.CompletedProcess[str]]()

    def add_owner(folder: BodyFolder, database_id: bytes) -> None:
        real(folder, database_id)
        command = [str(Path(sys.executable).with_name("pixstore-asgi")), "verify", *map(str, words)]
        environment = {**os.environ, "PIXSTORE_SECRET": SECRET}
        others.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=False))

    monkeypatch.setattr(BodyFolder, "add_owner", add_owner)
    assert run("keys", "separate", *words).exit_code == 0
    assert [(other.returncode, "is being restored" in other.stderr) for other in others] == [(1, True)], others
    assert run("verify", *words).output == "3 images read\nall is well\n"


def damage(site: Site) -> Path:
    """Remove one file, flip a byte of another, and add three files without a row. Return the one that gc may remove."""
    site.file_of("big:0").unlink()
    with site.file_of("big:1").open("r+b") as file:
        file.seek(700_000)
        (byte,) = file.read(1)
        file.seek(700_000)
        file.write(bytes([byte ^ 1]))
    orphan = site.folder / "ab" / f"ab{'0' * 30}"
    for path in (orphan, site.folder / "cd" / orphan.name, site.folder / "ab" / "notes.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"foreign")
    return orphan


def test_verify_names_each_faulty_file(site: Site) -> None:
    """A missing, a damaged and a shortened file are named, and so are foreign ones. The rest is intact."""
    orphan = damage(site)
    result = run("verify", "--database", site.database, "--blobs", site.folder, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["images"], found["complete"]) == (1, 3, True)
    assert {fault["what"]: fault["reason"] for fault in found["faults"]} == {
        "image big:0": f"the file {site.file_of('big:0')} of image big:0 is missing: restore it from a backup",
        "image big:1": "the image fails authentication: it is damaged, or the key is of another image; "
        f"its file is {site.file_of('big:1')}",
        f"file {orphan.name}": "no row of the database has it",
        f"file cd/{orphan.name}": "no row of the database has it",
        "file ab/notes.txt": "no row of the database has it",
    }
    os.truncate(site.file_of("big:1"), 1_400_000)
    shortened = run("verify", "--database", site.database, "--blobs", site.folder).stdout
    assert f"  image big:1: the file {site.file_of('big:1')} of image big:1 has another length" in shortened


def test_gc_removes_orphans_only_if_asked(site: Site) -> None:
    """`gc` leaves a file that no row names, because after a restore it may be a picture. --orphans removes it, and no
    other file.
    """
    orphan = damage(site)
    others = {path for path in site.folder.rglob("*") if path.is_file()} - {orphan}
    arguments = ("gc", "--database", site.database, "--blobs", site.folder)
    assert run(*arguments).stdout == "0 bodies removed\n"
    assert orphan.exists()
    assert run(*arguments, "--orphans").stdout == "1 body removed\n"
    assert {path for path in site.folder.rglob("*") if path.is_file()} == others
    assert run(*arguments, "--orphans").stdout == "0 bodies removed\n"


def test_gc_asks_for_the_row_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a list of orphans is outdated, the files whose rows came since stay, and so do their images."""
    asked = 0

    async def outdated(tx: Transaction, versions: Sequence[bytes]) -> Sequence[bytes]:
        nonlocal asked
        asked += 1
        return versions if asked == 1 else await faults.unknown_bodies(tx, versions)

    monkeypatch.setattr(gc, "unknown_bodies", outdated)
    arguments = ("--database", site.database, "--blobs", site.folder)
    assert run("gc", *arguments, "--orphans").stdout == "0 bodies removed\n"
    assert asked > 1
    assert run("verify", *arguments).output == "3 images read\nall is well\n"


@pytest.mark.parametrize("more", [[], ["--blobs", "s3://pictures/app"]], ids=["database", "bucket"])
def test_orphans_are_of_a_folder(site: Site, more: list[str]) -> None:
    """Another store may have objects below the same prefix of a bucket, so gc takes none of them for an orphan."""
    result = run("gc", "--database", site.database, "--orphans", *more)
    assert (result.exit_code, "Error: --orphans needs a folder in --blobs" in result.stderr) == (2, True)


def test_bodies_move_into_a_folder_and_back(site: Site, tmp_path: Path) -> None:
    """The page's commands: two passes into a database with a folder, and from there into one file with all bodies."""
    page = (DOCS / "moving-stores.md").read_text()
    section = page.partition("\n## Move an existing SQLite store into files\n")[2].partition("\n## ")[0]
    here = {"pixstore.db": "whole.db", "whole.db": "again.db", "/var/lib/pictures/bodies": "moved"}
    whole = tmp_path / "whole.db"
    assert run("copy", "--from", site.database, "--from-blobs", site.folder, "--to", whole).exit_code == 0
    outputs = []
    for line in re.findall(r"pixstore-asgi [^\n`]+", section):
        words = shlex.split(line, comments=True)[1:]
        result = run(*(tmp_path / here.get(word, word) if re.search("[./]", word) else word for word in words))
        assert result.exit_code == 0, result.output
        outputs.append(result.stdout.partition(" ")[0])
    assert outputs == ["3", "0", "3", "3"]
    names = {path.name: path.read_bytes() for path in site.folder.glob("??/*")}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("moved/??/*")} == names
    assert run("verify", "--database", tmp_path / "again.db").output == "3 images read\nall is well\n"


def test_a_further_pass_between_folders_brings_changes(site: Site, tmp_path: Path) -> None:
    """New and replaced images come with their files, deleted ones go, and both stores verify."""
    target = Site(tmp_path / "target.db", tmp_path / "target")
    source = ("--from", site.database, "--from-blobs", site.folder)
    arguments = ("copy", *source, "--to", target.database, "--to-blobs", target.folder)
    result = run(*arguments)
    assert result.stdout.startswith("3 images copied to ")
    assert result.stdout.endswith(f"Start the application with {target.database} and blobs={target.folder}.\n")

    async def change() -> None:
        async with Pixstore(site.database, blobs=site.folder, secret=SECRET) as pix:
            await pix.update_image("big:0", large_png(1_700_000))
            await pix.delete_image("big:1")
            await pix.import_image("big:2", large_png(1_800_000), token=1)

    asyncio.run(change())
    result = run(*arguments)
    assert result.stdout.startswith(
        f"2 images copied to {target.database}\n1 image skipped, there already\n1 image del"
    )
    for image_id in ("big:0", "big:2"):
        assert target.file_of(image_id).read_bytes() == site.file_of(image_id).read_bytes()
    for each in (site, target):
        assert (
            run("verify", "--database", each.database, "--blobs", each.folder).output == "3 images read\nall is well\n"
        )


def test_a_dry_run_checks_the_new_folder(site: Site, here: Path) -> None:
    """A folder with other files, a file, and one without a parent are refused. A good folder is not made."""
    Path("foreign").mkdir()
    Path("foreign/notes.txt").touch()
    Path("file").touch()
    dry = ("copy", "--from", site.database, "--from-blobs", site.folder, "--to", "new.db", "--dry-run", "--to-blobs")
    for name, reason in {
        "foreign": "holds other files",
        "file": "can't be used (Not a directory",
        "no/bodies": "does not exist: create it",
    }.items():
        result = run(*dry, name)
        assert (result.exit_code, result.stdout, reason in result.stderr) == (1, "", True), result.output
    before = sorted(here.rglob("*"))
    assert run(*dry, "good").stdout.startswith("3 images would be copied")
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("target", ["pictures", "pictures/inside", "link", "."])
def test_a_folder_is_not_copied_into_itself(site: Site, here: Path, target: str) -> None:
    """The same folder by any name, one inside it and one around it are refused, and nothing is made."""
    Path("link").symlink_to(site.folder)
    before = sorted(here.rglob("*"))
    result = run("copy", "--from", site.database, "--from-blobs", "pictures", "--to", "new.db", "--to-blobs", target)
    assert (result.exit_code, "need two places, neither inside the other" in result.stderr) == (2, True)
    assert sorted(here.rglob("*")) == before
