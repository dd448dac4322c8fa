"""Stores of the npm package that were made to do harm: each bad row or file is refused alone, with its reason."""

import json
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.core.ids import MAX_TOKEN
from pixstore_asgi.core.images import Seal
from pixstore_asgi.errors import InputError, IntegrityError
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.transfer.npm_import import ALL_FORMATS
from pixstore_asgi.transfer.npm_source import open_npm_source
from pixstore_asgi.transfer.steps import quoted
from tests.support.samples import SECRET, large_png, picture
from tests.transfer.imports import MAX_BYTES, take
from tests.transfer.npm_files import TOKEN, NpmFiles, drawn

Damage = Callable[[NpmFiles], Any]


@pytest.fixture
async def target() -> AsyncIterator[Pixstore]:
    """A Pixstore in memory: it is the source that is tried here."""
    async with Pixstore(MemoryStore(), secret=SECRET, image_formats=ALL_FORMATS) as opened:
        yield opened


async def refusal(npm_files: NpmFiles, target: Pixstore) -> str:
    """Import a store with one bad image among good ones and return the reason why that was left alone."""
    npm_files.add("0-first")
    npm_files.add("z-last")
    report = await take(npm_files, target)
    assert report.moved == 2
    assert [info.id for info in await target.list_images()] == ["0-first", "z-last"]
    (left,) = report.left
    assert "\n" not in left.reason
    return left.reason


@pytest.mark.parametrize(
    "image_id",
    [
        "../outside",
        "a:../../outside",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a:b:junk",
        ":a",
        "a:",
        "a/b",
        "a\0b",
        "a\n",
        "\x1b]0;title\x07",
        "ümlaut",
        "n" * 65,
        "d:" + "n" * 129,
        pytest.param("n" * 30_000_000, id="huge"),
        b"\xff\xfe",
        b"abc",
        None,
        7.5,
    ],
)
async def test_bad_ids(npm_files: NpmFiles, target: Pixstore, image_id: Any) -> None:
    """A foreign id never becomes a path, even if a file exists there."""
    meta = npm_files.add("good")
    npm_files.run("DELETE FROM image_records")
    (npm_files.root / "outside.pixstore-image").write_bytes(npm_files.file("good").read_bytes())
    npm_files.row(image_id, TOKEN, json.dumps(meta))
    assert "id" in await refusal(npm_files, target)


@pytest.mark.parametrize("token", [0, -1, 2**53, 2**63 - 1, 1.5, "soon", b"\x01", "12 or so"])
async def test_bad_tokens(npm_files: NpmFiles, target: Pixstore, token: Any) -> None:
    """A token that is no integer from 1 to 2**53 - 1 is refused."""
    meta = npm_files.add("bad")
    npm_files.run("DELETE FROM image_records")
    npm_files.row("bad", token, json.dumps(meta))
    assert "token" in await refusal(npm_files, target)


@pytest.mark.parametrize("is_dry", [True, False])
async def test_a_token_of_the_far_future(npm_files: NpmFiles, target: Pixstore, is_dry: bool) -> None:
    """An image with a token far ahead of the clock is listed with the reason, in a dry run too."""
    npm_files.add("bad", token=MAX_TOKEN)
    (left,) = (await take(npm_files, target, dry_run=is_dry)).left
    assert "more than a day ahead of this machine's clock" in left.reason
    assert not await target.image_exists("bad")


async def test_null_columns(npm_files: NpmFiles, target: Pixstore) -> None:
    """Rows without token or meta, in a table that allows them, are refused."""
    npm_files.run("DROP TABLE image_records")
    npm_files.run("CREATE TABLE image_records (id TEXT PRIMARY KEY, token INTEGER, meta TEXT)")
    meta = npm_files.add("bad")
    npm_files.run("UPDATE image_records SET token = NULL")
    npm_files.row("worse", TOKEN, None)
    report = await take(npm_files, target)
    assert [left.image_id for left in report.left] == ["bad", "worse"]
    npm_files.run("DELETE FROM image_records WHERE id = 'worse'")
    assert "token" in await refusal(npm_files, target)
    assert meta["key"] not in str(report)


@pytest.mark.parametrize(
    "change",
    [
        {"key": "QUJD"},
        {"key": ""},
        {"key": None},
        {"iv": "A" * 24},
        {"iv": 5},
        {"tag": "AAAA"},
        {"tag": "=" * 24},
        {"tag": "A" * 900},
    ],
)
async def test_bad_meta(npm_files: NpmFiles, target: Pixstore, change: dict[str, Any]) -> None:
    """A key, nonce or tag of a wrong length or in no base64 is refused, and its name is said but not its value."""
    meta = npm_files.add("bad")
    npm_files.run("UPDATE image_records SET meta = ?", json.dumps({**meta, **change}))
    reason = await refusal(npm_files, target)
    assert next(iter(change)) in reason
    assert not any(str(value) in reason for value in change.values() if value)


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 990,
        '"x"',
        "{}",
        "x" * 5000,
        pytest.param("x" * 30_000_000, id="huge"),
        b"\xff\xfe",
        5,
    ],
)
async def test_meta_that_is_no_object(npm_files: NpmFiles, target: Pixstore, meta: Any) -> None:
    """Text that is no JSON object with the three parts is refused, however deep or long."""
    npm_files.add("bad")
    npm_files.run("UPDATE image_records SET meta = ?", meta)
    assert "meta" in await refusal(npm_files, target)


def _swap(npm_files: NpmFiles) -> None:
    npm_files.add("other", picture("webp"), format_byte=2)
    npm_files.file("other").replace(npm_files.file("bad"))
    npm_files.run("DELETE FROM image_records WHERE id = 'other'")


def _flip(npm_files: NpmFiles) -> None:
    data = bytearray(npm_files.file("bad").read_bytes())
    data[-1] ^= 1
    npm_files.file("bad").write_bytes(data)


def _link_outside(npm_files: NpmFiles) -> None:
    npm_files.file("bad").rename(npm_files.root / "outside")
    npm_files.file("bad").symlink_to(npm_files.root / "outside")


def _directory(npm_files: NpmFiles) -> None:
    npm_files.file("bad").unlink()
    npm_files.file("bad").mkdir()


def _pipe(npm_files: NpmFiles) -> None:
    npm_files.file("bad").unlink()
    os.mkfifo(npm_files.file("bad"))


def _socket(npm_files: NpmFiles) -> None:
    npm_files.file("bad").unlink()
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patch:
        patch.chdir(npm_files.images)  # a socket's path is short
        listener.bind("bad.pixstore-image")


def _huge(npm_files: NpmFiles) -> None:
    os.truncate(npm_files.file("bad"), 2**40)


FILES: list[tuple[str, Damage]] = [
    ("missing", lambda npm: npm.file("bad").unlink()),
    ("authentication", _swap),
    ("authentication", _flip),
    ("authentication", lambda npm: os.truncate(npm.file("bad"), 40)),
    ("authentication", lambda npm: npm.file("bad").write_bytes(b"")),
    ("link", _link_outside),
    ("not a regular file", _directory),
    ("not a regular file", _pipe),
    ("not a regular file", _socket),
    ("max_image_bytes", _huge),
    ("max_image_bytes", lambda npm: npm.add("bad", large_png(MAX_BYTES + 1))),
    ("format byte", lambda npm: npm.add("bad", format_byte=0)),
    ("format byte", lambda npm: npm.add("bad", format_byte=200)),
    ("format byte says webp", lambda npm: npm.add("bad", picture("png"), format_byte=2)),
    ("not an image", lambda npm: npm.add("bad", b"<html><script>alert(1)</script></html>")),
    ("PNG", lambda npm: npm.add("bad", b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>")),
    ("truncated", lambda npm: npm.add("bad", picture()[:-5])),
    ("no bytes", lambda npm: npm.add("bad", b"")),
]


@pytest.mark.parametrize(("reason", "damage"), FILES)
async def test_bad_files(npm_files: NpmFiles, target: Pixstore, reason: str, damage: Damage) -> None:
    """A file that is missing, another's, changed, a link, a folder, a pipe, huge or no image is refused."""
    npm_files.add("bad")
    damage(npm_files)
    assert reason in await refusal(npm_files, target)


async def test_the_longest_image_is_taken(npm_files: NpmFiles, target: Pixstore) -> None:
    """An image of exactly the size limit is taken over."""
    npm_files.add("long", large_png(MAX_BYTES))
    assert (await take(npm_files, target)).moved == 1


async def test_a_linked_subfolder(npm_files: NpmFiles, target: Pixstore) -> None:
    """A directory of the images folder that is a link out of it is not entered."""
    npm_files.add("players:bad")
    (npm_files.images / "players").rename(npm_files.root / "outside")
    (npm_files.images / "players").symlink_to(npm_files.root / "outside")
    assert "link" in await refusal(npm_files, target)


async def test_one_nonce_for_two_images(npm_files: NpmFiles, target: Pixstore) -> None:
    """Importing under a seal that is another image's is refused and stores nothing: it would give both away."""
    npm_files.add("a")
    await take(npm_files, target)
    sealed = await target.export_image("a")
    assert sealed is not None
    for data in (picture("png", seed=1), large_png(5_000_000)):
        with pytest.raises(IntegrityError, match="seal does not belong to this image"):
            await target.import_image("b", data, token=1, seal=sealed.seal)
    assert not await target.image_exists("b")
    assert str(sealed.seal.key) not in repr(sealed)


@pytest.mark.parametrize("change", [{"key": b""}, {"iv": bytes(16)}, {"tag": bytes(12)}])
def test_seals_have_fixed_lengths(change: dict[str, bytes]) -> None:
    """A seal of any other length than AES-256-GCM's is an InputError."""
    with pytest.raises(InputError, match="seal"):
        Seal(**{"key": bytes(32), "iv": bytes(12), "tag": bytes(16), "format": "png", **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW image_records AS SELECT 'a' AS id, 1 AS token, '{}' AS meta",
        "CREATE VIRTUAL TABLE image_records USING fts5(id, token, meta)",
        "CREATE TABLE image_records (id TEXT)",
        "CREATE TABLE image_records (id TEXT PRIMARY KEY, token, meta) WITHOUT ROWID",
        "CREATE TABLE other (id TEXT)",
        "CREATE TABLE image_records (id TEXT PRIMARY KEY, token, meta AS (hex(zeroblob(400000000))))",
        "CREATE TABLE image_records (id TEXT PRIMARY KEY, token, meta, RowId)",
    ],
)
async def test_a_table_that_is_none(npm_files: NpmFiles, target: Pixstore, statement: str) -> None:
    """A view, a virtual table or a table of other columns is refused as a whole, before anything of it runs."""
    npm_files.run("DROP TABLE image_records")
    npm_files.run(statement)
    with pytest.raises(InputError, match="npm's pixstore"):
        await take(npm_files, target)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIRTUAL TABLE image_records USING rtree(id, token, meta)",
        "CREATE VIRTUAL TABLE image_records USING fts5(id, token, meta)",
    ],
)
async def test_a_table_in_name_alone(npm_files: NpmFiles, target: Pixstore, statement: str) -> None:
    """A virtual table is refused also where the schema's entry says that it is a table with pages."""
    npm_files.run("DROP TABLE image_records")
    npm_files.run(statement)
    with closing(sqlite3.connect(npm_files.database)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET type = 'table', rootpage = 2 WHERE name = 'image_records'")
    with pytest.raises(InputError, match="no table image_records"):
        await take(npm_files, target)


@pytest.mark.parametrize(
    ("sql", "name"), [("CREATE TABLE broken (", "\x1b]0;title\x07"), ("CREATE INDEX broken", "\u202egnp\r")]
)
async def test_errors_are_shown_safely(npm_files: NpmFiles, target: Pixstore, sql: str, name: str) -> None:
    """SQLite's errors quote names from the file: control characters for terminals are escaped."""
    with closing(sqlite3.connect(npm_files.database)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES ('table', ?, ?, 2, ?)", (name, name, sql))
    with pytest.raises(InputError, match="malformed") as refused:
        await take(npm_files, target)
    assert str(refused.value).isprintable()


async def test_rows_out_of_order(npm_files: NpmFiles, target: Pixstore) -> None:
    """Rows with numbers that do not rise, which could go on forever, end the import."""
    for number in (10, 20):
        npm_files.run("INSERT INTO image_records (rowid, id, token, meta) VALUES (?, ?, 1, '{}')", number, f"n{number}")
    data = bytearray(npm_files.database.read_bytes())
    # A row is its length, its number, then a head of 4 bytes before the id.
    data[data.index(b"n20", 4096) - 5] = 1
    npm_files.database.write_bytes(data)
    with pytest.raises(InputError, match="out of order"):
        await take(npm_files, target)


@pytest.mark.slow
def test_pages_within_themselves(npm_files: NpmFiles) -> None:
    """A table of a few pages that refer to one another over and over is counted to an end."""
    npm_files.database.unlink()
    npm_files.run("CREATE TABLE image_records (id TEXT, token, meta)")
    npm_files.run("INSERT INTO image_records VALUES ('n', 1, '{}')")
    data = bytearray(npm_files.database.read_bytes())
    assert len(data) == 2 * 4096
    data[4096:] = b"".join([_inner_page(below) for below in (3, 4, 5, 6)]) + data[4096:]
    data[28:32] = (len(data) // 4096).to_bytes(4, "big")
    npm_files.database.write_bytes(data)
    with open_npm_source(npm_files.database, npm_files.images) as source:
        assert source.count() == 10_000_000


def _inner_page(below: int) -> bytes:
    """Return an inner page of a table with 200 cells that all lead to the page `below`."""
    cells, child = 200, below.to_bytes(4, "big")
    start = 4096 - 5 * cells
    head = b"\5\0\0" + cells.to_bytes(2, "big") + start.to_bytes(2, "big") + b"\0" + child
    pointers = b"".join((start + 5 * number).to_bytes(2, "big") for number in range(cells))
    return (head + pointers).ljust(start, b"\0") + (child + b"\5") * cells


async def test_a_damaged_database(npm_files: NpmFiles, target: Pixstore) -> None:
    """Pages full of noise end the import with an error of this package, and images before them stay."""
    with closing(sqlite3.connect(npm_files.database)) as db, db:
        db.executemany("INSERT INTO image_records VALUES (?, 1, ?)", [(f"n{n}", "x" * 500) for n in range(500)])
    with npm_files.database.open("r+b") as file:
        file.seek(8192)
        file.write(drawn("noise", 60_000))
    with pytest.raises(InputError, match="can't be read"):
        await take(npm_files, target)


@pytest.mark.parametrize("text", ["\x1b[31m", "a\rb", "\u202egnp", "\ud800", "'; rm -rf /", "\0", "x" * 10_000, "\n"])
def test_ids_are_shown_safely(text: str) -> None:
    """Control characters for terminals are escaped, and long texts are cut."""
    shown = quoted(text)
    assert shown.isprintable()
    assert len(shown) < 70
