"""Writers that are killed at any step around their COMMIT: nothing that is over is ever taken for current."""

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.store.contract_tests.steps import save, stamp_of
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.sqlite import open_without_looks
from tests.support.unchecked import unchecked_cache

pytestmark = pytest.mark.slow

IDS = ["a", "b", "c", "d"]  # each has a counter of its own


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_without_looks(tmp_path / "pixstore.db")
    yield opened
    await opened.close()


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


DIE = """
    import asyncio, os, signal, sys
    from pixstore_asgi.store.sqlite import SqliteStore

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    class Mortal:
        '''Counters of which the process changes so many before it dies.'''

        def __init__(self, values, changes):
            self.values, self.changes = values, changes

        def __getitem__(self, slot):
            return self.values[slot]

        def __setitem__(self, slot, value):
            if self.changes == 0:
                die()
            self.changes -= 1
            self.values[slot] = value

        def release(self):
            self.values.release()

    def listen(db, dies_at_commit):
        if dies_at_commit:
            db.set_trace_callback(lambda statement: die() if statement == "COMMIT" else None)

    async def main(path, step, image_id):
        store = SqliteStore(path)
        await store.open()
        counters = store._engine._write_lock.counters
        counters._values = Mortal(counters._values, -1 if step == "COMMIT" else int(step))
        await store._engine.on_writer(listen, step == "COMMIT")
        await (store.raise_epoch(image_id) if image_id else store.raise_epochs())
        await store.close()

    asyncio.run(main(*sys.argv[1:]))
"""
ONE = [("0", False), ("COMMIT", False), ("1", True)]
ALL = [("0", False), ("1", False), ("300", False), ("COMMIT", False), ("512", True), ("513", True), ("1023", True)]


async def current(images: ImageCache, store: SqliteStore, image_id: str) -> StoredImage:
    """Return an image as a request gets it, which must be as the database has it now."""
    found, stored = await images.get(image_id), await store.get(image_id)
    assert found is not None
    assert found == stored
    return found


@pytest.mark.parametrize(
    ("image_id", "step", "is_committed"), [*(("a", *step) for step in ONE), *(("", *step) for step in ALL)]
)
async def test_a_writer_that_dies_leaves_nothing_stale(
    store: SqliteStore, image_id: str, step: str, is_committed: bool
) -> None:
    """Killed before or between its changes of counters or at its COMMIT: every answer is what the database has, at once
    and after the next write, which makes all counters good again, also where nobody had asked in between."""
    images, asleep = unchecked_cache(store, 1024 * 1024), unchecked_cache(store, 1024 * 1024)
    for name in IDS:
        await save(store, name)
        await current(images, store, name)
        await current(asleep, store, name)
    result = await asyncio.to_thread(run, DIE, store.path, step, image_id)
    assert (result.returncode, result.stderr) == (-9, "")
    for name in IDS:
        epoch = int(is_committed and image_id in ("", name))
        for _ in range(3):
            assert (await current(images, store, name)).epoch == epoch
    await store.raise_epoch("d")
    for name in IDS:
        epoch = (name == "d") + int(is_committed and image_id in ("", name))
        assert (await current(images, store, name)).epoch == (await current(asleep, store, name)).epoch == epoch
        assert stamp_of(store, name) == stamp_of(store, name)


async def test_a_store_opened_after_a_writer_died_heals(store: SqliteStore) -> None:
    """The process that opens the database next repairs the counters for all that have it open."""
    images = unchecked_cache(store, 1024 * 1024)
    await save(store, "a")
    await asyncio.to_thread(run, DIE, store.path, "1", "a")
    assert stamp_of(store, "a") != stamp_of(store, "a")
    other = SqliteStore(store.path)
    await other.open()
    assert stamp_of(store, "a") == stamp_of(store, "a")
    assert (await current(images, store, "a")).epoch == 1
    await other.close()
