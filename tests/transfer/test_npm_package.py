"""Both directions with the published npm package: each side serves the store that the other one wrote."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, Variant
from tests.demo.process import run, running
from tests.support.samples import SECRET, large_png, picture
from tests.transfer.npm_package import Backend, backend, page

pytestmark = pytest.mark.servers

KINDS = ("png", "webp", "jpeg")
PLACES = (None, "players")
VARIANTS = (Variant("thumb", width=16), Variant("card", width=32, format="webp"))


def paths(folder: Path) -> tuple[Path, Path]:
    folder.mkdir()
    return folder / ".pixstore.sqlite", folder / "pixstore-images"


def rows_of(database: Path) -> dict[str, tuple[int, str]]:
    with closing(sqlite3.connect(database)) as db:
        return {row[0]: row[1:] for row in db.execute("SELECT id, token, meta FROM image_records")}


def fill(npm: Backend) -> list[Any]:
    """Save one image of each kind, in a directory and outside, and update one of them."""
    records = [npm.save(picture(kind), directory) for kind in KINDS for directory in (None, "players")]
    return [*records[:-1], npm.update(records[-1]["id"], picture("jpeg", seed=5))]


def take_over(database: Path, images: Path, into: Path) -> None:
    result = run(
        "import", "npm", "--database", str(database), "--images", str(images), "--into", str(into), secret=SECRET
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"6 images taken over into {into}\n"


async def fresh_records(database: Path, npm_records: list[Any]) -> list[Any]:
    async with Pixstore(database, secret=SECRET) as pix:
        found = await pix.get_image_records([record["id"] for record in npm_records])
    return [found[record["id"]] for record in npm_records]


async def test_browsers_caches_stay_valid(tmp_path: Path, npm_node_path: str) -> None:
    """A page that read its images from the npm back end shows them after the move without a request, with our records;
    a page with an empty cache loads the same bytes and types from our server."""
    database, images = paths(tmp_path / "npm")
    ours = tmp_path / "ours.db"
    with backend(npm_node_path, database, images) as npm:
        npm_records = fill(npm)
        take_over(database, images, ours)
        records = await fresh_records(ours, npm_records)
        with running("serve", "--database", str(ours), "--port", "0", secret=SECRET) as server:
            npm_records = [npm.record(record["id"]) for record in npm_records]
            before = [(npm.url, record) for record in npm_records]
            moved = page(npm_node_path, [*before, *((server.url, record) for record in records)])
            fresh = page(npm_node_path, [(server.url, record) for record in records])
    shown = [answer["image"] for answer in moved[:6]]
    assert shown == [*(picture(kind) for kind in ("png", "png", "webp", "webp", "jpeg")), picture("jpeg", seed=5)]
    assert [answer["image"] for answer in moved[6:]] == shown == [answer["image"] for answer in fresh]
    assert [answer["requests"] for answer in moved] == [1] * 6 + [0] * 6
    assert [answer["type"] for answer in fresh] == [answer["type"] for answer in moved[:6]]
    for npm_record, record in zip(npm_records, records, strict=True):
        assert (record["token"], record["meta"]) == (npm_record["token"], npm_record["meta"])


async def test_round_trip(tmp_path: Path, npm_node_path: str) -> None:
    """From npm to ours and back, the files and rows are those that npm wrote; its back end serves them to its front
    end, those saved here too, and goes on with them."""
    first = paths(tmp_path / "npm")
    ours = tmp_path / "ours.db"
    with backend(npm_node_path, *first) as npm:
        npm_records = fill(npm)
    take_over(*first, ours)
    async with Pixstore(ours, secret=SECRET) as pix:
        mine = await pix.save_image(picture("jpeg", seed=9), directory="players")
    back = tmp_path / "back"
    result = run("export", "npm", "--database", str(ours), "--to", str(back), secret=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    second = back / ".pixstore.sqlite", back / "pixstore-images"
    assert str(second[0]) in result.stdout
    for path in first[1].rglob("*.pixstore-image"):
        assert (second[1] / path.relative_to(first[1])).read_bytes() == path.read_bytes()
    rows, again_rows = rows_of(first[0]), rows_of(second[0])
    assert {image_id: again_rows.pop(image_id) for image_id in rows} == rows
    assert set(again_rows) == {mine.id}
    with backend(npm_node_path, *second) as npm:
        ids = [record["id"] for record in npm_records] + [mine.id]
        again = [npm.record(image_id) for image_id in ids]
        answers = page(npm_node_path, [(npm.url, record) for record in again])
        updated = npm.update(mine.id, picture("webp"))
    for old, new in zip([*npm_records, mine], again, strict=True):
        assert (new["token"], new["meta"]) == (old["token"], old["meta"])
    kept = [*(picture(kind) for kind in ("png", "png", "webp", "webp", "jpeg")), picture("jpeg", seed=5)]
    assert [answer["image"] for answer in answers] == [*kept, picture("jpeg", seed=9)]
    assert updated["token"] > mine.token


async def test_a_large_picture_goes_through_a_file_and_back(tmp_path: Path, npm_node_path: str) -> None:
    """Imported from npm, its body is a file. A page that read it from the npm back end has it in its cache, a page with
    an empty cache loads it from our server, and the export is npm's own file again.
    """
    first, ours, bodies, back = paths(tmp_path / "npm"), tmp_path / "ours.db", tmp_path / "bodies", tmp_path / "back"
    image = large_png(3_800_000)
    place = ("--blobs", str(bodies))
    with backend(npm_node_path, *first) as npm:
        npm_record = npm.save(image, "players")
        source = ("--database", str(first[0]), "--images", str(first[1]))
        result = run("import", "npm", *source, "--into", str(ours), *place, secret=SECRET)
        assert (result.returncode, result.stderr) == (0, "")
        assert [path.stat().st_size for path in bodies.glob("??/*")] == [1 + len(image)]
        async with Pixstore(ours, blobs=bodies, secret=SECRET) as pix:
            record = await pix.get_image_record(npm_record["id"])
        with running("serve", "--database", str(ours), *place, "--port", "0", secret=SECRET) as server:
            moved = page(npm_node_path, [(npm.url, npm_record), (server.url, record)])
            fresh = page(npm_node_path, [(server.url, record)])
    assert [answer["image"] for answer in (*moved, *fresh)] == [image] * 3
    assert [answer["requests"] for answer in (*moved, *fresh)] == [1, 0, 1]
    result = run("export", "npm", "--database", str(ours), *place, "--to", str(back), secret=SECRET)
    assert (result.returncode, result.stderr) == (0, "")
    for path in first[1].rglob("*.pixstore-image"):
        assert (back / "pixstore-images" / path.relative_to(first[1])).read_bytes() == path.read_bytes()


async def test_variants_go_there_and_back(tmp_path: Path, npm_node_path: str) -> None:
    """npm's back end serves variants as images of their own, which its front end shows; brought back they are variants
    again, those of what it updated excepted, and `variants` completes all of them."""
    ours, back, again = tmp_path / "ours.db", tmp_path / "back", tmp_path / "again.db"
    async with Pixstore(ours, secret=SECRET, variants=VARIANTS) as pix:
        saved = [await pix.save_image(picture("jpeg", seed=seed), directory=place) for seed, place in enumerate(PLACES)]
        ids = [each for record in saved for each in (record.id, *(variant.id for variant in record.variants.values()))]
        exported = [await pix.export_image(image_id) for image_id in ids]
    result = run("export", "npm", "--database", str(ours), "--to", str(back), secret=SECRET)
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, f"2 images and 4 variants written to {back}")
    database, images = back / ".pixstore.sqlite", back / "pixstore-images"
    with backend(npm_node_path, database, images) as npm:
        answers = page(npm_node_path, [(npm.url, npm.record(image_id)) for image_id in ids])
        npm.update(saved[1].id, picture("webp"))
    assert [answer["image"] for answer in answers] == [each.image.data for each in exported if each]
    assert [answer["type"] for answer in answers] == ["image/jpeg", "image/jpeg", "image/webp"] * 2
    taken = ("--database", str(database), "--images", str(images), "--into", str(again))
    result = run("import", "npm", *taken, secret=SECRET)
    assert (result.returncode, result.stdout.splitlines()[0]) == (1, f"2 images and 2 variants taken over into {again}")
    assert result.stdout.count("its original was updated later") == 2
    wanted = ("--variant", "thumb:width=16", "--variant", "card:width=32,format=webp")
    result = run("variants", "--database", str(again), *wanted, secret=SECRET)
    assert (result.returncode, result.stdout) == (0, f"2 images completed in {again}\n")
    async with Pixstore(again, secret=SECRET, variants=VARIANTS) as pix:
        first, second = (await pix.get_image_records([each.id for each in saved])).values()
        assert [await pix.export_image(image_id) for image_id in ids[:3]] == exported[:3]
    assert [each.width for each in first.variants.values()] == [each.width for each in second.variants.values()]
    assert list(second.variants) == ["thumb", "card"]


async def test_a_running_back_end_is_only_read(tmp_path: Path, npm_node_path: str) -> None:
    """While the npm back end has its store open, import reads it, and changes nothing in it."""
    database, images = paths(tmp_path / "npm")
    with backend(npm_node_path, database, images) as npm:
        fill(npm)
        before = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in _below(database)}
        take_over(database, images, tmp_path / "ours.db")
        after = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in _below(database)}
    assert after == before


def _below(database: Path) -> list[Path]:
    return sorted([database.parent, *database.parent.rglob("*")])
