"""Copies of a database: what passes between one and its original, before and after it was given an id of its own."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore, WireState
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import IntegrityError, SecretError
from pixstore_asgi.keys import rotation
from pixstore_asgi.keys.separation import separate
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.payloads import served
from tests.support.samples import OTHER_SECRET, SECRET, picture

ROWS = ("chunk", "image", "blob")


@pytest.fixture(autouse=True)
def secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[ImageStore]:
    """Open a SQLite store for a block."""
    store = SqliteStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def save(path: Path, count: int) -> dict[str, bytes]:
    """Save so many images; return them by id."""
    async with Pixstore(path) as pix:
        return {(await pix.save_image(image)).id: image for image in (picture(seed=seed) for seed in range(count))}


async def read_all(path: Path, ids: dict[str, bytes]) -> dict[str, bytes | None]:
    async with Pixstore(path, cache_bytes=0) as pix:
        found = {image_id: await pix.read_image(image_id) for image_id in ids}
    return {image_id: image.data if image else None for image_id, image in found.items()}


async def copied(path: Path) -> Path:
    """Copy a closed database."""
    copy = path.with_name("copy.db")
    await asyncio.to_thread(shutil.copyfile, path, copy)
    return copy


async def serve_record_of(one: Path, other: Path, image_id: str) -> WireState:
    """Return the state that a database answers with to the fresh record of another."""
    async with Pixstore(one) as issuing, Pixstore(other) as serving:
        record = await issuing.get_image_record(image_id)
        state, _ = await served(serving, record)
        return state


def trade_rows(one: Path, other: Path, tables: Sequence[str] = ROWS) -> None:
    """Put one database's row of every image, and its body, into the other, in place of what it has."""
    with closing(sqlite3.connect(other)) as db:
        db.execute("ATTACH ? AS one", (str(one),))
        for table in tables:
            db.execute(f"REPLACE INTO main.{table} SELECT * FROM one.{table}")
        db.commit()


async def test_a_separate_copy_signs_for_itself_alone(tmp_path: Path) -> None:
    """A copy's records open its original until it is separated; then neither's open the other, and both work on."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 3)
    copy = await copied(path)
    image_id = next(iter(images))
    assert await serve_record_of(copy, path, image_id) is WireState.SUCCESS
    async with opened(copy) as store:
        assert await separate(store) == 3
    for one, other in ((copy, path), (path, copy)):
        assert await serve_record_of(one, other, image_id) is WireState.INVALID_PROOF
        assert await serve_record_of(one, one, image_id) is WireState.SUCCESS
        assert await read_all(one, images) == images


async def test_a_separate_copy_trades_no_rows(tmp_path: Path) -> None:
    """A row put from a copy into its original, or the other way round, opens until the copy is separated."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 1)
    copy = await copied(path)
    trade_rows(copy, path)
    assert await read_all(path, images) == images
    async with opened(copy) as store:
        await separate(store)
    for one, other in ((copy, path), (path, copy)):
        for tables in (ROWS, (*ROWS, "key_check")):
            kept = await asyncio.to_thread(other.read_bytes)
            trade_rows(one, other, tables)
            with pytest.raises((IntegrityError, SecretError)):
                await read_all(other, images)
            await asyncio.to_thread(other.write_bytes, kept)


async def check_all(store: ImageStore, images: dict[str, bytes]) -> None:
    reading = Pixstore(store)
    for image_id, image in images.items():
        found = await reading.read_image(image_id)
        assert found is not None
        assert found.data == image


@pytest.mark.parametrize("ticks", range(0, 60, 4))
async def test_an_interrupted_separation_goes_on(monkeypatch: pytest.MonkeyPatch, ticks: int) -> None:
    """Cancelled at any moment it leaves a store that opens whole, or asks for it to be run again, which ends it."""
    monkeypatch.setattr(rotation, "_BATCH", 2)
    store = MemoryStore()
    pix = Pixstore(store)
    images = {(await pix.save_image(image)).id: image for image in (picture(seed=seed) for seed in range(7))}
    before = await store.database_id()
    task = asyncio.create_task(separate(store))
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    own = KeyRing(SECRET).bound_to(await store.database_id()).signing.key_id
    if (await store.key_usage()).keys() == {own}:
        await check_all(store, images)
    else:
        with pytest.raises(SecretError, match="run `pixstore-asgi keys separate` again"):
            await check_all(store, images)
    await separate(store)
    await check_all(store, images)
    assert await store.database_id() != before
    assert (len(await store.key_checks()), list((await store.key_usage()).values())) == (1, [7])


async def test_a_wrong_secret_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the secret that images are under, the copy keeps its id."""
    path = tmp_path / "pixstore.db"
    await save(path, 1)
    async with opened(path) as store:
        before = await store.database_id()
        monkeypatch.setenv("PIXSTORE_SECRET", OTHER_SECRET)
        with pytest.raises(SecretError, match="was written with secret"):
            await separate(store)
        assert await store.database_id() == before


async def test_a_process_that_saves_meanwhile_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that another process saves under the former id until the end keep it from ending, and stay readable."""
    store = MemoryStore()
    behind = Pixstore(store)
    record = await behind.save_image(picture())
    saving: list[asyncio.Task[object]] = []
    replaced: Callable[..., Awaitable[int]] = store.replace_wrapped_keys

    async def replace_and_save(wrapped: object) -> int:
        count = await replaced(wrapped)
        saving.append(asyncio.create_task(behind.save_image(picture())))
        await asyncio.wait(saving)
        return count

    monkeypatch.setattr(store, "replace_wrapped_keys", replace_and_save)
    with pytest.raises(SecretError, match="stop them, and do it again"):
        await separate(store)
    monkeypatch.undo()
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    await separate(store)
    assert await Pixstore(store).read_image(record.id) is not None
    assert list((await store.key_usage()).values()) == [1 + len(saving)]


async def test_a_process_that_is_open_follows(tmp_path: Path) -> None:
    """One that has the copy open serves its images on, under the new id, and none that comes under the former one."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 2)
    async with Pixstore(path) as serving:
        before = await serving.get_image_record(next(iter(images)))
        async with opened(path) as store:
            await separate(store)
        records = await serving.get_image_records(images)
        for image_id, record in records.items():
            assert await served(serving, record) == (WireState.SUCCESS, images[image_id])
        assert (await served(serving, before))[0] is WireState.INVALID_PROOF
