"""The findings of `verify`: a damaged byte in any column, chunk or object, and unneeded parts."""

import asyncio
import json
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.images import Tombstone
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import StoreBusy, StoreDamaged
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.inspection import Fault, Inspectable
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.upkeep.verify import Reading, verify_images, verify_rest
from tests.support.postgres import Cluster
from tests.support.s3 import BUCKET, S3Server
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import KEY_OF_IMAGE
from tests.support.stores import Place, new_place
from tests.transfer.npm_files import NpmFiles

IMAGES = {"players:small": picture(), "players:large": large_png(1_500_000), "plain": large_png(300_000)}
CHANGED = {False: ("changed_ms", "changed_ms"), True: ("changed_ms) VALUES (1, 0)", "changed_at) VALUES (1, now())")}
"""When a body was changed, in the words of SQLite's table and PostgreSQL's."""
LONG_AGO = {False: "changed_ms = 0", True: "changed_at = now() - interval '1 day'"}


@pytest.fixture(params=["sqlite", "postgres", "sqlite+s3", pytest.param("postgres+s3", marks=pytest.mark.soak)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place of each kind, with three images."""
    made = new_place(request.param, tmp_path, request)
    for name, value in {**made.environment, "PIXSTORE_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    asyncio.run(save_images(made))
    return made


async def save_images(place: Place) -> None:
    async with Pixstore(place.database, blobs=place.blobs) as pix:
        for name, image in IMAGES.items():
            await pix.import_image(name, image, token=1)


def verify(place: Place, *options: str, secret: str | None = SECRET) -> Result:
    blobs = ["--blobs", place.blobs] if place.blobs else []
    arguments = ["verify", "--database", place.database, *blobs, *options]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": secret})


def faults(place: Place, *, images: int = len(IMAGES)) -> dict[str, str]:
    """Return the findings of verify, with their reasons."""
    result = verify(place, "--json")
    found = json.loads(result.stdout)
    assert (found["images"], found["complete"]) == (images, True)
    assert result.exit_code == (1 if found["faults"] else 0)
    return {fault["what"]: fault["reason"] for fault in found["faults"]}


class Tables:
    """The rows of a store's tables, read and changed without the store. Statements are SQLite's."""

    def __init__(self, place: Place, cluster: Cluster | None) -> None:
        self._place = place
        self._cluster = cluster

    @property
    def is_postgres(self) -> bool:
        return self._cluster is not None

    def run(self, statement: str) -> str:
        """Run a statement and return the first column of its rows, a line each."""
        if self._cluster is None:
            before = os.stat(self._place.database)
            with closing(sqlite3.connect(self._place.database)) as db, db:
                found = "\n".join(str(row[0]) for row in db.execute(statement).fetchall())
            # As a disk damages it: a file that another program wrote to is checked when it is opened, and refused.
            os.utime(self._place.database, ns=(before.st_atime_ns, before.st_mtime_ns))
            return found
        statement = re.sub(r"hex\((\w+)\)", r"encode(\1, 'hex')", statement.replace("blob", "body"))
        statement = re.sub(r"x'(\w*)'", r"'\\x\1'", statement)
        statement = re.sub(r"id = (\d+) << 16", r"body = \1 AND number = 0", statement)
        statement = re.sub(r"(FROM|INTO|UPDATE) (\w+)", r"\1 pixstore.\2", statement)
        return self._cluster.run(statement, urlsplit(self._place.database).path[1:])

    def delete_images(self) -> None:
        """Delete all images, and not their bodies."""
        self.run("DELETE FROM image")
        if not self.is_postgres:
            self.run("DELETE FROM wrapped_key")

    def flip(self, column: str, table: str = "image", where: str = "id = 'plain'") -> None:
        """Change one bit of a value."""
        if self.is_postgres:
            self.run(f"UPDATE {table} SET {column} = set_byte({column}, 3, get_byte({column}, 3) # 1) WHERE {where}")
            return
        value = bytearray.fromhex(self.run(f"SELECT hex({column}) FROM {table} WHERE {where}"))
        value[3] ^= 1
        self.run(f"UPDATE {table} SET {column} = x'{value.hex()}' WHERE {where}")


@pytest.fixture
def tables(place: Place, request: pytest.FixtureRequest) -> Tables:
    return Tables(place, request.getfixturevalue("postgres") if "://" in place.database else None)


def test_a_store_that_is_well(place: Place) -> None:
    """All images are read, and there is nothing to say."""
    result = verify(place)
    assert (result.exit_code, result.output) == (0, "3 images read\nall is well\n")


@pytest.mark.parametrize("column", ["version", "iv", "tag", "wrapped_key"])
def test_a_changed_byte_of_a_row(place: Place, tables: Tables, column: str) -> None:
    """Any change of a row's facts about its image is found, and the image named."""
    if column == "wrapped_key" and not tables.is_postgres:
        tables.flip("value", "wrapped_key", KEY_OF_IMAGE.replace("?", "'plain'"))
    else:
        tables.flip(column)
    assert list(faults(place)) == ["image plain"]


@pytest.mark.parametrize(
    "change",
    [
        "format = 3 - format",
        "size = size - 1",
        "size = size + 1",
        *(f"{number} = {number} + 256" for number in ("token", "created_ms", "epoch", "checksum")),
    ],
)
def test_a_changed_number_of_a_row(place: Place, tables: Tables, change: str) -> None:
    """A change of format or length, or of a number that no key protects, is found too."""
    tables.run(f"UPDATE image SET {change} WHERE id = 'plain'")
    assert "image plain" in faults(place)


async def test_what_is_written_is_no_damage(place: Place) -> None:
    """Numbers that no key protects and their checksum change together with every write, also for tombstones."""
    async with Pixstore(place.database, blobs=place.blobs, secret=[OTHER_SECRET, SECRET]) as pix:
        await pix.update_image("plain", picture())
        await pix.delete_image("players:small")
        await pix.revoke("plain")
        await pix.revoke(directory="players")
        await pix.rewrap_keys()
        store = connect(place.database, place.blobs)
        await store.open()
        assert isinstance(store, Inspectable)
        try:
            for epoch in (7, 9):
                await store.put_tombstones([Tombstone("players:small", 2**50, epoch), Tombstone("gone", 3, epoch)])
            assert [fault async for fault in store.faults()] == []
        finally:
            await store.close()


def test_a_row_that_is_no_row(place: Place, tables: Tables) -> None:
    """An image of which only the id can be read is named, and the others are read all the same."""
    tables.run("UPDATE image SET created_ms = NULL, tag = NULL WHERE id = 'plain'")
    assert list(faults(place)) == ["image plain"]


def test_a_damaged_image_that_is_saved_again_is_whole(place: Place, tables: Tables) -> None:
    """The advice of verify helps: `update_image` repairs an unreadable row, and one that lost its key."""
    tables.run("UPDATE image SET tag = NULL WHERE id = 'plain'")
    tables.run("UPDATE image SET iv = NULL WHERE id = 'players:large'")
    assert sorted(faults(place)) == ["image plain", "image players:large"]

    async def mend() -> None:
        async with Pixstore(place.database, blobs=place.blobs) as pix:
            for image_id in ("plain", "players:large"):
                with pytest.raises(StoreDamaged):
                    await pix.update_image(image_id, picture(), if_token=1)
                await pix.update_image(image_id, IMAGES[image_id])

    asyncio.run(mend())
    assert faults(place) == {}


def test_a_row_of_another_image(place: Place, tables: Tables) -> None:
    """The row and body of one image under another one's id are no image."""
    tables.run("UPDATE image SET id = 'other' WHERE id = 'plain'")
    assert list(faults(place)) == ["image other"]


@pytest.mark.parametrize("image_id", IMAGES)
def test_a_changed_byte_of_a_body(place: Place, tables: Tables, s3_server: S3Server, image_id: str) -> None:
    """One bit of any body, in the database, a folder or a bucket, is found."""
    where = f"id = '{image_id}'"
    if place.blobs:
        name = tables.run(f"SELECT hex(version) FROM image WHERE {where}").lower()
        objects = objects_of(place, s3_server)
        body = bytearray(objects.read(name))
        body[len(body) // 2] ^= 1
        objects.write(name, bytes(body))
    else:
        blob = tables.run(f"SELECT blob FROM image WHERE {where}")
        tables.flip("data", "chunk", f"id = {blob} << 16")
    assert list(faults(place)) == [f"image {image_id}"]


def test_what_is_lost_or_of_nobody(place: Place, tables: Tables, s3_server: S3Server) -> None:
    """A body that is not there, marked as dead or of no image, and an object that no row has, are named."""
    blobs = {name: tables.run(f"SELECT blob FROM image WHERE id = '{name}'") for name in IMAGES}
    tables.run(f"UPDATE blob SET state = 2 WHERE id = {blobs['plain']}")
    tables.run("INSERT INTO blob (state, changed_ms) VALUES (1, 0)".replace(*CHANGED[tables.is_postgres]))
    stray = tables.run(f"SELECT id FROM blob WHERE id NOT IN ({', '.join(blobs.values())})")
    expected = {"image plain": "its row points to a body that does not exist", f"body {stray}": "no image points to it"}
    if place.blobs:
        for name in ("00" * 16, "a-note.txt"):
            objects_of(place, s3_server).write(name, b"stray")
            expected[f"object {name}"] = "no row of the database has it"
        small = tables.run("SELECT hex(version) FROM image WHERE id = 'players:small'").lower()
        objects_of(place, s3_server).remove(small)
        expected["image players:small"] = "its body is missing"
    else:
        tables.run(f"DELETE FROM chunk WHERE id = {blobs['players:large']} << 16")
        expected["image players:large"] = "a part of its body is missing"
    found = faults(place)
    assert found.keys() == expected.keys()
    for what, reason in expected.items():
        assert reason in found[what] or what.startswith("image"), found[what]


def test_a_key_of_nobody(place: Place, tables: Tables) -> None:
    """A wrapped key that should have gone with its image is named."""
    if tables.is_postgres:
        pytest.skip("wrapped keys are in the rows of images there")
    tables.run(f"INSERT INTO wrapped_key VALUES ({(1 << 56) + 999}, zeroblob(52))")
    assert faults(place) == {"body 999": "it has a key, and no image points to it"}


class Bucket:
    """The objects of a place in the S3 server, without S3."""

    def __init__(self, place: Place, s3: S3Server) -> None:
        assert place.blobs is not None
        self._url = f"http://127.0.0.1:{s3.filer_port}/buckets/{BUCKET}{urlsplit(place.blobs).path}"

    def read(self, name: str) -> bytes:
        return httpx.get(f"{self._url}/{name}").raise_for_status().content

    def write(self, name: str, content: bytes) -> None:
        httpx.put(f"{self._url}/{name}", content=content).raise_for_status()

    def remove(self, name: str) -> None:
        httpx.delete(f"{self._url}/{name}").raise_for_status()


class Folder:
    """The files of a folder of bodies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        return self._file(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        self._file(name).parent.mkdir(exist_ok=True)
        self._file(name).write_bytes(content)

    def remove(self, name: str) -> None:
        self._file(name).unlink()

    def _file(self, name: str) -> Path:
        return self._folder / name[:2] / name


def objects_of(place: Place, s3: S3Server) -> Bucket | Folder:
    """Return the bodies outside the database of a place."""
    assert place.blobs is not None
    return Bucket(place, s3) if "://" in place.blobs else Folder(Path(place.blobs))


async def test_a_store_that_tells_nothing_of_itself() -> None:
    """Of a store without tables the images are read, and their faults told."""
    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:
        record = await pix.save_image(picture())
        ring = KeyRing(SECRET).bound_to(await store.database_id())
        assert [each.fault async for each in verify_images(store, ring)] == [None]
        other = KeyRing(OTHER_SECRET).bound_to(await store.database_id())
        (fault,) = [each.fault async for each in verify_images(store, other)]
        assert fault is not None
        assert fault.what == f"image {record.id}"
        assert [fault async for fault in verify_rest(store)] == []


def test_the_secret_is_needed(place: Place) -> None:
    """Without the secret nothing is read, and with another one it is said which is needed."""
    other = verify(place, secret=OTHER_SECRET)
    assert (other.exit_code, other.stdout) == (1, "")
    assert "was written with secret" in other.stderr
    none = verify(place, secret=None)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "set PIXSTORE_SECRET to the secret of this store" in none.stderr


def test_what_was_found_before_an_error_is_told(place: Place, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store goes away in the middle, the findings so far are printed, and not that all is well."""
    tables.flip("tag")

    async def go_away(store: object) -> AsyncIterator[Fault]:
        raise StoreBusy("the store is away: try again")
        yield

    monkeypatch.setattr("pixstore_asgi.cli.upkeep_commands.verify_rest", go_away)
    result = verify(place)
    assert result.exit_code == 1
    assert result.stdout.startswith("3 images read\n1 fault:\n  image plain: ")
    assert "the store is away" in result.stderr
    assert json.loads(verify(place, "--json").stdout)["complete"] is False


@pytest.mark.parametrize("read", [0, 1])
def test_images_that_could_not_be_read_are_told(place: Place, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the list of images ends in an error, the rest is looked at, and not everything was read."""

    async def ends_early(store: object, ring: object) -> AsyncIterator[Reading]:
        for _ in range(read):
            yield Reading("plain", None, 300_000)
        raise StoreDamaged("it is damaged: restore it from a backup")

    monkeypatch.setattr("pixstore_asgi.cli.upkeep_commands.verify_images", ends_early)
    found = json.loads(verify(place, "--json").stdout)
    assert (found["images"], found["complete"]) == (read, False)
    reason = "it is damaged: restore it from a backup; the images after it were not read"
    assert found["faults"] == [{"what": "the database", "reason": reason}]
    assert verify(place).stdout.endswith(f"read\n1 fault:\n  the database: {reason}\n")


def test_a_store_that_is_none_is_not_made(place: Place) -> None:
    """A URL with another schema, a path without a file: nothing is made there, and it is said."""
    other = f"{place.database}?schema=other" if "://" in place.database else f"{place.database}.other"
    for command in ("verify", "stats", "gc"):
        result = CliRunner().invoke(commands, [command, "--database", other])
        assert result.exit_code in (1, 2)
        assert "there is no store at" in result.output or "does not exist" in result.output


@pytest.mark.parametrize("command", ["verify", "gc"])
def test_the_bucket_is_needed(place: Place, command: str) -> None:
    """Where bodies are in a bucket it must be named, or all of them would be lost ones."""
    result = CliRunner().invoke(commands, [command, "--database", place.database])
    assert ("pass --blobs" in result.output) == bool(place.blobs)


def test_rows_that_point_wrong(place: Place, tables: Tables) -> None:
    """A body that two images have, an image without one, and an object under another name: none of them is stray."""
    blobs = {name: tables.run(f"SELECT blob FROM image WHERE id = '{name}'") for name in IMAGES}
    tables.run(f"UPDATE image SET blob = {blobs['players:small']} WHERE id = 'players:large'")
    tables.run("UPDATE image SET blob = NULL WHERE id = 'plain'")
    found = faults(place, images=2)
    assert found["image plain"] == "its row points to no body"
    assert found[f"body {blobs['players:small']}"] == "more than one image points to it"
    assert not [what for what in found if what.startswith("object")]
    if place.blobs:
        tables.flip("object", "blob", f"id = {blobs['players:small']}")
        found = faults(place, images=2)
        assert found["image players:small"] == "its row names another object than its version"
        assert not [what for what in found if what.startswith("object")]


def test_nothing_is_taken_away(place: Place, tables: Tables, tmp_path: Path) -> None:
    """Reads leave unneeded bodies in place: of a backup, the bucket's objects may be needed."""
    blobs = ["--blobs", place.blobs] if place.blobs else []
    tables.run(f"UPDATE blob SET state = 2, {LONG_AGO[tables.is_postgres]}")
    tables.delete_images()
    database = ["--database", place.database]
    npm = NpmFiles(tmp_path / "npms")
    npm.add("players:ada", picture())
    npms = ["--database", str(npm.database), "--images", str(npm.images)]
    for command in (
        ["verify", *database, *blobs],
        ["stats", *database],
        ["export", "images", *database, *blobs, "--to", str(tmp_path / "images")],
        ["export", "npm", *database, *blobs, "--to", str(tmp_path / "npm")],
        ["variants", *database, *blobs, "--variant", "thumb:width=64,height=64", "--dry-run"],
        ["import", "npm", *npms, "--into", place.database, *blobs, "--dry-run"],
    ):
        result = CliRunner().invoke(commands, command)
        assert result.exit_code == 0, result.output
    assert tables.run("SELECT count(*) FROM blob") == str(len(IMAGES))


def test_stats_and_gc(place: Place, tables: Tables) -> None:
    """`stats` counts images, variants and bytes by directory, deleted ids, and the bodies that gc removes."""

    def stats() -> Any:
        return json.loads(CliRunner().invoke(commands, ["stats", "--database", place.database, "--json"]).stdout)

    async def change() -> None:
        async with Pixstore(place.database, blobs=place.blobs) as pix:
            await pix.delete_image("plain")

    found = stats()
    assert found["all"] == {"images": 3, "variants": 0, "bytes": sum(len(image) + 1 for image in IMAGES.values())}
    assert {name: amount["images"] for name, amount in found["directories"].items()} == {"": 1, "players": 2}
    assert list(found["keys"].values()) == [3]
    assert (found["deleted"], found["unused"]["bodies"]) == (0, 0)
    outside = {"bodies": 3, "bytes": found["all"]["bytes"]} if place.blobs else {"bodies": 0, "bytes": 0}
    assert found["outside"] == outside
    asyncio.run(change())
    found = stats()
    assert (found["all"]["images"], found["deleted"]) == (2, 1)
    tables.run(f"UPDATE blob SET {LONG_AGO[tables.is_postgres]} WHERE state = 2")
    blobs = ["--blobs", place.blobs] if place.blobs else []
    result = CliRunner().invoke(commands, ["gc", "--database", place.database, *blobs])
    assert result.exit_code == 0, result.output
    assert (
        result.output
        == f"{found['unused']['bodies']} {'body' if found['unused']['bodies'] == 1 else 'bodies'} removed\n"
    )
    assert stats()["unused"]["bodies"] == 0


@pytest.mark.slow
def test_gc_leaves_what_the_application_still_keeps(place: Place, tables: Tables) -> None:
    """If only time shows that a body is read, gc keeps replaced bodies for the given grace period."""
    if place.database.endswith(".db") and not place.blobs:
        pytest.skip("leases tell exactly what is being read")
    yesterday = f"changed_ms = {(int(time.time()) - 86_400) * 1000}"
    tables.run(f"UPDATE blob SET state = 2, {LONG_AGO[True] if tables.is_postgres else yesterday}")
    tables.delete_images()
    blobs = ["--blobs", place.blobs] if place.blobs else []
    command = ["gc", "--database", place.database, *blobs]
    kept = CliRunner().invoke(commands, [*command, "--sweep-grace-s", "100000"])
    assert kept.output == f"0 bodies removed\n{len(IMAGES)} bodies kept for now: within --sweep-grace-s, or in use\n"
    assert CliRunner().invoke(commands, command).output == f"{len(IMAGES)} bodies removed\n"


async def test_others_may_write_meanwhile(place: Place) -> None:
    """Images that are replaced and deleted while all is read are no faults."""
    async with Pixstore(place.database, blobs=place.blobs) as pix:
        store = connect(place.database, place.blobs)
        await store.open()
        ring = KeyRing(SECRET).bound_to(await store.database_id())

        async def write() -> None:
            for number in range(10):
                await pix.update_image("plain", large_png(300_000 + number))
                await pix.update_image("players:large", large_png(1_500_000 + number))
            await pix.delete_image("players:small")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            for _ in range(5):
                assert {each.fault async for each in verify_images(store, ring)} == {None}
                assert [fault async for fault in verify_rest(store)] == []
        await store.close()
