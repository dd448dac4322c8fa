"""A copied database and its original, before and after the copy gets an id of its own."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore, WireState
from pixstore_asgi.core.images import RewrappedKey
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import IntegrityError, SecretError, StoreBusy
from pixstore_asgi.keys.rotation import assign_new_database_id
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.payloads import served
from tests.support.samples import OTHER_SECRET, SECRET, picture

ROWS = ("chunk", "image", "blob", "wrapped_key")


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
    """Save `count` images, and return them by id."""
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
    """Return the state of one database's answer to a fresh record of the other."""
    async with Pixstore(one) as issuing, Pixstore(other) as serving:
        record = await issuing.get_image_record(image_id)
        state, _ = await served(serving, record)
        return state


def trade_rows(one: Path, other: Path, tables: Sequence[str] = ROWS) -> None:
    """Replace the rows and bodies of one database by those of the other."""
    with closing(sqlite3.connect(other)) as db:
        db.execute("ATTACH ? AS one", (str(one),))
        for table in tables:
            db.execute(f"REPLACE INTO main.{table} SELECT * FROM one.{table}")
        db.commit()


async def test_a_separated_copy_signs_only_for_itself(tmp_path: Path) -> None:
    """A copy's records work in its original until it is separated; then both work only with their own records."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 3)
    copy = await copied(path)
    image_id = next(iter(images))
    assert await serve_record_of(copy, path, image_id) is WireState.SUCCESS
    async with opened(copy) as store:
        assert await assign_new_database_id(store) == 3
    for one, other in ((copy, path), (path, copy)):
        assert await serve_record_of(one, other, image_id) is WireState.INVALID_PROOF
        assert await serve_record_of(one, one, image_id) is WireState.SUCCESS
        assert await read_all(one, images) == images


async def test_a_separated_copy_opens_no_rows_of_its_original(tmp_path: Path) -> None:
    """A row of the copy opens in the original, and the reverse, only until the copy is separated."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 1)
    copy = await copied(path)
    trade_rows(copy, path)
    assert await read_all(path, images) == images
    async with opened(copy) as store:
        await assign_new_database_id(store)
    for one, other in ((copy, path), (path, copy)):
        for tables in (ROWS, (*ROWS, "key_check")):
            kept = await asyncio.to_thread(other.read_bytes)
            trade_rows(one, other, tables)
            with pytest.raises((IntegrityError, SecretError)):
                await read_all(other, images)
            await asyncio.to_thread(other.write_bytes, kept)


@pytest.mark.parametrize("ticks", range(0, 24, 2))
async def test_an_interrupted_separation_is_atomic(tmp_path: Path, ticks: int) -> None:
    """A separation cancelled at any moment leaves the old or the new id, and every image opens."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 7)
    async with opened(path) as store:
        before, task = await store.database_id(), asyncio.create_task(assign_new_database_id(store))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await store.sweep()  # runs after the operation in progress
        own = KeyRing(SECRET).bound_to(after := await store.database_id()).signing
        assert await store.key_usage() == {own.key_id: 7}
        assert await store.key_checks() == (frozenset([own.check_value]), frozenset())
    assert before == after or ticks
    assert await read_all(path, images) == images


async def test_a_failed_separation_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A separation without the secret, with a damaged row, or while other processes have it open changes nothing."""
    path = tmp_path / "pixstore.db"
    images = await save(path, 2)
    async with opened(path) as store:
        before = (await store.database_id(), await store.key_checks(), await store.list())
        async with Pixstore(path):
            with pytest.raises(StoreBusy, match="is open in other processes: stop them first"):
                await assign_new_database_id(store)
        monkeypatch.setenv("PIXSTORE_SECRET", OTHER_SECRET)
        with pytest.raises(SecretError, match="was written with secret"):
            await assign_new_database_id(store)
        monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
        assert (await store.database_id(), await store.key_checks(), await store.list()) == before
        damaged, wrapped_key = before[2][-1], bytes(52)
        await store.replace_wrapped_keys([RewrappedKey(damaged.id, damaged.meta.version, wrapped_key)])
        with pytest.raises(IntegrityError, match=damaged.id):
            await assign_new_database_id(store)
        await store.replace_wrapped_keys([RewrappedKey(damaged.id, damaged.meta.version, damaged.meta.wrapped_key)])
        assert (await store.database_id(), await store.key_checks(), await store.list()) == before
        async with Pixstore(path):  # other processes may open it again
            pass
    assert await read_all(path, images) == images


@pytest.mark.parametrize("count", [0, 1])
async def test_an_open_process_saves_nothing_after_a_separation(count: int) -> None:
    """If a store can't know of other open processes, these refuse saves after a separation, and reload soon."""
    store = MemoryStore()
    behind, image = Pixstore(store), picture()
    records = [await behind.save_image(image) for _ in range(count)]
    before = await parts_of(behind).life.opened()
    await assign_new_database_id(store)
    with pytest.raises(SecretError, match="was given another id after this process had opened it"):
        await behind.save_image(image)
    for record in records:
        fresh = await behind.get_image_record(record.id)
        assert await served(behind, fresh) == (WireState.SUCCESS, image)
        assert (await served(behind, record))[0] is WireState.INVALID_PROOF
    assert count == 0 or await parts_of(behind).life.opened() is not before
