"""`pixstore-asgi variants`, run as users run it: its variants, output, exit codes, and state after a kill."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import click
import obstore
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import ImageRecord, Pixstore, Variant, WireState
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.cli.variants_command import variants
from pixstore_asgi.core.padding import bucket_bytes
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.transfer.steps import Step
from tests.demo.process import run as run_process
from tests.stress.stores import left_in
from tests.support.payloads import served
from tests.support.s3 import S3Server
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.sqlite import WITH_KEYS
from tests.support.stores import MIXED, Place, new_place

_T = TypeVar("_T")

COUNT = 12
BROKEN = picture("png")[:-20] + bytes(4) + picture("png")[-16:]
THUMB, CARD = Variant("thumb", width=16), Variant("card", width=32, height=20, format="webp", quality=90)
WANTED = ("--variant", "thumb:width=16", "--variant", "card:width=32,height=20,format=webp,quality=90")


def within(database: object, work: Callable[[Pixstore], Awaitable[_T]], **options: object) -> _T:
    """Return the result of `work` for a Pixstore of this database."""

    async def opened() -> _T:
        async with Pixstore(str(database), secret=SECRET, **options) as pix:  # type: ignore[arg-type]
            return await work(pix)

    return asyncio.run(opened())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of 12 images without variants, three of them in a directory."""

    async def save_all(pix: Pixstore) -> None:
        for seed in range(COUNT):
            await pix.save_image(picture("jpeg", seed=seed), directory="players" if seed < 3 else None)

    within(tmp_path / "images.db", save_all)
    return tmp_path / "images.db"


def run(database: object, *more: str, secret: str | None = SECRET) -> Result:
    arguments = ["variants", "--database", str(database), *more]
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": secret})


def records_of(database: object, **options: object) -> dict[str, ImageRecord]:
    async def read(pix: Pixstore) -> dict[str, ImageRecord]:
        return await pix.get_image_records([info.id for info in await pix.list_images(limit=1000)])

    return within(database, read, **{"variants": (THUMB, CARD), **options})


def rows_of(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute(f"SELECT id, token, version, value, details FROM {WITH_KEYS} ORDER BY id").fetchall()


def test_help_is_complete() -> None:
    """Every option explains itself, and the help says in which order application and command come."""
    for option in variants.params:
        assert isinstance(option, click.Option)
        assert option.help
    text = " ".join(CliRunner().invoke(commands, ["variants", "--help"]).output.split())
    assert "Start the application with the same variants first" in text


@pytest.mark.slow
@pytest.mark.parametrize("store", MIXED)
def test_images_of_before_get_variants(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In every store, records of images that were saved without carry all of it afterwards, and pages get the pictures;
    the images themselves, their tokens and keys stay, while an application has them open."""
    place = Place(str(tmp_path / "images.db"), None, {}) if store == "sqlite" else new_place(store, tmp_path, request)
    for name, value in place.environment.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    blobs = ("--blobs", place.blobs) if place.blobs else ()

    async def steps(application: Pixstore) -> None:
        async with Pixstore(place.database, blobs=place.blobs, secret=SECRET) as earlier:
            saved = [await earlier.save_image(picture("jpeg", seed=seed)) for seed in range(COUNT)]
        before = await application.get_image_records([record.id for record in saved])
        assert [(record.width, record.variants) for record in before.values()] == [(None, {})] * COUNT
        for said in (f"{COUNT} images completed in ", "0 images completed in "):
            command = [sys.executable, "-c", "from pixstore_asgi.cli import main; main()", "variants"]
            process = await asyncio.create_subprocess_exec(
                *[*command, "--database", place.database, *blobs, *WANTED, "--placeholder"],
                env={**os.environ, "PIXSTORE_SECRET": SECRET},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await process.communicate()
            assert (process.returncode, errors) == (0, b"")
            assert output.decode().startswith(said)
        for record in saved:
            after = await application.get_image_record(record.id)
            assert after is not None
            assert (after.token, after["meta"], after.width, after.height) == (record.token, record["meta"], 48, 48)
            assert after.placeholder
            sizes = {name: (each.width, each.height) for name, each in after.variants.items()}
            assert sizes == {"thumb": (16, 16), "card": (20, 20)}
            for each in (after, *after.variants.values()):
                assert (await served(application, each))[0] is WireState.SUCCESS
            assert await served(application, record) == await served(application, after)

    within(place.database, steps, blobs=place.blobs, variants=(THUMB, CARD))


@pytest.mark.slow
def test_what_is_there_is_skipped(database: Path) -> None:
    """A second run changes no row. --again replaces the listed variants. --directory reaches only its images."""
    first = run(database, *WANTED, "--directory", "players")
    assert (first.exit_code, first.output) == (0, f"3 images completed in {database}\n")
    second = run(database, *WANTED)
    assert (second.exit_code, second.output.splitlines()) == (
        0,
        [f"{COUNT - 3} images completed in {database}", "3 images skipped, complete already"],
    )
    before = rows_of(database)
    assert run(database, *WANTED).output.splitlines()[1] == f"{COUNT} images skipped, complete already"
    assert rows_of(database) == before
    again = run(database, "--variant", "thumb:width=8", "--again")
    assert (again.exit_code, again.output) == (0, f"{COUNT} images completed in {database}\n")
    changed = {str(row[0]) for row in set(rows_of(database)) - set(before)}
    assert changed == {name for name in (str(row[0]) for row in before) if name.endswith("~thumb")}
    assert {record.variants["thumb"].width for record in records_of(database).values()} == {8}


@pytest.mark.slow
def test_dry_run_writes_nothing(database: Path) -> None:
    """--dry-run reports the planned work, and changes nothing."""
    before = rows_of(database)
    result = run(database, *WANTED, "--dry-run")
    assert (result.exit_code, result.output) == (
        0,
        f"{COUNT} images would be completed in {database}; nothing was written\n",
    )
    assert rows_of(database) == before


@pytest.mark.slow
def test_what_does_not_decode_is_listed(database: Path) -> None:
    """Each image that does not decode has a line with its id and the reason; the others are completed; exit code 1."""
    bad = within(database, lambda pix: pix.save_image(BROKEN)).id
    result = run(database, *WANTED)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.output.splitlines() == [
        f"{COUNT} images completed in {database}",
        "1 image left alone:",
        f"  '{bad}'  the PNG image does not decode: it is damaged",
    ]
    assert sum(len(record.variants) for record in records_of(database).values()) == 2 * COUNT


@pytest.mark.slow
def test_what_is_not_all_there_is_listed(tmp_path: Path, s3: S3Server) -> None:
    """An image without its body in the bucket is listed, and the others get their variants."""
    database, blobs = tmp_path / "images.db", s3.url(f"variants-{abs(hash(tmp_path))}")

    async def save_all(pix: Pixstore) -> list[str]:
        return [(await pix.save_image(picture("jpeg", seed=seed))).id for seed in range(3)]

    async def lose(pix: Pixstore) -> None:
        image = await parts_of(pix).store.get(ids[0])
        assert image is not None
        bucket = S3Bucket(blobs)
        await bucket.open()
        assert bucket._opened() is not None
        await obstore.delete_async(bucket._opened()._store, image.meta.version.hex())

    ids = within(database, save_all, blobs=blobs)
    within(database, lose, blobs=blobs)
    result = run(database, "--blobs", blobs, *WANTED)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.output.splitlines()[:2] == [f"2 images completed in {database}", "1 image left alone:"]
    assert result.output.splitlines()[2].startswith(
        f"  '{ids[0]}'  the object of image {ids[0]} is missing from the bucket: "
    )


@pytest.mark.slow
def test_lengths_are_padded_on_request(database: Path) -> None:
    """With --pad-to the lengths of variants are those of buckets, as an application with pad_to saves them."""
    assert run(database, *WANTED, "--pad-to", "bucket").exit_code == 0

    async def sizes(pix: Pixstore) -> list[int]:
        return [info.size + 1 for info in await pix.list_images(limit=1000, variants=True) if "~" in info.id]

    padded = within(database, sizes)
    assert len(padded) == 2 * COUNT
    assert padded == [bucket_bytes(size) for size in padded]


DIES_AFTER_FIVE = """
import os, signal
from pixstore_asgi.transfer.steps import Report
add = Report.add
def dying(self, step):
    add(self, step)
    if self.moved == 5:
        os.kill(os.getpid(), signal.SIGKILL)
Report.add = dying
from pixstore_asgi.cli import main; main()
"""
DIES_WITHIN_AN_IMAGE = """
import os, signal
from pixstore_asgi.saving.backfill import Backfill
add, added = Backfill._add, []
async def dying(self, *values):
    await add(self, *values)
    added.append(1)
    if len(added) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
Backfill._add = dying
from pixstore_asgi.cli import main; main()
"""
DIES_IN_A_WRITE = """
import os, signal
from pixstore_asgi.store.writers import Writer
finish, finished = Writer._finish, []
async def dying(self, meta):
    finished.append(1)
    if len(finished) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return await finish(self, meta)
Writer._finish = dying
from pixstore_asgi.cli import main; main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [DIES_AFTER_FIVE, DIES_WITHIN_AN_IMAGE, DIES_IN_A_WRITE],
    ids=["between images", "within an image", "in a write"],
)
def test_a_run_that_was_killed_goes_on(database: Path, code: str) -> None:
    """After kill -9 a second run makes the rest, nothing twice; no body is left that no image has."""
    arguments = ["variants", "--database", str(database), *WANTED, "--placeholder"]
    killed = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PIXSTORE_SECRET": SECRET},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    there = {row[0]: row for row in rows_of(database) if "~" in str(row[0])}
    assert 0 < len(there) < 2 * COUNT
    result = run_process(*arguments, secret=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    records = records_of(database)
    assert {(record.width, len(record.variants), bool(record.placeholder)) for record in records.values()} == {
        (48, 2, True)
    }
    assert {name: row for name, row in there.items() if row in rows_of(database)} == there
    within(database, lambda pix: parts_of(pix).store.sweep(limit=1000))
    assert not any(asyncio.run(left_in(str(database))).values())


@pytest.mark.parametrize(("option", "goes_on"), [([], True), (["--again"], False), (["--dry-run"], False)])
def test_it_is_told_whether_a_second_run_goes_on(
    database: Path, option: list[str], goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that makes everything again, or writes nothing, begins at the start."""

    async def stopped(*_: object, **options: object) -> AsyncIterator[Step]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("pixstore_asgi.cli.variants_command.make_variants", stopped)
    result = run(database, *WANTED, *option)
    assert (result.exit_code, "to continue" in result.stderr) == (130, goes_on)


@pytest.mark.slow
def test_ctrl_c_ends_with_a_report(database: Path) -> None:
    """Ctrl-C ends a run with its report so far and how to continue, and leaves no process."""
    code = DIES_AFTER_FIVE.replace("SIGKILL", "SIGINT").replace(
        "import os, signal\n", "import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n", 1
    )
    arguments = [sys.executable, "-c", code, "variants", "--database", str(database), *WANTED]
    environment = {**os.environ, "PIXSTORE_SECRET": SECRET}
    stopped = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert stopped.returncode == 130
    assert stopped.stdout.splitlines()[0].endswith(f"images completed in {database}")
    assert stopped.stderr == "Stopped. Run the same command again to continue.\n"
    assert run(database, *WANTED).exit_code == 0
    assert {len(record.variants) for record in records_of(database).values()} == {2}


@pytest.mark.parametrize(
    "variant",
    [
        "thumb",
        "thumb:",
        "thumb:320",
        "thumb:width",
        "thumb:width=",
        "thumb:width=-1",
        "thumb:width=3.5",
        "thumb:width=1,width=2",
        "thumb:wide=320",
        "thumb:width=320,",
        "thumb:width=0",
        "thumb:width=99999999",
        "thumb:format=webp",
        "thumb:width=1,format=bmp",
        "thumb:width=1,quality=0",
        "thumb:width=1,height=1,fit=fill",
        "thumb:width=1,fit=cover",
        "thumb:width=1,height=1,focus=0x0",
        "thumb:width=1,height=1,fit=cover,focus=0.5",
        "thumb:width=1,height=1,fit=cover,focus=0.5x2",
        "thumb:width=1,height=1,fit=cover,focus=1.2.3x0",
        "Thumb:width=1",
        ":width=1",
        "a~b:width=1",
    ],
)
def test_a_variant_that_can_not_be_is_a_wrong_use(variant: str, tmp_path: Path) -> None:
    """A wrong variant is refused with an example, or with its mistake. The exit code is 2, and nothing is made."""
    (tmp_path / "images.db").touch()
    result = run(tmp_path / "images.db", "--variant", variant)
    assert (result.exit_code, "Invalid value for '--variant'" in result.stderr) == (2, True)
    assert os.listdir(tmp_path) == ["images.db"]


def test_two_variants_of_one_name_are_a_wrong_use(tmp_path: Path) -> None:
    """Each variant has a name of its own."""
    (tmp_path / "images.db").touch()
    result = run(tmp_path / "images.db", "--variant", "a:width=1", "--variant", "a:width=2")
    assert (result.exit_code, "give each a name of its own" in result.stderr) == (2, True)


def test_the_wrong_secret_is_one_line(database: Path) -> None:
    """With another secret than the database's nothing is made, and no database where there is none."""
    result = run(database, *WANTED, secret=OTHER_SECRET)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "the store was written with secret" in result.stderr
    assert run(database.with_name("none.db"), *WANTED).exit_code == 2
    assert not database.with_name("none.db").exists()


@pytest.mark.slow
def test_a_variant_may_cover_its_box(database: Path) -> None:
    """The command takes fit and focus of a variant."""
    assert run(database, "--variant", "avatar:width=16,height=24,fit=cover,focus=0.5x.25").exit_code == 0
    avatar = Variant("avatar", 16, 24, fit="cover", focus=(0.5, 0.25))
    made = [record.variants["avatar"] for record in records_of(database, variants=(avatar,)).values()]
    assert [(each.width, each.height) for each in made] == [(16, 24)] * COUNT
