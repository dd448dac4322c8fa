"""Importing a store of the npm package: kept fields, skipped images, and an unchanged source."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import InputError
from pixstore_asgi.transfer.npm_import import NpmImport
from pixstore_asgi.transfer.npm_source import open_npm_source
from pixstore_asgi.transfer.steps import Outcome
from tests.support.samples import picture
from tests.transfer.imports import MAX_BYTES, take
from tests.transfer.npm_files import TOKEN, NpmFiles


@pytest.mark.parametrize(
    ("kind", "format_byte"), [("png", 1), ("webp", 2), ("jpeg", 3), ("jpeg", 4), ("gif", 5), ("avif", 6)]
)
async def test_everything_is_kept(npm_files: NpmFiles, target: Pixstore, kind: str, format_byte: int) -> None:
    """Id, token, key, nonce, tag and ciphertext stay the same, for every format byte."""
    meta = npm_files.add("players:kth1m9c4", picture(kind), format_byte=format_byte)
    assert (await take(npm_files, target)).moved == 1
    record = await target.get_image_record("players:kth1m9c4")
    sealed = await target.export_image("players:kth1m9c4")
    shown = await target.read_image("players:kth1m9c4")
    assert record is not None
    assert sealed is not None
    assert shown is not None
    assert (record.token, record["meta"]) == (TOKEN, meta)
    assert sealed.ciphertext == npm_files.file("players:kth1m9c4").read_bytes()
    assert shown.data == picture(kind)


async def test_a_second_run_goes_on(npm_files: NpmFiles, target: Pixstore) -> None:
    """Images with the same token and content are skipped, and only new ones are taken over."""
    npm_files.add("a")
    await take(npm_files, target)
    npm_files.add("b", token=1)
    report = await take(npm_files, target)
    assert (report.moved, report.present, report.left) == (1, 1, [])


async def test_a_newer_version_is_taken_where_asked(npm_files: NpmFiles, target: Pixstore) -> None:
    """An image that the source has updated since is left alone, and replaced with `updates`."""
    npm_files.add("a")
    await take(npm_files, target)
    npm_files.add("a", picture("webp"), format_byte=2, token=TOKEN + 1, seed="2")
    (left,) = (await take(npm_files, target)).left
    assert "--update" in left.reason
    assert (await take(npm_files, target, updates=True)).moved == 1
    shown = await target.read_image("a")
    assert shown is not None
    assert shown.data == picture("webp")


@pytest.mark.parametrize(("token", "word"), [(TOKEN - 1, "newer"), (TOKEN, "another")])
async def test_the_target_is_never_set_back(npm_files: NpmFiles, target: Pixstore, token: int, word: str) -> None:
    """An image that the target has in a newer version, or as another image, stays, even with `updates`."""
    await target.import_image("a", picture("webp"), token=TOKEN)
    npm_files.add("a", token=token)
    (left,) = (await take(npm_files, target, updates=True)).left
    assert word in left.reason
    shown = await target.read_image("a")
    assert shown is not None
    assert shown.data == picture("webp")


async def test_a_deleted_image_does_not_come_back(npm_files: NpmFiles, target: Pixstore) -> None:
    """An image that was deleted from the target after it was taken over is left alone."""
    npm_files.add("a")
    await take(npm_files, target)
    await target.delete_image("a")
    (left,) = (await take(npm_files, target)).left
    assert left.outcome is Outcome.LEFT
    assert not await target.image_exists("a")


async def test_other_format_bytes_get_a_new_seal(npm_files: NpmFiles, target: Pixstore) -> None:
    """With `reseals` an image whose format byte means another format here is taken over under a new key and the next
    token, once; the others keep theirs."""
    kept, changed = npm_files.add("kept"), npm_files.add("changed", picture("webp"))
    (left,) = (await take(npm_files, target)).left
    assert (left.image_id, "--reseal" in left.reason) == ("changed", True)
    assert (await take(npm_files, target, reseals=True, dry_run=True)).moved == 1
    first, second = [await take(npm_files, target, reseals=True) for _ in range(2)]
    assert (first.moved, first.present, second.moved, second.present) == (1, 1, 0, 2)
    records = await target.get_image_records(["kept", "changed"])
    assert (records["kept"].token, records["kept"]["meta"]) == (TOKEN, kept)
    assert records["changed"].token == TOKEN + 1
    assert records["changed"]["meta"]["key"] != changed["key"]
    shown = await target.read_image("changed")
    assert shown is not None
    assert (shown.format, shown.data) == ("webp", picture("webp"))


async def test_a_dry_run_finds_the_same_and_writes_nothing(npm_files: NpmFiles, target: Pixstore) -> None:
    """A dry run reports the same as the real run, with and without a target, and stores no image."""
    npm_files.add("good")
    npm_files.add("html", b"\x89PNG\r\n\x1a\n<html>")
    npm_files.add("turned", picture("webp"), format_byte=1)
    npm_files.row("../bad", TOKEN, "{}")
    reports = [await take(npm_files, pix, dry_run=True) for pix in (target, None)]
    assert await target.list_images() == []
    reports.append(await take(npm_files, target))
    assert reports[0] == reports[1] == reports[2]
    assert (reports[2].moved, len(reports[2].left)) == (1, 3)


async def test_the_source_is_only_read(npm_files: NpmFiles, target: Pixstore) -> None:
    """Import leaves every file of the source as it was, to the byte and the modification time."""
    npm_files.add("a")
    npm_files.add("b:c", picture("jpeg"), format_byte=3)
    npm_files.row("bad", "x", "x")
    before = npm_files.state()
    await take(npm_files, target)
    assert npm_files.state() == before


def die_writing(database: Path, *statements: str) -> None:
    """Run statements on a database in another process that ends without closing it."""
    code = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "for statement in sys.argv[2:]: db.execute(statement)\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, database, *statements], check=True, timeout=30)


def leave_log(database: Path) -> None:
    """Turn on a write-ahead log and leave a change in it alone."""
    die_writing(database, "PRAGMA journal_mode = WAL", "UPDATE image_records SET token = token + 1")


async def test_a_write_ahead_log_is_read_untouched(npm_files: NpmFiles, target: Pixstore) -> None:
    """Rows that lie in the log of a process that died are read, and database, log and its index stay as they were."""
    npm_files.add("a")
    leave_log(npm_files.database)
    before = npm_files.state()
    assert {Path(name).suffix for name in before} >= {".sqlite", ".sqlite-wal", ".sqlite-shm"}
    assert (await take(npm_files, target)).moved == 1
    assert npm_files.state() == before
    record = await target.get_image_record("a")
    assert record is not None
    assert record.token == TOKEN + 1


async def test_a_log_of_a_running_server_is_read(npm_files: NpmFiles, target: Pixstore) -> None:
    """While another process has the database open with a write-ahead log, its newest rows are read."""
    npm_files.add("a")
    with closing(sqlite3.connect(npm_files.database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE image_records SET token = token + 1")
        assert (await take(npm_files, target)).moved == 1
        other.execute("UPDATE image_records SET token = token + 1")
    record = await target.get_image_record("a")
    assert record is not None
    assert record.token == TOKEN + 1


async def test_a_closed_log_needs_no_files(npm_files: NpmFiles, target: Pixstore) -> None:
    """A database with an empty and removed log is read without making a log beside it."""
    npm_files.add("a")
    with closing(sqlite3.connect(npm_files.database)) as other:
        other.execute("PRAGMA journal_mode = WAL")
    before = npm_files.state()
    assert (await take(npm_files, target)).moved == 1
    assert npm_files.state() == before


async def test_a_log_without_its_index_says_what_to_do(npm_files: NpmFiles, target: Pixstore) -> None:
    """A log that can't be read without writing beside it is refused, with the command that helps; nothing is lost."""
    npm_files.add("a")
    leave_log(npm_files.database)
    npm_files.database.with_name(f"{npm_files.database.name}-shm").unlink()
    before = npm_files.state()
    with pytest.raises(InputError, match="PRAGMA wal_checkpoint"):
        await take(npm_files, target)
    assert npm_files.state() == before


async def test_a_locked_source_is_an_error_of_ours(npm_files: NpmFiles, target: Pixstore) -> None:
    """A database that another process keeps locked, or left in the middle of a transaction, ends in one clear error."""
    npm_files.add("a")
    more = [f"INSERT INTO image_records VALUES ('{n}', 1, '{'x' * 900}')" for n in range(99)]
    die_writing(npm_files.database, "PRAGMA cache_size = 1", "BEGIN EXCLUSIVE", *more)
    assert npm_files.database.with_name(f"{npm_files.database.name}-journal").exists()
    before = npm_files.state()
    with pytest.raises(InputError, match="can't be read"):
        await take(npm_files, target)
    assert npm_files.state() == before


@pytest.mark.parametrize("content", [b"", b"this is no database" * 100])
async def test_no_database_is_an_error_of_ours(npm_files: NpmFiles, target: Pixstore, content: bytes) -> None:
    """A file that is no database of the package is refused as a whole."""
    npm_files.database.write_bytes(content)
    with pytest.raises(InputError, match="npm's pixstore"):
        await take(npm_files, target)


async def test_another_extension(npm_files: NpmFiles, target: Pixstore) -> None:
    """Files are found with the store's own extension; one with a slash, or a database that is none, is refused."""
    npm_files.add("a")
    npm_files.file("a").rename(npm_files.images / "a.enc")
    with open_npm_source(npm_files.database, npm_files.images, extension=".enc") as source:
        steps = [step async for step in NpmImport(source, target, MAX_BYTES).steps()]
    assert [step.outcome for step in steps] == [Outcome.MOVED]
    for database, extension, word in (
        (npm_files.database, "/../x", "slash"),
        (npm_files.images, ".enc", "no database"),
    ):
        with pytest.raises(InputError, match=word), open_npm_source(database, npm_files.images, extension=extension):
            pass


async def test_more_rows_than_one_page(npm_files: NpmFiles) -> None:
    """Every row is seen once, for any number of rows and any row ids."""
    with closing(sqlite3.connect(npm_files.database)) as db, db:
        rows = [(n, f"n{n}", 1, json.dumps({})) for n in (-(2**62), *range(-300, 900), 2**62)]
        db.executemany("INSERT INTO image_records (rowid, id, token, meta) VALUES (?, ?, ?, ?)", rows)
    with open_npm_source(npm_files.database, npm_files.images) as source:
        found = [row.id_text for row in source.rows()]
        assert source.count() == len(found)
    assert found == [row[1] for row in rows]


async def test_files_are_closed(npm_files: NpmFiles, target: Pixstore) -> None:
    """However many images are moved or refused, no file stays open."""
    for n in range(20):
        npm_files.add(f"d{n}:a")
    npm_files.file("d3:a").unlink()
    await take(npm_files, None)  # what Python and SQLite open once is open then
    await target.get_image_record("a")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await take(npm_files, target, dry_run=True)
    assert len(os.listdir("/proc/self/fd")) == before
