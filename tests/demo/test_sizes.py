"""The demo's own Pixstore, through ASGI: thumbnails, placeholders, and pictures refused for their pixels."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pixstore_asgi import ImageRecord, Pixstore
from pixstore_asgi.demo.app import THUMBNAIL, create_pixstore
from tests.demo.asgi import PICTURES, batch_of, demo_client, entries_of, headers_of, listed_ids
from tests.demo.photos import half_png
from tests.support.samples import SECRET, picture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("painted_once"), pytest.mark.slow]


@pytest.fixture
async def sized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """A demo as the command line starts it."""
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    async with demo_client(create_pixstore(tmp_path / "pixstore.db")) as client:
        yield client


async def test_every_record_brings_thumbnail_and_placeholder(sized: httpx.AsyncClient) -> None:
    """Painted and uploaded pictures have a size, which the list knows too, a ThumbHash, and a smaller thumbnail."""
    await sized.post(PICTURES, content=picture("jpeg", 600))
    listed = (await sized.get(PICTURES)).json()["pictures"]
    assert {(each["width"], each["height"]) for each in listed} == {(600, 600), (900, 600)}
    entries = await entries_of(sized, *(each["id"] for each in listed))
    assert [entry["bytes"] for entry in entries] == [each["bytes"] for each in listed]
    for entry in entries:
        record = ImageRecord.parse(entry["record"])
        thumbnail = record.variants[THUMBNAIL.name]
        assert 5 <= len(record.placeholder or b"") <= 25
        assert (thumbnail.width, thumbnail.height) == THUMBNAIL.size_of(record.width or 0, record.height or 0)
        answer = await sized.get(f"/images/{thumbnail.id}", headers=headers_of(thumbnail))
        assert answer.headers["x-pixstore-state"] == "Success"
        assert len(answer.content) < entry["bytes"]


async def test_a_thumbnail_can_be_cut_and_its_original_stays_whole(sized: httpx.AsyncClient) -> None:
    """The page breaks the picture that it shows: the thumbnail's next body is halved, and no other."""
    image_id = (await listed_ids(sized))[0]
    (entry,) = await entries_of(sized, image_id)
    thumbnail = ImageRecord.parse(entry["record"]).variants[THUMBNAIL.name]
    assert (
        await sized.post("/api/faults/truncation", params={"id": [thumbnail.id, "demo:x~thumb"]})
    ).status_code == 204
    (whole,) = await batch_of(sized, image_id)
    first, second = [await sized.get(f"/images/{thumbnail.id}", headers=headers_of(thumbnail)) for _ in range(2)]
    assert len(first.content) == (len(second.content) + 1) // 2
    assert len(whole) > entry["bytes"]


async def test_a_picture_that_does_not_decode_is_400_in_words(sized: httpx.AsyncClient) -> None:
    """A PNG with a whole container and truncated pixels is refused with the reason, and not listed."""
    answer = await sized.post(PICTURES, content=half_png())
    assert answer.status_code == 400
    assert answer.json()["detail"] == "the PNG image does not decode: it is damaged"
    assert len(await listed_ids(sized)) == 6


async def test_a_gallery_from_before_thumbnails_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that an earlier version saved have neither size nor thumbnail, and a record that opens them."""
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    data = picture("png")
    async with Pixstore(tmp_path / "pixstore.db") as pix:
        saved = await pix.save_image(data, directory="demo")
    async with demo_client(create_pixstore(tmp_path / "pixstore.db")) as client:
        (listed,) = (await client.get(PICTURES)).json()["pictures"]
        assert (listed["id"], listed["width"], listed["height"]) == (saved.id, None, None)
        assert listed["bytes"] == len(data)
        (entry,) = await entries_of(client, saved.id)
        assert "variants" not in entry["record"]
