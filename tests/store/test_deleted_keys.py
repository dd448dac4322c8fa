"""Keys of versions that are no more: none is left in the database, its free pages or its log."""

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.core.cipher import unwrap_key
from pixstore_asgi.core.images import ImageMeta, RewrappedKey
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import IntegrityError
from pixstore_asgi.store.contract_tests.steps import save, wrapped_key_of
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.write_lock import WriteLock
from tests.support.rings import make_database, ring_of
from tests.support.samples import SECRET, large_png, picture
from tests.support.sqlite import idle, make_version_1, reading

pytestmark = pytest.mark.slow

IMAGES = 200
WRAPPED_BYTES = 52
RINGS = [ring_of(SECRET), KeyRing(SECRET)]  # a database of version 1 has no id


class Versions:
    """Every version that was ever the current one of an image, and which ones still are."""

    def __init__(self) -> None:
        self.dead: list[tuple[str, ImageMeta]] = []
        self.live: dict[str, ImageMeta] = {}

    def put(self, image_id: str, meta: ImageMeta | None) -> None:
        """Note that an image has another version now, or None: it was deleted."""
        if old := self.live.pop(image_id, None):
            self.dead.append((image_id, old))
        if meta:
            self.live[image_id] = meta


async def test_the_keys_that_an_older_version_left_are_taken_out(tmp_path: Path) -> None:
    """A database of version 1, which holds keys of dead versions in its free pages, holds none after its migration."""
    path = tmp_path / "pixstore.db"
    versions = Versions()
    async for image_id, meta in churn(path, 0):
        versions.put(image_id, meta)
    make_version_1(path, SECRET)
    with sqlite3.connect(path) as connection:  # in the free end of a page, as a split leaves them
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE left (key BLOB)")
        connection.executemany("INSERT INTO left VALUES (?)", [(meta.wrapped_key,) for _, meta in versions.dead])
        connection.execute("DROP TABLE left")
    connection.close()
    assert keys_left(tmp_path, versions)[0] == IMAGES
    store = SqliteStore(path)
    async with Pixstore(store, secret=SECRET):
        assert keys_left(tmp_path, versions)[0] == 0
        versions.live = {image.id: image.meta for image in await store.list(limit=1000)}
    assert keys_left(tmp_path, versions) == (0, len(versions.live))


def keys_left(folder: Path, versions: Versions) -> tuple[int, int]:
    """Return how many keys of dead and of live versions can be unwrapped from the files of a folder."""
    found = wrapped_keys_in(contents(folder))
    live = sum(opens(found, image_id, meta) for image_id, meta in versions.live.items())
    return sum(opens(found, image_id, meta) for image_id, meta in versions.dead), live


def contents(folder: Path) -> bytes:
    """Return all bytes of all files of a folder."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def wrapped_keys_in(data: bytes) -> set[bytes]:
    """Return all bytes in `data` that may be a wrapped key: it begins with the id of its ring's key."""
    ids = b"|".join(re.escape(ring.signing.key_id) for ring in RINGS)
    return {found[1] for found in re.finditer(b"(?=((?:%b).{%d}))" % (ids, WRAPPED_BYTES - 4), data, re.DOTALL)}


def opens(found: set[bytes], image_id: str, meta: ImageMeta) -> bool:
    """Return whether a version's key is among the wrapped keys that were found, and can be unwrapped."""
    assert len(meta.wrapped_key) == WRAPPED_BYTES
    if meta.wrapped_key not in found:
        return False
    (ring,) = [ring for ring in RINGS if ring.get(meta.wrapped_key[:4])]
    try:
        return bool(unwrap_key(ring, image_id, meta))
    except IntegrityError:
        return False


async def churn(path: Path, seed: int) -> AsyncIterator[tuple[str, ImageMeta | None]]:
    """Save, update and delete images in random order, and yield each change once it is acknowledged."""
    chance = random.Random(seed)
    bodies = [picture("png", size) for size in (1, 16, 64)] + [large_png(300_000)]
    store = SqliteStore(await make_database(path))
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        ids: list[str] = []
        for _ in range(IMAGES):
            ids.append((await pix.save_image(chance.choice(bodies))).id)
            yield ids[-1], await meta_of(store, ids[-1])
        for image_id in chance.sample(ids, IMAGES):
            if chance.random() < 0.5:
                await pix.delete_image(image_id)
            else:
                await pix.update_image(image_id, chance.choice(bodies))
            yield image_id, await meta_of(store, image_id)


async def meta_of(store: SqliteStore, image_id: str) -> ImageMeta | None:
    image = await store.get(image_id)
    return image.meta if image else None


@pytest.mark.parametrize("seed", range(3))
async def test_no_key_of_a_dead_version_is_left_after_a_close(tmp_path: Path, seed: int) -> None:
    """After 200 saves and as many updates and deletes in random order, no file holds a key that is not in use."""
    versions = Versions()
    async for image_id, meta in churn(tmp_path / "pixstore.db", seed):
        versions.put(image_id, meta)
    assert len(versions.dead) == IMAGES
    assert keys_left(tmp_path, versions) == (0, len(versions.live))


def test_no_key_of_a_dead_version_is_left_by_a_killed_process(tmp_path: Path) -> None:
    """A process killed while it updates and deletes leaves no key of any version whose end it had acknowledged.

    Where a read of its own was in the log at that moment, none outlives the next write.
    """
    path = tmp_path / "pixstore.db"
    versions = Versions()
    with subprocess.Popen([sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            image_id, meta = json.loads(line)
            versions.put(image_id, meta_from(meta))
            if len(versions.dead) == IMAGES // 2:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(versions.dead) >= IMAGES // 2
    if keys_left(tmp_path, versions)[0]:
        asyncio.run(_write_once(path))
    assert keys_left(tmp_path, versions)[0] == 0


async def _write_once(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await save(store, "next")
    await store.close()


async def test_no_replaced_wrapping_of_a_key_is_left(tmp_path: Path) -> None:
    """Once wrapped keys were replaced, no file holds the old ones, while the store is still open."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    saved = [await save(store, f"image-{number}") for number in range(IMAGES)]
    old = [image.meta.wrapped_key for image in saved]
    before = contents(tmp_path)
    assert all(key in before for key in old)
    new = [RewrappedKey(image.id, image.meta.version, wrapped_key_of()) for image in saved]
    assert await store.replace_wrapped_keys(new) == IMAGES
    data = contents(tmp_path)
    assert not [key for key in old if key in data]
    assert all(key.wrapped_key in data for key in new)
    await store.close()


@pytest.mark.parametrize("leaves_with", ["another process", "the same process"])
async def test_a_key_that_a_reader_kept_goes_with_the_first_write_after_it(tmp_path: Path, leaves_with: str) -> None:
    """Deleted in the middle of another program's long read, a key is gone after the next write, whosever it is."""
    path, store = tmp_path / "pixstore.db", SqliteStore(tmp_path / "pixstore.db")
    async with Pixstore(store, secret=SECRET) as pix, Pixstore(path, secret=SECRET) as other:
        saved = await pix.save_image(picture())
        meta = await meta_of(store, saved.id)
        assert meta is not None
        with reading(path):
            await pix.delete_image(saved.id)
            assert meta.wrapped_key in contents(tmp_path)
        await (pix if leaves_with == "the same process" else other).save_image(picture())
        assert meta.wrapped_key not in contents(tmp_path)


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_a_key_goes_though_nobody_waits_for_it(tmp_path: Path, change: str) -> None:
    """A change that its caller has left, and that takes place all the same, takes its key out of the log too."""
    path = tmp_path / "pixstore.db"
    store = SqliteStore(path)
    async with Pixstore(store, secret=SECRET) as pix:
        saved = await pix.save_image(picture())
        meta = await meta_of(store, saved.id)
        assert meta is not None
        lock = WriteLock(tmp_path / "pixstore.db.lock", timeout_s=5)
        with lock.held():
            work = pix.delete_image(saved.id) if change == "delete" else pix.update_image(saved.id, picture("webp"))
            task = asyncio.ensure_future(work)
            await asyncio.sleep(0.2)  # by now the writer waits for the lock
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        lock.close()
        await idle(store)
        assert await meta_of(store, saved.id) != meta
        assert meta.wrapped_key not in contents(tmp_path)


def meta_from(values: dict[str, str | int] | None) -> ImageMeta | None:
    if values is None:
        return None
    return ImageMeta(**{k: bytes.fromhex(v) if isinstance(v, str) else v for k, v in values.items()})  # type: ignore[arg-type]


def values_of(meta: ImageMeta | None) -> dict[str, str | int] | None:
    if meta is None:
        return None
    values = {name: getattr(meta, name) for name in ImageMeta.__slots__}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


async def churn_aloud(path: Path) -> None:
    async for image_id, meta in churn(path, 0):
        os.write(1, (json.dumps([image_id, values_of(meta)]) + "\n").encode())


if __name__ == "__main__":
    asyncio.run(churn_aloud(Path(sys.argv[1])))
