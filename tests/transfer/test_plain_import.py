"""`pixstore-asgi import files`, and the functions that import one plain picture: ids, tokens, lists and reports."""

import asyncio
import csv
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from pixstore_asgi import Pixstore, StoreConflict
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.padding import bucket_bytes
from pixstore_asgi.errors import ImageTooLarge, InputError, IntegrityError, InvalidImage
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.sync import SyncPixstore
from pixstore_asgi.testing import MemoryPixstore
from pixstore_asgi.transfer import import_plain_file, import_plain_image, plain_image_id, sync
from pixstore_asgi.transfer.npm_import import ALL_FORMATS
from tests.pixstore.test_recorded_errors import leaks
from tests.support.metadata import SECRET_WORD
from tests.support.postgres import Cluster
from tests.support.samples import SECRET, large_png, picture
from tests.support.tagged import phone_jpeg

MODIFIED_MS = 1_700_000_000_000
NAMES = ["ada.png", "avatars/bob.jpeg", "avatars/old/eve.webp", "grüße, ünd\nmore.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four pictures, one of them with a name that CSV has to quote."""
    for number, name in enumerate(NAMES):
        write(tmp_path / "media" / name, picture(name.rpartition(".")[2], seed=number))
    return tmp_path / "media"


@pytest.fixture
async def pix() -> AsyncIterator[Pixstore]:
    async with Pixstore(MemoryStore(), secret=SECRET, image_formats=ALL_FORMATS) as opened:
        yield opened


def write(path: Path, data: bytes, modified_ms: int = MODIFIED_MS) -> None:
    """Write a file with this time of its last change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(0, modified_ms * 1_000_000))


def run(folder: Path, *more: str) -> Result:
    """Import a folder into the database beside it."""
    arguments = ["import", "files", str(folder), "--into", str(folder.parent / "ours.db"), *more]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": SECRET})


def stored(database: Path, **options: Any) -> dict[str, bytes]:
    """Return the bytes of all images and variants of a database."""

    async def read() -> dict[str, bytes]:
        async with Pixstore(database, secret=SECRET, **options) as pix:
            infos = await pix.list_images(limit=100_000, variants=True)
            images = [(info.id, await pix.read_image(info.id)) for info in infos]
            return {image_id: image.data for image_id, image in images if image}

    return asyncio.run(read())


def rows_of(report: Path) -> dict[str, tuple[str, str]]:
    """Return id and reason of each path of a report."""
    with report.open(encoding="utf-8", newline="") as file:
        return {row["path"]: (row["id"], row["reason"]) for row in csv.DictReader(file)}


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the time of each file."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def test_a_folder_is_imported_and_compared_again(folder: Path) -> None:
    """Each picture of all subfolders is saved under the id of its path, and a second run compares and skips it."""
    before, report = files_of(folder), folder.parent / "report.csv"
    first = run(folder, "--report", str(report))
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout == f"4 images imported into {folder.parent / 'ours.db'}\n"
    assert rows_of(report) == {name: (plain_image_id(name), "") for name in NAMES}
    report.unlink()
    second = run(folder, "--report", str(report))
    assert (second.exit_code, second.stdout.splitlines()[1]) == (0, "4 images skipped, there already")
    assert rows_of(report) == {name: (plain_image_id(name), "") for name in NAMES}
    expected = {plain_image_id(name): data for name, (data, _) in before.items()}
    assert stored(folder.parent / "ours.db") == expected
    assert files_of(folder) == before


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    """--dry-run checks each file as a save does, decoding included, and leaves no file; a truncated picture shows."""
    write(folder / "broken.png", picture("png")[:-20] + bytes(4) + picture("png")[-16:])
    before = sorted(os.listdir(folder.parent))
    result = run(folder, "--dry-run", "--check-pixels")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("4 images would be imported into")
    assert "'broken.png'  " in result.stdout
    assert sorted(os.listdir(folder.parent)) == before
    run(folder)
    held = stored(folder.parent / "ours.db")
    write(folder / "more.png", picture(seed=9))
    result = run(folder, "--dry-run")
    assert result.stdout.startswith("1 image would be imported into")
    assert stored(folder.parent / "ours.db") == held


def test_the_list_gives_files_and_ids(folder: Path) -> None:
    """--csv takes only its files, under its ids, else under their usual ids in --directory. A report is a list, too."""
    table, report = folder.parent / "list.csv", folder.parent / "report.csv"
    table.write_text('id,other,path\nplayers:ada,1,ada.png\n,2,"avatars/bob.jpeg"\n', encoding="utf-8-sig")
    result = run(folder, "--csv", str(table), "--report", str(report), "--directory", "players")
    assert (result.exit_code, result.stderr) == (0, "")
    bob = plain_image_id("avatars/bob.jpeg", "players")
    assert bob.startswith("players:")
    assert rows_of(report) == {"ada.png": ("players:ada", ""), "avatars/bob.jpeg": (bob, "")}
    again = run(folder, "--csv", str(report), "--report", str(report))
    assert (again.exit_code, again.stdout.splitlines()[1]) == (0, "2 images skipped, there already")
    assert sorted(stored(folder.parent / "ours.db")) == sorted(["players:ada", bob])


def test_bad_rows_of_a_list_are_reported(folder: Path) -> None:
    """A path out of the folder, an id that is none, a missing file and a short row are refused alone."""
    (folder.parent / "secret.png").write_bytes(picture(seed=77))
    paths = ["../secret.png", str(folder.parent / "secret.png"), "avatars//bob.jpeg", "", "gone.png", "a\0.png"]
    table, report = folder.parent / "list.csv", folder.parent / "report.csv"
    with table.open("w", newline="") as file:
        rows = [
            *([path, f"id{n}"] for n, path in enumerate(paths)),
            ["ada.png", "a/b"],
            ["avatars/bob.jpeg", "a~thumb"],
        ]
        csv.writer(file).writerows([["path", "id"], *rows, ["avatars/old/eve.webp"]])
    result = run(folder, "--csv", str(table), "--report", str(report))
    assert result.exit_code == 1
    found = rows_of(report)
    assert found.pop("avatars/old/eve.webp") == (plain_image_id("avatars/old/eve.webp"), "")
    assert all(image_id == "" and reason for image_id, reason in found.values())
    assert len(found) == len(paths) + 2
    assert "below the folder" in found["../secret.png"][1]
    assert len(stored(folder.parent / "ours.db")) == 1


@pytest.mark.parametrize("text", ["path,id,path\nada.png,one,avatars/bob.jpeg\n", "path,id,id\nada.png,one,two\n"])
def test_a_list_with_two_columns_of_one_name(folder: Path, text: str) -> None:
    """A list with two columns path or id is refused: nothing is imported from the wrong one."""
    table = folder.parent / "list.csv"
    table.write_text(text)
    result = run(folder, "--csv", str(table))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("more than once: leave one of them\n")
    assert stored(folder.parent / "ours.db") == {}


@pytest.mark.parametrize("text", ["name,id\nada.png,a\n", "", 'path\n"' + "x" * 200_000])
def test_a_list_that_is_none_is_one_line(folder: Path, text: str) -> None:
    """A list without a column path, or with a field without an end, is one line on stderr with its name."""
    table = folder.parent / "list.csv"
    table.write_text(text)
    result = run(folder, "--csv", str(table))
    assert (result.exit_code, result.stderr.count("\n"), "list.csv" in result.stderr) == (1, 1, True)


def test_a_directory_that_is_none_is_a_wrong_use(folder: Path) -> None:
    """An invalid --directory ends the command before it reads a file or makes a store."""
    result = run(folder, "--directory", "a/b")
    assert (result.exit_code, "directory must be" in result.stderr) == (2, True)
    assert os.listdir(folder.parent) == ["media"]


def test_two_paths_with_one_id(folder: Path) -> None:
    """Of two pictures under one id one is saved, and the other one is reported; two files of one picture are no
    conflict.
    """
    for name in ("copy.png", "again.png"):
        write(folder / name, (folder / "ada.png").read_bytes())
    table, report = folder.parent / "list.csv", folder.parent / "report.csv"
    table.write_text("path,id\nada.png,one\navatars/bob.jpeg,one\nagain.png,two\ncopy.png,two\n")
    for _ in range(2):
        result = run(folder, "--csv", str(table), "--report", str(report))
        assert result.exit_code == 1
        refused = [path for path, (image_id, _) in rows_of(report).items() if not image_id]
        assert refused in (["ada.png"], ["avatars/bob.jpeg"])
        assert "another picture" in rows_of(report)[refused[0]][1]
    assert sorted(stored(folder.parent / "ours.db")) == ["one", "two"]


def test_two_paths_with_one_id_and_update(folder: Path) -> None:
    """With --update too, the picture of a row does not replace the one of an earlier row."""
    write(folder / "ada.png", picture(seed=1), MODIFIED_MS - 1)
    table, report = folder.parent / "list.csv", folder.parent / "report.csv"
    table.write_text("path,id\nada.png,one\navatars/bob.jpeg,one\n")
    for _ in range(2):
        assert run(folder, "--csv", str(table), "--update", "--report", str(report)).exit_code == 1
        assert rows_of(report)["ada.png"] == ("one", "")
        assert "earlier row" in rows_of(report)["avatars/bob.jpeg"][1]
        assert stored(folder.parent / "ours.db")["one"] == picture(seed=1)


def test_a_report_with_carriage_returns(folder: Path) -> None:
    """A name with a carriage return is one row of the report."""
    write(folder / "old\rmac.png", picture())
    report = folder.parent / "report.csv"
    for more in ([], ["--csv", str(report)]):
        assert run(folder, "--report", str(report), *more).exit_code == 0
        assert rows_of(report)["old\rmac.png"] == (plain_image_id("old\rmac.png"), "")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take only names in UTF-8")
def test_a_report_with_names_that_are_not_utf8(folder: Path) -> None:
    """The report is UTF-8, and a list again: bytes that are not UTF-8 are escaped, and so are texts that look so."""
    names = {
        os.fsdecode(b"caf\xe9.png"): r"caf\xe9.png",
        r"caf\xe9.png": r"caf\x5cxe9.png",
        r"a\x41\n.png": r"a\x41\n.png",
    }
    for number, name in enumerate(names):
        write(folder / name, picture(seed=20 + number))
    report = folder.parent / "report.csv"
    assert run(folder, "--report", str(report)).exit_code == 0
    found = rows_of(report)
    assert {shown: found[shown] for shown in names.values()} == {
        names[name]: (plain_image_id(name), "") for name in names
    }
    again = run(folder, "--csv", str(report), "--report", str(report))
    assert (again.exit_code, again.stdout.splitlines()[1]) == (0, "7 images skipped, there already")
    assert rows_of(report) == found


def test_a_report_is_safe_in_a_spreadsheet(folder: Path) -> None:
    """No name of a file becomes a formula in a program that opens the report, also if it takes a semicolon as the
    separator. The report is a list again, with the same names.
    """
    names = {
        '=HYPERLINK("http:x","y").png': r'\x3dHYPERLINK("http:x","y").png',
        "+1.png": r"\x2b1.png",
        "-1.png": r"\x2d1.png",
        "@SUM(1).png": r"\x40SUM(1).png",
        "\t=1.png": r"\x09=1.png",
        "\r=1.png": r"\x0d=1.png",
        r"\x3d1.png": r"\x5cx3d1.png",
        "1;=1.png": "1;=1.png",
        "1=1.png": "1=1.png",
        r"1\x3d1.png": r"1\x3d1.png",
    }
    for number, name in enumerate(names):
        write(folder / name, picture(seed=20 + number))
    report = folder.parent / "report.csv"
    assert run(folder, "--report", str(report)).exit_code == 0
    found = rows_of(report)
    assert {shown: found[shown] for shown in names.values()} == {
        shown: (plain_image_id(name), "") for name, shown in names.items()
    }
    for delimiter in ",;\t":
        with report.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter=delimiter))
        cells = [cell for row in rows for cell in (row[:1] if delimiter == "," else row)]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells), delimiter
    again = run(folder, "--csv", str(report), "--report", str(report))
    assert (again.exit_code, again.stdout.splitlines()[1]) == (0, "14 images skipped, there already")
    assert rows_of(report) == found


def test_refused_files_are_listed_by_path(folder: Path) -> None:
    """The list counts files, is in the order of their paths, and escapes only characters that can't be printed."""
    names = ["zoe.txt", "über.txt", ".DS_Store", "b/a.txt", "line\nbreak.txt"]
    for name in names:
        write(folder / name, b"no picture")
    lines = run(folder).stdout.splitlines()
    assert lines[1] == "5 files left alone:"
    assert [line.split("  ")[1] for line in lines[2:]] == [
        "'.DS_Store'",
        "'b/a.txt'",
        r"'line\nbreak.txt'",
        "'zoe.txt'",
        "'über.txt'",
    ]


def test_deleted_pictures_come_back_with_an_option(folder: Path) -> None:
    """--restore-deleted imports pictures again that were deleted in the store, and a later run finds them."""
    run(folder)
    ids = [plain_image_id(name) for name in NAMES]

    async def delete() -> None:
        async with Pixstore(folder.parent / "ours.db", secret=SECRET) as pix:
            await pix.delete_image(ids[0])
            await pix.delete_image(ids[1])

    asyncio.run(delete())
    assert "pass --restore-deleted" in run(folder, "--update").stdout
    assert run(folder, "--restore-deleted", "--dry-run").stdout.startswith("2 images would be imported")
    restored = run(folder, "--restore-deleted")
    assert (restored.exit_code, restored.stdout.startswith("2 images imported")) == (0, True)
    assert run(folder, "--update").stdout.splitlines()[1] == "4 images skipped, there already"
    assert sorted(stored(folder.parent / "ours.db")) == sorted(ids)


def test_image_formats_are_those_of_the_option(folder: Path) -> None:
    """All formats are taken, or only those of --image-format."""
    write(folder / "more.gif", picture("gif"))
    result = run(folder, "--image-format", "png", "--image-format", "jpg", "--image-format", "webp")
    assert (result.exit_code, result.stdout.splitlines()[1]) == (1, "1 file left alone:")
    assert run(folder).exit_code == 0


def test_an_interrupted_report_leaves_the_earlier_one(folder: Path) -> None:
    """A list that ends in an error does not replace the report of an earlier run, not even in the same file."""
    table = folder.parent / "list.csv"
    table.write_text('path,id\nada.png,one\n"' + "x" * 200_000)
    before = table.read_text()
    assert run(folder, "--csv", str(table), "--report", str(table)).exit_code == 1
    assert table.read_text() == before
    assert not list(folder.parent.glob("*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_report_that_cannot_be_written_is_one_line(folder: Path) -> None:
    """A report in a folder that does not exist, or on a full disk, is one line on stderr that names it."""
    (folder.parent / "full.csv.part").symlink_to("/dev/full")
    for name in ("gone/report.csv", "full.csv"):
        result = run(folder, "--report", str(folder.parent / name))
        assert (result.exit_code, f"{name} can't be written" in result.stderr) == (1, True)
        assert len(result.stderr.splitlines()) <= 2


@pytest.mark.slow
def test_metadata_and_variants(folder: Path) -> None:
    """--strip-metadata, --variant and --placeholder save as the application does, and a second run agrees."""
    write(folder / "tagged.jpg", phone_jpeg(Image.new("RGB", (48, 48))))
    options = ("--strip-metadata", "--variant", "thumb:width=16", "--placeholder")
    for moved in (5, 0):
        result = run(folder, *options)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith(f"{moved} images imported")
    held = stored(folder.parent / "ours.db")
    assert len(held) == 10
    assert not any(SECRET_WORD.encode() in data for data in held.values())
    assert run(folder).stdout.splitlines()[-1].startswith("  'tagged.jpg'")  # the stored one has no metadata


def test_padding(folder: Path) -> None:
    """--pad-to saves padded pictures of every format. Later runs agree, with the option and without it."""
    for kind in ("gif", "avif"):
        write(folder / f"more.{kind}", picture(kind))
    for more, moved in ((("--pad-to", "bucket"), 6), (("--pad-to", "bucket"), 0), ((), 0)):
        result = run(folder, *more)
        assert (result.exit_code, result.stdout.startswith(f"{moved} images imported")) == (0, True), result.stdout
    held = stored(folder.parent / "ours.db")
    assert all(bucket_bytes(len(data) + 1) == len(data) + 1 for data in held.values())
    write(folder / "more.gif", picture("gif") + b"\1", MODIFIED_MS)  # other bytes where the padding is
    assert "'more.gif'" in run(folder).stdout


@pytest.mark.parametrize("is_file", [True, False])
async def test_errors_hold_no_picture_and_no_key(folder: Path, pix: Pixstore, is_file: bool) -> None:
    """If an import raises, no local variable of its frames shows bytes of the picture, or the key of the stored one."""
    image_id = await import_plain_image(pix, "ada.png", large_png(5000))
    exported = await pix.export_image(image_id)
    assert exported is not None
    data = (folder / "ada.png").read_bytes()
    with pytest.raises(StoreConflict) as raised:
        await (import_plain_file(pix, folder, "ada.png") if is_file else import_plain_image(pix, "ada.png", data))
    found = leaks(raised.value, exported.seal.key, data[40:80], large_png(5000)[2000:2040])
    assert {place for place in found if not place.startswith("test_")} == set()


async def test_the_functions_are_idempotent(folder: Path, pix: Pixstore) -> None:
    """A name gives the same id each time, as in the command; the picture is saved once."""
    for _ in range(2):
        assert await import_plain_file(pix, folder, "avatars/bob.jpeg") == plain_image_id("avatars/bob.jpeg")
        assert await import_plain_image(pix, "avatars/bob.jpeg", (folder / "avatars/bob.jpeg").read_bytes())
        assert await import_plain_image(pix, "row 7", picture(), directory="posts") == plain_image_id("row 7", "posts")
        assert await import_plain_image(pix, "row 8", picture(), image_id="posts:8") == "posts:8"
    infos = await pix.list_images()
    assert {info.token for info in infos} == {1, MODIFIED_MS}
    assert len(infos) == 3


def test_the_functions_for_code_that_is_not_async(folder: Path) -> None:
    """They give the ids of the async ones, and raise their errors."""
    with SyncPixstore(Pixstore(folder.parent / "ours.db", secret=SECRET)) as images:
        for _ in range(2):
            ids = {
                sync.import_plain_file(images, folder, "ada.png", directory="posts"),
                sync.import_plain_image(images, "row 7", picture(), modified_ms=MODIFIED_MS),
            }
            assert ids == {plain_image_id("ada.png", "posts"), plain_image_id("row 7")}
        with pytest.raises(InputError, match="missing"):
            sync.import_plain_file(images, folder, "gone.png")
        with pytest.raises(StoreConflict):
            sync.import_plain_image(images, "row 7", picture(seed=9))
        assert {info.id for info in images.list_images()} == ids
        for image_id in ids:
            images.delete_image(image_id)
        sync.import_plain_file(images, folder, "ada.png", directory="posts", restore_deleted=True)
        sync.import_plain_image(images, "row 7", picture(), restore_deleted=True)
        assert {info.id for info in images.list_images()} == ids


async def test_two_imports_at_the_same_time(folder: Path, tmp_path: Path) -> None:
    """Imports that run at the same time, as two commands do, save each picture once, and no call fails."""
    async with (
        Pixstore(tmp_path / "ours.db", secret=SECRET) as one,
        Pixstore(tmp_path / "ours.db", secret=SECRET) as two,
    ):
        calls = [import_plain_file(pix, folder, name) for name in NAMES for pix in (one, two, one)]
        ids = await asyncio.gather(*calls)
        infos = await one.list_images()
    assert sorted(set(ids)) == [info.id for info in infos]
    assert {info.token for info in infos} == {MODIFIED_MS}


@pytest.mark.servers
def test_postgresql(folder: Path, postgres: Cluster) -> None:
    """Into PostgreSQL, two runs import and compare the same pictures."""
    into = f"{postgres.url()}?schema=plain_import"
    for text in ("4 images imported into ", "4 images skipped, there already"):
        result = CliRunner().invoke(
            commands, ["import", "files", str(folder), "--into", into], env={"PIXSTORE_SECRET": SECRET}
        )
        assert (result.exit_code, result.stdout.splitlines()[-1].startswith(text)) == (0, True)


async def test_a_changed_file_needs_update(folder: Path, pix: Pixstore) -> None:
    """A newer file replaces the picture only with update. An older file never does."""
    image_id = await import_plain_file(pix, folder, "ada.png")
    write(folder / "ada.png", picture(seed=50), MODIFIED_MS + 1)
    with pytest.raises(StoreConflict, match="pass update=True to replace"):
        await import_plain_file(pix, folder, "ada.png")
    await import_plain_file(pix, folder, "ada.png", update=True)
    write(folder / "ada.png", picture(seed=51), MODIFIED_MS)
    with pytest.raises(StoreConflict, match="newer version"):
        await import_plain_file(pix, folder, "ada.png", update=True)
    image = await pix.read_image(image_id)
    assert image is not None
    assert image.data == picture(seed=50)


def test_a_file_that_changed_without_a_new_time(folder: Path) -> None:
    """--update takes a file whose time has stayed, as of an object that is replaced within a second; the third version
    of one time is refused with the remedy. Files of unknown time, and rows of a column, replace nothing.
    """
    database, image_id = folder.parent / "ours.db", plain_image_id("ada.png")
    run(folder)
    write(folder / "ada.png", picture(seed=50))
    assert "pass --update to replace that picture" in run(folder).stdout
    for moved in (1, 0):
        assert run(folder, "--update").stdout.startswith(f"{moved} image")
        assert stored(database)[image_id] == picture(seed=50)
    write(folder / "ada.png", picture(seed=51))
    refused = run(folder, "--update")
    assert (refused.exit_code, "give the file a later time" in refused.stdout) == (1, True)
    write(folder / "ada.png", picture(seed=51), MODIFIED_MS + 1000)
    assert run(folder, "--update").stdout.startswith("1 image")
    assert stored(database)[image_id] == picture(seed=51)


async def test_rows_of_one_name_and_unknown_time(pix: Pixstore) -> None:
    """Of two pictures with one name and no time, the second one never replaces the first."""
    await import_plain_image(pix, "row 7", picture(seed=1), update=True)
    with pytest.raises(StoreConflict, match="another picture under its id"):
        await import_plain_image(pix, "row 7", picture(seed=2), update=True)


async def test_the_store_wins_after_the_switch(folder: Path, pix: Pixstore) -> None:
    """A picture that the application updated or deleted in the store stays so, with update too."""
    updated, deleted = [await import_plain_file(pix, folder, name) for name in NAMES[:2]]
    await pix.update_image(updated, picture(seed=60))
    await pix.delete_image(deleted)
    for name, reason in zip(NAMES[:2], ("newer version", "was deleted"), strict=True):
        with pytest.raises(StoreConflict, match=reason):
            await import_plain_file(pix, folder, name, update=True)
    assert [info.id for info in await pix.list_images()] == [updated]


async def test_a_deleted_picture_stays_deleted(folder: Path, pix: Pixstore) -> None:
    """A file that gets a new time, as by a copy of the folder, does not bring a deleted picture back."""
    for given in ({}, {"image_id": "ada"}, {"directory": "avatars"}):
        options: dict[str, Any] = dict(given)
        await pix.delete_image(await import_plain_file(pix, folder, "ada.png", **options))
        write(folder / "ada.png", picture(), MODIFIED_MS + 1)
        with pytest.raises(StoreConflict, match="was deleted in the store since: pass restore_deleted=True to import"):
            await import_plain_file(pix, folder, "ada.png", **options)
    assert await pix.list_images() == []
    for given in ({}, {"image_id": "ada"}):
        options = {**given, "restore_deleted": True}
        for _ in range(2):
            await import_plain_file(pix, folder, "ada.png", **options)
        await import_plain_image(pix, "ada.png", picture(), **options)
    assert len({info.id for info in await pix.list_images()}) == 2
    assert all(info.token > MODIFIED_MS for info in await pix.list_images())


async def test_a_time_in_the_future_is_taken_as_now(folder: Path) -> None:
    """A file from the future, or before 1970, gets a valid token, by the clock of the Pixstore."""
    pix = MemoryPixstore()
    for name, modified_ms in (("future.png", pix.clock.now_ms + 10**10), ("past.png", -(10**10))):
        write(folder / name, picture(), modified_ms)
        for _ in range(2):
            await import_plain_file(pix, folder, name)
    assert {info.token for info in await pix.list_images()} == {1, pix.clock.now_ms}


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../ada.png", "a/./b.png", "a\0b", "\ud800.png"])
async def test_names_that_lead_out_are_refused(folder: Path, pix: Pixstore, name: str) -> None:
    """A name of a row is no path out of the folder."""
    with pytest.raises(InputError, match="name"):
        await import_plain_file(pix, folder, name)


async def test_other_refusals(folder: Path, pix: Pixstore) -> None:
    """A file that is no picture, is too long, or has an id that is none, is refused with the reason."""
    with pytest.raises(InvalidImage, match="not an image"):
        await import_plain_image(pix, "notes", b"these are notes, and no picture")
    with pytest.raises(InputError, match="not a valid image id"):
        await import_plain_image(pix, "ada", picture(), image_id="a/b")
    write(folder / "long.png", b"")
    os.truncate(folder / "long.png", 2**40)
    with pytest.raises(ImageTooLarge, match="max_image_bytes"):
        await import_plain_file(pix, folder, "long.png")


async def test_other_bytes_from_the_store_are_noticed(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store returns other bytes than were saved, the import raises, because the file may be deleted later."""
    save = pix.import_image

    async def damaging(image_id: str, data: Any, **options: Any) -> Any:
        return await save(image_id, picture(seed=1), **options)

    monkeypatch.setattr(pix, "import_image", damaging)
    with pytest.raises(IntegrityError, match="other bytes"):
        await import_plain_image(pix, "ada", picture())
