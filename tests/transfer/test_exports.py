"""Exports to plain files and to a store of the npm package: the written files, and that existing ones stay
untouched.
"""

import asyncio
import base64
import json
import os
import re
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.errors import InputError, StoreError
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.transfer.exports import export_files, export_npm, open_npm_target
from pixstore_asgi.transfer.folder import Folder
from pixstore_asgi.transfer.steps import Report, Step
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.transfer.copies import list_ids

PAGE_BYTES = 16384
IMAGES = {"plain": "png", "players:ada": "webp", "players:-rf": "jpeg", "Z_9": "gif", "z:z": "avif"}
FILES = {"plain.png", "players/ada.webp", "players/-rf.jpg", "Z_9.gif", "z/z.avif"}


@pytest.fixture
async def filled(target: Pixstore) -> Pixstore:
    """A Pixstore with one image of each format."""
    for token, (image_id, kind) in enumerate(IMAGES.items(), 1):
        await target.import_image(image_id, picture(kind), token=token)
    return target


async def told(steps: AsyncIterator[Step]) -> Report:
    report = Report()
    async for step in steps:
        report.add(step)
    return report


async def to_files(pix: Pixstore, folder: Path, directory: str | None = None) -> Report:
    with Folder(folder, create=True) as opened:
        return await told(export_files(pix, await list_ids(parts_of(pix).store, directory), opened))


async def to_npm(pix: Pixstore, folder: Path, **options: Any) -> Report:
    with open_npm_target(folder) as opened:
        return await told(export_npm(pix, await list_ids(parts_of(pix).store), opened, **options))


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def rows_of(folder: Path) -> dict[str, tuple[int, dict[str, str]]]:
    with closing(sqlite3.connect(folder / ".pixstore.sqlite")) as db:
        return {row[0]: (row[1], json.loads(row[2])) for row in db.execute("SELECT * FROM image_records")}


async def test_files_hold_the_images(filled: Pixstore, tmp_path: Path) -> None:
    """Each image is a file of its bytes, named after its id and format, readable for its owner alone."""
    out = tmp_path / "out"
    assert (await to_files(filled, out)).moved == len(IMAGES)
    assert files_below(out) == FILES
    assert (out / "players" / "-rf.jpg").read_bytes() == picture("jpeg")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [out, *out.rglob("*")]}
    assert modes == {0o700, 0o600}


async def test_one_directory(filled: Pixstore, tmp_path: Path) -> None:
    """With a directory only its images are written; one that can't be is an InputError."""
    await to_files(filled, tmp_path / "out", "players")
    assert files_below(tmp_path / "out") == {"players/ada.webp", "players/-rf.jpg"}
    with pytest.raises(InputError, match="directory"):
        await to_files(filled, tmp_path / "out", "../x")


async def test_npm_rows_and_files(filled: Pixstore, tmp_path: Path) -> None:
    """Rows hold token and key, files the ciphertext; formats that the package does not know are left alone."""
    out = tmp_path / "out"
    report = await to_npm(filled, out)
    assert {step.image_id for step in report.left} == {"Z_9", "z:z"}
    records = await filled.get_image_records(["plain", "players:ada", "players:-rf"])
    assert rows_of(out) == {record.id: (record.token, record["meta"]) for record in records.values()}
    for image_id in records:
        sealed = await filled.export_image(image_id)
        assert sealed is not None
        path = out / "pixstore-images" / f"{image_id.replace(':', '/')}.pixstore-image"
        assert path.read_bytes() == sealed.ciphertext
    assert {stat.S_IMODE(path.stat().st_mode) for path in [out, *out.rglob("*")]} == {0o700, 0o600}
    assert (await to_npm(filled, out, all_formats=True)).moved == 2


@pytest.mark.parametrize("export", [to_files, to_npm])
async def test_a_second_run_skips_what_is_there(filled: Pixstore, tmp_path: Path, export: Callable[..., Any]) -> None:
    """A second run writes new images and changes no existing byte."""
    first = await export(filled, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*g*") if path.is_file()}
    await filled.save_image(picture("png", seed=3))
    second = await export(filled, tmp_path / "out")
    assert (second.moved, second.present, second.left) == (1, first.moved, first.left)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("export", [to_files, to_npm])
async def test_a_damaged_image_is_left_alone(filled: Pixstore, tmp_path: Path, export: Callable[..., Any]) -> None:
    """An image with changed stored bytes is never written, and the others are."""
    with closing(sqlite3.connect(tmp_path / "target.db")) as db, db:
        chunk = "(SELECT blob << 16 FROM image WHERE id = 'plain')"
        db.execute(f"UPDATE chunk SET data = zeroblob(length(data)) WHERE id = {chunk}")
    report = await export(filled, tmp_path / "out")
    (left,) = [step for step in report.left if step.image_id == "plain"]
    assert "authentication" in left.reason
    assert report.moved >= 2
    assert not any("plain" in name for name in files_below(tmp_path / "out"))


@pytest.mark.parametrize("export", [to_files, to_npm])
async def test_an_image_whose_body_is_lost_is_left_alone(
    filled: Pixstore, tmp_path: Path, export: Callable[..., Any]
) -> None:
    """An image of which a part is missing is listed, and those behind it are written."""
    with closing(sqlite3.connect(tmp_path / "target.db")) as db, db:
        db.execute("DELETE FROM chunk WHERE id = (SELECT blob << 16 FROM image WHERE id = 'plain')")
    report = await export(filled, tmp_path / "out")
    (left,) = [step for step in report.left if step.image_id == "plain"]
    assert "missing" in left.reason
    assert report.moved >= 2


def _other(path: Path) -> None:
    path.write_bytes(b"mine")


def _longer(path: Path) -> None:
    path.write_bytes(picture("png") + b"more")


def _half_for_all(path: Path) -> None:
    path.write_bytes(picture("png")[:50])
    path.chmod(0o644)


def _half_with_two_names(path: Path) -> None:
    path.write_bytes(picture("png")[:50])
    path.chmod(0o600)
    os.link(path, path.with_name("another name"))


def _link(path: Path) -> None:
    (path.parent.parent / "target").write_bytes(b"mine")
    path.symlink_to(path.parent.parent / "target")


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "nowhere")


@pytest.mark.parametrize(
    "put", [_other, _longer, _half_for_all, _half_with_two_names, _link, _dangling_link, Path.mkdir, os.mkfifo]
)
async def test_what_is_there_stays(filled: Pixstore, tmp_path: Path, put: Callable[[Path], None]) -> None:
    """A file of other content, a link, a folder or a pipe under an image's name stays as it is, and is reported."""
    out = tmp_path / "out"
    out.mkdir()
    put(out / "plain.png")

    def seen() -> tuple[object, ...]:
        status = (out / "plain.png").lstat()
        content = (out / "plain.png").read_bytes() if stat.S_ISREG(status.st_mode) else b""
        return status.st_mode, status.st_ino, content, sorted(os.listdir(tmp_path))

    before = seen()
    report = await to_files(filled, out)
    assert [step.image_id for step in report.left] == ["plain"]
    assert report.moved == len(IMAGES) - 1
    assert seen() == before


async def test_a_linked_subfolder_is_not_entered(filled: Pixstore, tmp_path: Path) -> None:
    """A link where a directory's folder should be is not followed, however it came there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "players").symlink_to(tmp_path / "elsewhere")
    report = await to_files(filled, tmp_path / "out")
    assert {step.image_id for step in report.left} == {"players:ada", "players:-rf"}
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("length", [0, 1, 1000])
async def test_an_unfinished_file_is_completed(filled: Pixstore, tmp_path: Path, length: int) -> None:
    """The beginning of an image, as an export that was killed leaves it, becomes the whole image."""
    with Folder(tmp_path / "out", create=True) as out:
        assert out.place(("plain.png",), picture("png")[:length])
    await to_files(filled, tmp_path / "out")
    assert (tmp_path / "out" / "plain.png").read_bytes() == picture("png")


async def test_another_version_in_npm_stays(filled: Pixstore, tmp_path: Path) -> None:
    """An image that was updated after its export is left alone there: its row and file stay those of one version."""
    out = tmp_path / "out"
    await to_npm(filled, out)
    before = rows_of(out)
    await filled.update_image("plain", picture("webp"))
    (left,) = [step for step in (await to_npm(filled, out)).left if step.image_id == "plain"]
    assert "another version" in left.reason
    assert rows_of(out) == before


@pytest.mark.parametrize("content", [b"no database" * 100, None])
async def test_npm_database_of_others(filled: Pixstore, tmp_path: Path, content: bytes | None) -> None:
    """A database that is another program's, or none, is an error of ours and stays as it is."""
    out = tmp_path / "out"
    out.mkdir()
    path = out / ".pixstore.sqlite"
    if content is None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE other (a)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises((InputError, StoreError), match=r"\.pixstore\.sqlite"):
        await to_npm(filled, out)
    assert path.read_bytes() == before


async def test_npm_database_is_no_link(filled: Pixstore, tmp_path: Path) -> None:
    """A link in the place of the database is not followed."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".pixstore.sqlite").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError, match="can't be written"):
        await to_npm(filled, tmp_path / "out")
    assert not (tmp_path / "elsewhere.db").exists()


async def test_npm_images_folder_is_no_link(filled: Pixstore, tmp_path: Path) -> None:
    """A link in the place of the images folder is not followed."""
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "pixstore-images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="pixstore-images"):
        await to_npm(filled, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_npm_database_is_private(filled: Pixstore, tmp_path: Path) -> None:
    """Keys are not written to a database that others can read. The error has the remedy."""
    await to_npm(filled, tmp_path / "out")
    (tmp_path / "out" / ".pixstore.sqlite").chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        await to_npm(filled, tmp_path / "out")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
async def test_npm_folder_that_others_write_to(filled: Pixstore, tmp_path: Path, mode: int) -> None:
    """Keys are not written where somebody else could have put the database, or could exchange it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(mode)
    with pytest.raises(InputError, match="others"):
        await to_npm(filled, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("given", ["out", "out/.pixstore.sqlite"])
async def test_npm_database_of_another_user(filled: Pixstore, tmp_path: Path, given: str) -> None:
    """Keys are not written to a folder or a database that another user made for them, private as it looks."""
    await to_npm(Pixstore(MemoryStore(), secret=SECRET), tmp_path / "out")
    os.chown(tmp_path / given, 65534, 65534)
    with pytest.raises(InputError, match="belongs to"):
        await to_npm(filled, tmp_path / "out")
    assert rows_of(tmp_path / "out") == {}


@pytest.mark.parametrize("where", ["missing/out", "file"])
async def test_a_folder_that_can_not_be_made(filled: Pixstore, tmp_path: Path, where: str) -> None:
    """A target below a missing folder, or that is a file, is an InputError that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=where):
        await to_files(filled, tmp_path / where)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of 200 images with variants, of whose wrapped keys one page is damaged."""
    path = tmp_path_factory.mktemp("damaged") / "pixstore.db"

    async def save_all() -> None:
        async with Pixstore(path, secret=SECRET, variants=(Variant("thumb", width=8),)) as pix:
            for number in range(200):  # whose wrapped keys, and those of the variants, are on several pages
                await pix.import_image(f"image-{number}", picture(), token=1)

    asyncio.run(save_all())
    with closing(sqlite3.connect(path)) as db:
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'wrapped_key'").fetchall()
    content = bytearray(path.read_bytes())
    start = (root - 1) * PAGE_BYTES
    cell = start + int.from_bytes(content[start + 12 : start + 14], "big")  # sqlite.org/fileformat2.html, 1.6
    leaf = (int.from_bytes(content[cell : cell + 4], "big") - 1) * PAGE_BYTES
    content[leaf + 3 : leaf + 5] = b"\xff\xff"
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a disk's fault, and no other program's write
    return path


@pytest.mark.slow
@pytest.mark.parametrize("export", ["images", "npm"])
async def test_what_a_damaged_page_leaves_is_exported(damaged: Path, tmp_path: Path, export: str) -> None:
    """If a page of wrapped keys is damaged, images with keys on other pages are written, and the rest is listed."""
    arguments = ["export", export, "--database", str(damaged), "--to", str(tmp_path / "out")]
    result = await asyncio.to_thread(CliRunner().invoke, commands, arguments, env={"PIXSTORE_SECRET": SECRET})
    counts = re.findall(r"^(\d+) images?(?: and (\d+) variants?)? (?:written|left)", result.output, re.MULTILINE)
    written, left = (int(images) + int(variants or 0) for images, variants in counts)
    assert (result.exit_code, written + left) == (1, 400)
    assert 100 < written < 400
    assert result.output.count("it is damaged: restore it from a backup") == left


async def test_deleted_meanwhile(filled: Pixstore, tmp_path: Path) -> None:
    """An image that goes between listing and writing is left alone with that reason."""
    with Folder(tmp_path / "files", create=True) as folder, open_npm_target(tmp_path / "npm") as npm:
        for steps in (export_files(filled, ["gone"], folder), export_npm(filled, ["gone"], npm)):
            (left,) = (await told(steps)).left
            assert "deleted" in left.reason


async def test_one_image_by_hand(filled: Pixstore, tmp_path: Path) -> None:
    """Another store imports the result of export_image to the same ciphertext. Its repr shows no key."""
    exported = await filled.export_image("players:-rf")
    assert exported is not None
    async with Pixstore(tmp_path / "other.db", secret=OTHER_SECRET) as other:
        await other.import_image(exported.id, exported.image.data, token=exported.token, seal=exported.seal)
        assert await other.export_image(exported.id) == exported
    assert repr(exported.seal.key) not in repr(exported)
    assert await filled.export_image("missing") is None


async def test_large_images(target: Pixstore, tmp_path: Path) -> None:
    """An image of many chunks comes out whole in both forms."""
    data = large_png(9_000_000)
    record = await target.save_image(data)
    await to_files(target, tmp_path / "files")
    await to_npm(target, tmp_path / "npm")
    assert (tmp_path / "files" / f"{record.id}.png").read_bytes() == data
    token, meta = rows_of(tmp_path / "npm")[record.id]
    assert (token, base64.b64decode(meta["key"])) == (record.token, record.key)


async def test_many_rows(tmp_path: Path) -> None:
    """All rows are there in the end, however many are written in one go."""
    async with Pixstore(MemoryStore(), secret=SECRET) as pix:
        for n in range(230):
            await pix.import_image(f"n{n}", picture(), token=n + 1)
        assert (await to_npm(pix, tmp_path / "out")).moved == 230
    assert {row[0] for row in rows_of(tmp_path / "out").values()} == set(range(1, 231))


async def test_more_images_than_one_page(target: Pixstore, tmp_path: Path) -> None:
    """Every image is listed once, in order, however many there are."""
    with closing(sqlite3.connect(tmp_path / "target.db")) as db, db:
        await target.import_image("a", picture(), token=1)
        names = [row[1] for row in db.execute("PRAGMA table_info(image)")]
        columns = ", ".join(name for name in names if name != "id")
        db.executemany(
            f"INSERT INTO image (id, {columns}) SELECT ?, {columns} FROM image WHERE id = 'a'",
            [(f"n{n:04}",) for n in range(2500)],
        )
    assert await list_ids(parts_of(target).store) == ["a", *(f"n{n:04}" for n in range(2500))]


async def test_a_full_disk_ends_the_export(filled: Pixstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing more can be written the export ends with an error of ours, and a later run completes it."""

    def write(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pixstore_asgi.transfer.folder.os.write", write)
        with pytest.raises(StoreError, match="No space left"):
            await to_files(filled, tmp_path / "out")
    assert (await to_files(filled, tmp_path / "out")).moved == len(IMAGES)
    assert (tmp_path / "out" / "plain.png").read_bytes() == picture("png")
