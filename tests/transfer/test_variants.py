"""Variants on the way out and back: beside their originals, and never beside another version of them."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.core.images import ExportedImage
from pixstore_asgi.decoding.pool import _KILLED, DecodingKilled, Pool
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.transfer.exports import NpmTarget, export_files, export_npm, open_npm_target
from pixstore_asgi.transfer.folder import Folder
from pixstore_asgi.transfer.npm_import import ALL_FORMATS, NpmImport
from pixstore_asgi.transfer.npm_source import open_npm_source
from pixstore_asgi.transfer.steps import Report, Step, ids_of
from pixstore_asgi.transfer.variants import make_variants
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.transfer.copies import list_ids
from tests.transfer.imports import take
from tests.transfer.npm_files import TOKEN, NpmFiles

VARIANTS = (Variant("thumb", width=16), Variant("card", width=32, format="webp"))
IDS = ["a", "players:ada"]
ALL_IDS = [f"{image_id}{end}" for image_id in IDS for end in ("", "~card", "~thumb")]

pytestmark = pytest.mark.slow


@pytest.fixture
async def full() -> AsyncIterator[Pixstore]:
    """A Pixstore with two images, each with two variants."""
    async with Pixstore(MemoryStore(), secret=SECRET, image_formats=ALL_FORMATS, variants=VARIANTS) as pix:
        for token, image_id in enumerate(IDS, TOKEN):
            await pix.import_image(image_id, picture("jpeg", seed=token), token=token)
        yield pix


@pytest.fixture
async def other() -> AsyncIterator[Pixstore]:
    """An empty one, with another secret."""
    async with Pixstore(MemoryStore(), secret=OTHER_SECRET, image_formats=ALL_FORMATS) as pix:
        yield pix


async def told(steps: AsyncIterator[Step]) -> Report:
    report = Report()
    async for step in steps:
        report.add(step)
    return report


async def to_npm(pix: Pixstore, root: Path) -> NpmFiles:
    """Export all, and return the files as an import takes them."""
    with open_npm_target(root) as npm:
        assert (await told(export_npm(pix, await list_ids(parts_of(pix).store), npm, all_formats=True))).left == []
    return NpmFiles(root)


async def exported(pix: Pixstore) -> dict[str, ExportedImage | None]:
    return {image_id: await pix.export_image(image_id) for image_id in await list_ids(parts_of(pix).store)}


def without_details(images: dict[str, ExportedImage | None]) -> dict[str, tuple[object, ...]]:
    return {name: (each.token, each.seal, each.ciphertext) for name, each in images.items() if each}


def reasons(report: Report) -> dict[str, str]:
    return {step.image_id: step.reason for step in report.left}


async def test_variants_stand_behind_their_originals(full: Pixstore) -> None:
    """Moves list each original first and its variants after it. Originals can be listed without variants."""
    await full.import_image("a-b", picture(), token=1)
    await full.import_image("a:b", picture(), token=1)
    ids = await list_ids(parts_of(full).store)
    originals = ["a", "a-b", "a:b", "players:ada"]
    assert sorted(ids) == sorted([*originals, *(f"{each}~{name}" for each in originals for name in ("card", "thumb"))])
    assert all(ids.index(image_id.partition("~")[0]) <= ids.index(image_id) for image_id in ids)
    assert await list_ids(parts_of(full).store, "players") == ALL_IDS[3:]
    assert [each async for each in ids_of(parts_of(full).store, originals_only=True)] == [
        "a",
        "a-b",
        "a:b",
        "players:ada",
    ]


async def test_files_lie_side_by_side(full: Pixstore, tmp_path: Path) -> None:
    """A variant is a file beside its original's, of its own format and bytes."""
    with Folder(tmp_path / "out", create=True) as folder:
        assert (await told(export_files(full, await list_ids(parts_of(full).store), folder))).moved == 6
    names = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")}
    assert names == {
        Path(f"{stem}{end}") for stem in ("a", "players/ada") for end in (".jpg", "~thumb.jpg", "~card.webp")
    }
    card = await full.export_image("players:ada~card")
    assert card is not None
    assert (tmp_path / "out" / "players" / "ada~card.webp").read_bytes() == card.image.data


async def test_npm_and_back(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """Through a store of the npm package all come back with ids, tokens, keys and ciphertext; what an import can't know
    is made afterwards, and changes nothing of that."""
    npm = await to_npm(full, tmp_path / "npm")
    assert npm.file("players:ada~thumb").name == "ada~thumb.pixstore-image"
    report = await take(npm, other)
    assert (report.moved, report.left) == (6, [])
    assert without_details(await exported(other)) == without_details(await exported(full))
    again = await take(npm, other)
    assert (again.moved, again.present, again.left) == (0, 6, [])
    async with Pixstore(parts_of(other).store, secret=OTHER_SECRET, variants=VARIANTS) as later:
        assert (await told(make_variants(later, IDS))).moved == 2
        assert await exported(later) == await exported(full)
        records = await later.get_image_records(IDS)
    assert [list(record.variants) for record in records.values()] == [["thumb", "card"]] * 2


async def test_originals_come_first_whatever_the_order(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """Variants with rows before their originals are taken over after them. A second run takes the missing ones."""
    npm = await to_npm(full, tmp_path / "npm")
    with closing(sqlite3.connect(npm.database)) as db, db:
        rows = db.execute("SELECT * FROM image_records ORDER BY id DESC").fetchall()
        db.execute("DELETE FROM image_records")
        db.executemany("INSERT INTO image_records VALUES (?, ?, ?)", rows[1:])
    assert (await take(npm, other)).moved == 5
    with closing(sqlite3.connect(npm.database)) as db, db:
        db.execute("INSERT INTO image_records VALUES (?, ?, ?)", rows[0])
    report = await take(npm, other)
    assert (report.moved, report.present, report.left) == (1, 5, [])
    assert sorted(await exported(other)) == sorted(ALL_IDS)


async def test_a_dry_run_takes_nothing(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """It reports for variants the same as the import, with a target and without one."""
    npm = await to_npm(full, tmp_path / "npm")
    for target in (other, None):
        report = await take(npm, target, dry_run=True)
        assert (report.moved, report.left) == (6, [])
    assert await list_ids(parts_of(other).store) == []


async def test_a_variant_of_an_earlier_version_is_left(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """npm's back end updates and deletes originals without their variants: these variants are skipped, to be made
    again.
    """
    npm = await to_npm(full, tmp_path / "npm")
    npm.add("a", picture("webp"), format_byte=2, token=TOKEN + 1_000_000)
    npm.run("DELETE FROM image_records WHERE id = 'players:ada'")
    report = await take(npm, other)
    assert report.moved == 1
    updated = "its original was updated later: run `pixstore-asgi variants` to make it again"
    gone = "its original was not taken over"
    assert reasons(report) == {
        "a~card": updated,
        "a~thumb": updated,
        "players:ada~card": gone,
        "players:ada~thumb": gone,
    }
    assert await list_ids(parts_of(other).store) == ["a"]


async def test_variants_never_mix_with_another_version_of_the_target(
    full: Pixstore, other: Pixstore, tmp_path: Path
) -> None:
    """Where the target's original is another one, newer or older than the source's, no variant is put beside it; with
    `updates` the whole group is replaced."""
    npm = await to_npm(full, tmp_path / "npm")
    await other.import_image("a", picture("webp"), token=TOKEN - 5)
    await other.import_image("players:ada", picture("webp"), token=TOKEN + 5)
    left = reasons(await take(npm, other))
    assert left.keys() == set(ALL_IDS)
    assert left["a~thumb"] == left["players:ada~card"] == "its original was not taken over"
    assert await list_ids(parts_of(other).store) == IDS
    report = await take(npm, other, updates=True)
    assert report.moved == 3
    assert reasons(report).keys() == set(ALL_IDS[3:])
    wanted = without_details(await exported(full))
    assert {name: value for name, value in without_details(await exported(other)).items() if name in ALL_IDS[:3]} == {
        name: wanted[name] for name in ALL_IDS[:3]
    }


async def test_a_variant_that_was_made_again_is_an_update(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """A newer variant of the same original is left alone, and replaced with `updates`; an older one never is."""
    first = await to_npm(full, tmp_path / "first")
    assert (await take(first, other)).moved == 6
    async with Pixstore(parts_of(full).store, secret=SECRET, variants=[Variant("thumb", width=8)]) as pix:
        await told(make_variants(pix, IDS, again=True))
    second = await to_npm(full, tmp_path / "second")
    assert {name: "--update" in reason for name, reason in reasons(await take(second, other)).items()} == {
        "a~thumb": True,
        "players:ada~thumb": True,
    }
    assert (await take(second, other, updates=True)).moved == 2
    assert without_details(await exported(other)) == without_details(await exported(full))
    assert set(reasons(await take(first, other, updates=True)).values()) == {"the target has a newer version of it"}


async def test_an_original_that_was_updated_meanwhile_gets_no_variant(
    full: Pixstore, other: Pixstore, tmp_path: Path
) -> None:
    """If the target's original changes during the import, variants of its earlier version are refused."""
    npm = await to_npm(full, tmp_path / "npm")
    report = Report()
    with open_npm_source(npm.database, npm.images) as source:
        async for step in NpmImport(source, other, 1_000_000).steps():
            report.add(step)
            if report.moved == 2:  # both originals
                await other.update_image("a", picture("webp"))
    assert reasons(report).keys() == {"a~thumb", "a~card"}
    assert await list_ids(parts_of(other).store) == ["a", *ALL_IDS[3:]]


async def test_an_export_never_mixes_versions(full: Pixstore, tmp_path: Path) -> None:
    """Where an image is updated between the export of itself and of its variants, these are left alone; so are those
    of an image that was left alone."""
    with open_npm_target(tmp_path / "npm") as npm:
        report = await told(_updating(full, npm))
    assert reasons(report) == dict.fromkeys(ALL_IDS[1:3], "its original was skipped, or was updated meanwhile")
    assert report.moved == 4
    gif = await full.save_image(picture("gif"), directory="gifs")
    with open_npm_target(tmp_path / "second") as npm:
        ids = [image_id for image_id in await list_ids(parts_of(full).store) if image_id.startswith("gifs")]
        report = await told(export_npm(full, ids, npm))
    assert (report.moved, set(reasons(report))) == (0, {gif.id, f"{gif.id}~card", f"{gif.id}~thumb"})


async def _updating(pix: Pixstore, npm: NpmTarget) -> AsyncIterator[Step]:
    async for step in export_npm(pix, await list_ids(parts_of(pix).store), npm):
        yield step
        if step.image_id == "a":
            await pix.update_image("a", picture("jpeg", seed=9))


@pytest.mark.parametrize(
    "image_id", ["a~", "~thumb", "a~b~c", "a~Thumb", "a~../x", "a~b/c", "a:b:c~d", "a~" + "x" * 33]
)
async def test_what_is_no_id_of_a_variant_is_left(npm_files: NpmFiles, other: Pixstore, image_id: str) -> None:
    """A row under an id that only looks like a variant's is told, and nothing of it is stored or read."""
    meta = npm_files.add("a", picture("jpeg"), format_byte=3)
    npm_files.row(image_id, TOKEN, str(meta).replace("'", '"'))
    report = await take(npm_files, other)
    assert (report.moved, list(reasons(report))) == (1, [image_id])
    assert "id must be" in reasons(report)[image_id]


async def test_a_damaged_variant_is_left(full: Pixstore, other: Pixstore, tmp_path: Path) -> None:
    """A variant with a changed file is skipped, and all others are taken over."""
    npm = await to_npm(full, tmp_path / "npm")
    npm.file("a~thumb").write_bytes(npm.file("a~card").read_bytes())
    report = await take(npm, other)
    assert report.moved == 5
    assert "fails authentication" in reasons(report)["a~thumb"]


async def test_a_picture_whose_decoding_is_killed_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that needs more memory than there is keeps no other from its variants, in this run and the next."""
    too_large = picture("jpeg", seed=1)
    attempt = Pool._attempt

    async def kill_one(pool: Pool, server: Any, request: bytes, pieces: Sequence[bytes]) -> Any:
        if b"".join(pieces) == too_large:
            raise DecodingKilled(_KILLED)
        return await attempt(pool, server, request, pieces)

    store = MemoryStore()
    async with Pixstore(store, secret=SECRET) as pix:
        for image_id, data in (("a", too_large), ("b", picture("jpeg", seed=2)), ("c", picture("jpeg", seed=3))):
            await pix.import_image(image_id, data, token=1)
    monkeypatch.setattr(Pool, "_attempt", kill_one)
    async with Pixstore(store, secret=SECRET, variants=VARIANTS) as pix:
        report = await told(make_variants(pix, ["a", "b", "c"]))
    assert (report.moved, list(reasons(report))) == (2, ["a"])
    assert "was killed, perhaps because memory ran out" in reasons(report)["a"]
