"""A bucket or prefix that is not the one of a store: no sweep forgets a row, and each says which place was asked."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.store.connect import connect
from pixstore_asgi.store.inspection import Inspectable
from tests.support.s3 import BUCKET, S3Server
from tests.support.samples import SECRET, large_png, picture
from tests.support.stores import Place, new_place

pytestmark = pytest.mark.slow

ONE_MORE = "and-one-more"


@pytest.fixture(params=["sqlite+s3", "postgres+s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty place of each kind."""
    made = new_place(request.param, tmp_path, request)
    for name, value in {**made.environment, "PIXSTORE_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    return made


def elsewhere(place: Place) -> Place:
    """Return the place with another prefix."""
    assert place.blobs
    return place._replace(blobs=place.blobs.replace("?", f"/{ONE_MORE}?"))


async def save(place: Place, *image_ids: str) -> None:
    async with Pixstore(place.database, blobs=place.blobs) as pix:
        for image_id in image_ids:
            await pix.import_image(image_id, picture(), token=1)


async def update(place: Place, *image_ids: str) -> None:
    async with Pixstore(place.database, blobs=place.blobs) as pix:
        for image_id in image_ids:
            await pix.update_image(image_id, large_png(3000))


async def delete(place: Place, *image_ids: str) -> None:
    async with Pixstore(place.database, blobs=place.blobs) as pix:
        for image_id in image_ids:
            await pix.delete_image(image_id)


async def unused(place: Place) -> int:
    """Return how many bodies wait for a sweep."""
    store = connect(place.database, sweeps_at_close=False)
    assert isinstance(store, Inspectable)
    await store.open()
    try:
        return (await store.unused()).bodies
    finally:
        await store.close()


async def lose(s3: S3Server, place: Place, image_id: str) -> None:
    """Remove the object of an image with the bucket's own tools."""
    store = connect(place.database, place.blobs)
    await store.open()
    image = await store.get(image_id)
    await store.close()
    assert image
    assert place.blobs
    prefix = place.blobs.partition("?")[0].removeprefix(f"s3://{BUCKET}/")
    async with httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{s3.filer_port}/buckets/{BUCKET}/{prefix}/{image.meta.version.hex()}"
        (await http.delete(url)).raise_for_status()


def gc(place: Place) -> Result:
    arguments = ["gc", "--database", place.database, "--blobs", str(place.blobs), "--sweep-grace-s", "0"]
    return CliRunner().invoke(commands, arguments)


def is_refused(result: Result) -> bool:
    return result.exit_code == 1 and f"/{ONE_MORE} at http://127.0.0.1" in result.output


def test_gc_refuses_another_prefix(place: Place) -> None:
    """It ends with the place's name and exit code 1 and forgets no row; with the right prefix it then removes all."""
    asyncio.run(save(place, "a", "b"))
    asyncio.run(update(place, "a", "b"))
    for _ in range(2):
        result = gc(elsewhere(place))
        assert is_refused(result), result.output
        assert "nothing is removed there" in result.output
        assert asyncio.run(unused(place)) == 2
    assert gc(place).output == "2 bodies removed\n"
    assert asyncio.run(unused(place)) == 0


def test_the_newest_images_do_not_vouch_for_the_oldest(place: Place) -> None:
    """A prefix that was changed by mistake has the images that were saved since, and none of before."""
    asyncio.run(save(place, "a", "b", "c", "d"))
    asyncio.run(update(place, "a", "b", "c", "d"))
    asyncio.run(save(elsewhere(place), "e", "f", "g", "h"))
    for each in (place, elsewhere(place)):
        result = gc(each)
        assert (result.exit_code, "(4 looked for)" in result.output) == (1, True), result.output
    assert asyncio.run(unused(place)) == 4


def test_one_lost_object_stops_nothing(place: Place, s3: S3Server) -> None:
    """One lost object among those that are asked for is no other bucket."""
    asyncio.run(save(place, "a", "b"))
    asyncio.run(update(place, "b"))
    asyncio.run(lose(s3, place, "a"))
    assert gc(place).output == "1 body removed\n"


def test_without_live_images_only_seen_bodies_go(place: Place) -> None:
    """If all images are deleted, another prefix loses no row, and the right one removes all bodies."""
    asyncio.run(save(place, "a", "b"))
    asyncio.run(delete(place, "a", "b"))
    assert gc(elsewhere(place)).output.startswith("0 bodies removed\n2 bodies kept for now")
    assert asyncio.run(unused(place)) == 2
    assert gc(place).output == "2 bodies removed\n"


async def test_an_application_forgets_nothing_either(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sweeps on a write and at its close fail with a line of level error that names the place."""
    await save(place, "a", "b", "c", "d", "e")
    await update(place, "a")
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._EVERY_S", 0.0)
    store = connect(elsewhere(place).database, elsewhere(place).blobs, sweep_grace_s=0)
    async with Pixstore(store) as pix:
        await pix.save_image(picture())
        await store._occasional_gc.ended()  # type: ignore[attr-defined]
    failed = [each for each in caplog.records if getattr(each, "event", "") == "sweep_failed"]
    assert [each.levelno for each in failed] == [logging.ERROR] * 2
    assert all(f"/{ONE_MORE} at http://127.0.0.1" in each.getMessage() for each in failed)
    assert await unused(place) == 1


def test_doctor_tells(place: Place) -> None:
    """It names a place that has none of the current bodies, and is content with the right one."""
    asyncio.run(save(place, "a"))
    for each, exit_code in ((place, 0), (elsewhere(place), 1)):
        result = CliRunner().invoke(commands, ["doctor", "--database", each.database, "--blobs", str(each.blobs)])
        assert result.exit_code == exit_code, result.output
        assert ("(1 looked for)" in result.output) == bool(exit_code)
