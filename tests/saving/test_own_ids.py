"""Saves under ids of the application: refused if the image is there, under the next token if it was deleted."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import Pixstore, Variant, WireState
from pixstore_asgi.core.images import Usage
from pixstore_asgi.errors import DirectoryFull, ImageExists, InputError, StoreConflict
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.inspection import Inspectable
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.testing import MemoryPixstore
from tests.support.payloads import served
from tests.support.samples import HOSTILE_IDS, SECRET, large_png, picture
from tests.support.stores import STORES, Place, new_place


@pytest.fixture(params=["memory", "sqlite", *STORES])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place | None:
    if request.param == "memory":
        return None
    made = new_place(request.param, tmp_path, request)
    for store in (SqliteStore, PostgresStore):  # so that a test sees at once whether a body stays
        defaults: dict[str, Any] = vars(store)["__init__"].__kwdefaults__
        monkeypatch.setitem(defaults, "sweep_grace_s", 0)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def pix(place: Place | None) -> AsyncIterator[Pixstore]:
    options: dict[str, Any] = {"secret": SECRET, "variants": [Variant("thumb", width=8)]}
    store: Any = place.database if place else MemoryStore()
    async with Pixstore(store, blobs=place.blobs if place else None, **options) as made:
        yield made


async def unread() -> AsyncIterator[bytes]:
    raise AssertionError("the upload was read")
    yield b""


async def test_an_own_id_lives(pix: Pixstore) -> None:
    """An image has the id that the application gave; a second save is refused; after a delete the id is free again."""
    own = f"posts:{uuid.uuid4()}"
    first = await pix.save_image(picture(), image_id=own)
    assert (first.id, await served(pix, first)) == (own, (WireState.SUCCESS, picture()))
    with pytest.raises(ImageExists, match=f"there is already an image {own}: update it, or save under another id"):
        await pix.save_image(unread(), image_id=own)
    assert await served(pix, first) == (WireState.SUCCESS, picture())
    assert await pix.delete_image(own) is True
    second = await pix.save_image(picture("webp"), image_id=own)
    assert second.token > first.token
    assert await served(pix, second) == (WireState.SUCCESS, picture("webp"))
    assert [image.id for image in await pix.list_images(variants=True)] == [own, f"{own}~thumb"]


@pytest.mark.parametrize("size", [2_000, 1_500_000])
async def test_one_of_concurrent_saves_wins(pix: Pixstore, size: int) -> None:
    """Of concurrent saves under one id exactly one succeeds, and the others leave no body of image or variant."""
    started, saves = asyncio.Event(), 3
    pictures = [large_png(size + n) for n in range(saves)]
    begun = 0

    async def upload(data: bytes) -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        if begun == saves:
            started.set()
        await started.wait()
        yield data

    outcomes = await asyncio.gather(
        *(pix.save_image(upload(data), image_id="posts:7") for data in pictures), return_exceptions=True
    )
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["ImageExists", "ImageExists", "ImageRecord"]
    image = await pix.read_image("posts:7")
    assert image is not None
    winner = next(n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException))
    assert image.data == pictures[winner]
    assert [each.id for each in await pix.list_images(variants=True)] == ["posts:7", "posts:7~thumb"]
    store = parts_of(pix).store
    if isinstance(store, Inspectable):
        async with asyncio.timeout(10):
            while (await store.unused()).bodies:  # in a folder, a body is removed a millisecond later
                await store.sweep()


async def test_a_refused_save_leaves_the_directory_as_it_was() -> None:
    """A limit counts an image with an own id; a refusal changes no usage, and a deleted image makes room."""
    async with MemoryPixstore() as pix:
        limit: dict[str, Any] = {"image_id": "ada:1", "max_directory_images": 1}
        await pix.save_image(picture(), **limit)
        used = await pix.usage("ada")
        with pytest.raises(ImageExists):
            await pix.save_image(unread(), **limit)
        with pytest.raises(DirectoryFull):
            await pix.save_image(unread(), **limit | {"image_id": "ada:2"})
        assert await pix.usage("ada") == used
        await pix.delete_image("ada:1")
        await pix.save_image(picture(), **limit)
        assert await pix.usage("ada") == used == Usage(1, len(picture()) + 1)
        with pytest.raises(InputError, match="need an image in a directory"):
            await pix.save_image(picture(), image_id="ada", max_directory_images=1)


@pytest.mark.parametrize("image_id", ["", "a~thumb", 7, uuid.uuid4(), *HOSTILE_IDS])
async def test_other_values_are_no_id(image_id: Any) -> None:
    """A value that can't be an image id is refused with the rule, before the upload is read."""
    async with MemoryPixstore() as pix:
        with pytest.raises(InputError, match="image_id must be"):
            await pix.save_image(unread(), image_id=image_id)


async def test_a_directory_must_be_the_ids() -> None:
    """A directory beside the id checks that the id is in it."""
    async with MemoryPixstore() as pix:
        for image_id in ("ada", "bob:7", "ada-:7"):
            with pytest.raises(InputError, match=f"image_id {image_id} is not in directory ada"):
                await pix.save_image(unread(), image_id=image_id, directory="ada")
        assert (await pix.save_image(picture(), image_id="ada:7", directory="ada")).id == "ada:7"


async def test_a_file_gets_an_own_id(tmp_path: Path) -> None:
    """A save from a file takes an id too. ImageExists is a StoreConflict with HTTP status 409."""
    (tmp_path / "image.png").write_bytes(picture())
    async with MemoryPixstore() as pix:
        assert (await pix.save_image_from_file(tmp_path / "image.png", image_id="7")).id == "7"
        with pytest.raises(StoreConflict) as refused:
            await pix.save_image_from_file(tmp_path / "image.png", image_id="7")
    assert (type(refused.value), refused.value.http_status) == (ImageExists, 409)
