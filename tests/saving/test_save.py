"""Saves: new images, new versions and images from elsewhere, stored as a whole or not at all."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import (
    ImageNotFound,
    InvalidImage,
    Pixstore,
    PixstoreError,
    WireState,
)
from pixstore_asgi.core.ids import MAX_TOKEN
from pixstore_asgi.errors import ImageTooLarge, InputError, StoreConflict
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.testing import FixedClock
from tests.support.payloads import served
from tests.support.samples import HOSTILE_IDS, SECRET, large_png, picture
from tests.support.turns import counted_turns


async def test_bad_images_are_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    """Empty, truncated, disguised, unlisted and oversized images are refused; an update leaves the old image."""
    store = SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET, max_image_bytes=2_000_000) as pix:
        record = await pix.save_image(picture())
        huge = large_png(2_000_001)

        async def endless() -> AsyncIterator[bytes]:
            yield huge
            while True:
                yield huge[-1000:]

        bad: list[tuple[Any, type[PixstoreError]]] = [
            (b"", InvalidImage),
            (picture()[:-5], InvalidImage),
            (large_png(1_900_000)[:-5], InvalidImage),
            (b"\x89PNG\r\n\x1a\n<html></html>" * 100, InvalidImage),
            (picture("gif"), InvalidImage),
            (huge, ImageTooLarge),
            (endless(), ImageTooLarge),
        ]
        for data, error in bad:
            with pytest.raises(error):
                await pix.update_image(record.id, data)
        with pytest.raises(ImageTooLarge, match="max_image_bytes, 2,000,000 bytes"):
            await pix.save_image(memoryview(huge))
        assert [image.id for image in await store.list()] == [record.id]
        assert await served(pix, record) == (WireState.SUCCESS, picture())
        assert await served(pix, await pix.save_image(huge[:0] + large_png(2_000_000)))


async def test_an_update_replaces_image_key_and_token(pix: Pixstore) -> None:
    """After an update an old record gets the new image as Updated; the new record gets Success; the key is another."""
    old = await pix.save_image(picture(), directory="players")
    new = await pix.update_image(old.id, picture("jpeg"))
    assert new.id == old.id
    assert new.token > old.token
    assert new.key != old.key
    assert await served(pix, old) == (WireState.UPDATED, picture("jpeg"))
    assert await served(pix, new) == (WireState.SUCCESS, picture("jpeg"))


async def test_an_update_from_a_file(pix: Pixstore, tmp_path: Path) -> None:
    """An image is replaced by the one in a file."""
    path = tmp_path / "image.webp"
    path.write_bytes(picture("webp"))
    record = await pix.save_image(picture())
    assert await served(pix, await pix.update_image_from_file(record.id, path)) == (0, picture("webp"))


@pytest.mark.parametrize("image_id", ["unknown", *HOSTILE_IDS])
async def test_an_update_of_no_image_is_refused(pix: Pixstore, image_id: str) -> None:
    """Updating an unknown image raises ImageNotFound before the upload is read."""

    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the upload was read")
        yield b""

    with pytest.raises(ImageNotFound):
        await pix.update_image(image_id, unread())


async def test_an_image_deleted_during_its_update_stays_deleted(pix: Pixstore) -> None:
    """A delete wins over an update that was still uploading."""
    record = await pix.save_image(picture())

    async def upload() -> AsyncIterator[bytes]:
        yield picture("jpeg")
        await pix.delete_image(record.id)

    with pytest.raises(ImageNotFound):
        await pix.update_image(record.id, upload())
    assert not await pix.image_exists(record.id)


async def test_ids_are_random_and_take_a_directory(pix: Pixstore) -> None:
    """Ids are 22 characters from `secrets`, with the directory before a colon as it was given."""
    ids = {(await pix.save_image(picture(), directory="Players_1-a")).id for _ in range(20)}
    assert len(ids) == 20
    assert {image_id.partition(":")[0] for image_id in ids} == {"Players_1-a"}
    assert {len(image_id.partition(":")[2]) for image_id in ids} == {22}
    assert ":" not in (await pix.save_image(picture())).id


@pytest.mark.parametrize("directory", ["", "a b", "a/b", "..", "ä", "x" * 65, "a:b", 7])
async def test_a_bad_directory_is_refused(pix: Pixstore, directory: Any) -> None:
    """A directory that can't be part of an id is an error, not rewritten."""
    with pytest.raises(InputError, match="directory must be"):
        await pix.save_image(picture(), directory=directory)


@pytest.mark.parametrize("directory", [uuid.uuid4(), 5, b"players"])
async def test_a_directory_of_another_type(pix: Pixstore, directory: Any) -> None:
    """A directory that is not text is refused because of its type, not its letters."""
    with pytest.raises(InputError, match=rf"must be a str, not {type(directory).__name__}: pass str"):
        await pix.save_image(picture(), directory=directory)


async def test_randomness_comes_from_secrets(pix: Pixstore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, ivs and version ids come from `secrets`."""
    drawn: list[bytes] = []

    def token_bytes(length: int) -> bytes:
        drawn.append(bytes([len(drawn) + 1]) * length)
        return drawn[-1]

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    record = await pix.save_image(picture())
    assert [len(value) for value in drawn] == [16, 32, 12, 16]  # id, key, iv, version
    assert (record.key, record.iv) == (drawn[1], drawn[2])


async def test_the_event_loop_goes_on_while_a_large_image_is_sealed(pix: Pixstore) -> None:
    """Sealing more than 256 KiB happens in a worker thread: other tasks get their turns meanwhile."""
    async with counted_turns() as turns:
        await pix.save_image(large_png(8_000_000))
    assert turns.count > 5


async def test_an_update_of_a_known_token_never_overwrites_another(pix: Pixstore) -> None:
    """With if_token the image is replaced only while that is its token: of two updates at once, one is a conflict."""
    record = await pix.save_image(picture())
    updates = [pix.update_image(record.id, picture(kind), if_token=record.token) for kind in ("png", "webp", "jpeg")]
    results = await asyncio.gather(*updates, return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    assert [type(result) for result in results if isinstance(result, BaseException)] == [StoreConflict] * 2
    assert len(won) == 1
    with pytest.raises(StoreConflict, match=f"has token {won[0].token}, not {record.token}"):
        await pix.update_image(record.id, picture(), if_token=record.token)
    assert (await pix.update_image(record.id, picture("webp"), if_token=won[0].token)).token > won[0].token
    with pytest.raises(ImageNotFound):
        await pix.update_image("missing", picture(), if_token=1)


async def test_an_image_from_elsewhere_keeps_its_id_and_token(pix: Pixstore) -> None:
    """import_image stores under the given id and token. An existing image is a conflict and stays."""
    record = await pix.import_image("players:kth1m9c4", picture(), token=1_695_559_342_725)
    assert (record.id, record.token) == ("players:kth1m9c4", 1_695_559_342_725)
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    with pytest.raises(StoreConflict):
        await pix.import_image(record.id, picture("webp"), token=record.token + 1)
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    await pix.delete_image(record.id)
    with pytest.raises(StoreConflict):
        await pix.import_image(record.id, picture("webp"), token=record.token)
    assert (await pix.import_image(record.id, picture("webp"), token=record.token + 1)).token == record.token + 1


@pytest.mark.parametrize(
    ("image_id", "token"), [("../x", 5), ("a:b:c", 5), ("a", 0), ("a", -1), ("a", 2**53), ("a", None)]
)
async def test_an_import_that_cannot_be_is_refused(pix: Pixstore, image_id: str, token: Any) -> None:
    """An id or token that no image can have is an InputError."""
    with pytest.raises(InputError, match="is not a valid id and token"):
        await pix.import_image(image_id, picture(), token=token)


@pytest.mark.parametrize("days", [2, 365_000])
async def test_a_token_of_the_far_future_is_refused(pix: Pixstore, days: int) -> None:
    """import_image refuses a token more than a day ahead of the clock, which would leave its id no later version."""
    now_ms = wall_clock_ms()
    token = min(now_ms + days * 86_400_000, MAX_TOKEN)
    with pytest.raises(InputError, match=f"the token {token} of image a is more than a day ahead"):
        await pix.import_image("a", picture(), token=token)
    assert not await pix.image_exists("a")
    record = await pix.import_image("a", picture(), token=now_ms + 3_600_000)
    assert (await pix.update_image("a", picture())).token == record.token + 1


async def test_the_future_of_a_token_begins_at_the_clock_of_the_pixstore() -> None:
    """import_image compares the token with the option clock_ms, not with the system's clock."""
    day_ms = 86_400_000
    clock = FixedClock(wall_clock_ms() - 30 * day_ms)
    async with Pixstore(MemoryStore(clock_ms=clock), secret=SECRET, clock_ms=clock) as pix:
        with pytest.raises(InputError, match="more than a day ahead"):
            await pix.import_image("a", picture(), token=clock.now_ms + day_ms + 1)
        await pix.import_image("a", picture(), token=clock.now_ms + day_ms)
        clock.advance(365 * day_ms)
        assert await pix.import_image("b", picture(), token=clock.now_ms)
