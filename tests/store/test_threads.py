"""Event loops of several threads over one store, one of which opens and closes it while others read."""

import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.leases import Leases
from tests.support.service import until

pytestmark = pytest.mark.slow

SCRIPT = """
    import asyncio, collections, sys, threading, time
    from pixstore_asgi.store.contract_tests.steps import save
    from pixstore_asgi.store.sqlite import SqliteStore

    store, ids, counts = SqliteStore(sys.argv[1]), [f"image-{number}" for number in range(100)], collections.Counter()
    begun = time.monotonic()

    def goes_on():
        return time.monotonic() < begun + 1 or min(counts[what] for what in ("closed", "look", "read")) <= 5

    async def fill():
        await store.open()
        for image_id in ids:
            await save(store, image_id)
        await store.close()

    async def close_again_and_again():
        while goes_on():
            await store.open()
            await asyncio.sleep(0.003)
            await store.close()
            counts["closed"] += 1

    def look():
        store.stamps(ids)
        store._engine._data_version.due = 0

    async def read_soon():
        # As get_many does it on the caller's own thread; a thread of the store's is another matter.
        store._engine._pace._next_s = 0
        assert len(await store.get_many(ids)) == len(ids)

    async def read_on(way):
        await store.open()
        while goes_on():
            look() if way == "look" else await asyncio.wait_for(read_soon(), 5)
            counts[way] += 1
        await store.close()

    asyncio.run(fill())
    threads = [threading.Thread(target=asyncio.run, args=(read_on(way),), daemon=True) for way in ("look", "read")]
    for thread in threads:
        thread.start()
    asyncio.run(close_again_and_again())
    for thread in threads:
        thread.join()
    print(min(counts[what] for what in ("closed", "look", "read")))
"""


def test_a_store_that_closes_harms_no_reader(tmp_path: Path) -> None:
    """A close in one event loop takes nothing from those of other threads, which read on."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "pixstore.db")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 5
    assert "Traceback" not in ended.stderr


def test_a_fork_in_the_midst_of_a_claim_stops_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child gives nothing back and closes, though a thread of its parent's was just using the leases."""
    leases = Leases(tmp_path / "images.db.lock")
    leases.acquire(1)
    with leases._mutex, monkeypatch.context() as child:
        child.setattr("pixstore_asgi.process._generation", -1)
        leases.release(1)
        assert len(leases) == 1
        leases.close()


class CollectingMutex:
    """A mutex whose every holder meets a run of the garbage collector, as any allocation may begin one.

    make_garbage: leaves behind what only the collector finds. is_deadlocked: a thread has waited for itself.
    """

    def __init__(self, make_garbage: Callable[[], object]) -> None:
        self.is_deadlocked = False
        self._make_garbage = make_garbage
        self._lock = threading.Lock()

    def acquire(self, blocking: bool = True) -> bool:
        is_held = self._lock.acquire(blocking=False)
        if not is_held and blocking:
            self.is_deadlocked = True
            raise RuntimeError("this thread holds the mutex already")
        return is_held

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        self._make_garbage()
        gc.collect()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def test_a_stream_that_the_garbage_collector_finds_waits_for_no_lock(tmp_path: Path) -> None:
    """A lease given back in the middle of any other use of the leases, on the same thread, is free after that use."""
    leases, others = Leases(tmp_path / "images.db.lock"), Leases(tmp_path / "images.db.lock")

    class Reading:
        """Has a lease on blob 7, and refers to itself."""

        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            leases.release(7)

    mutex = CollectingMutex(Reading)
    uses: list[Callable[[], object]] = [
        lambda: leases.acquire(8),
        lambda: leases.claim(9),
        lambda: leases.unclaim(9),
        leases.are_in_place,
        leases.begin_alone,
        leases.end_alone,
    ]
    for use in uses:
        leases.acquire(7)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(leases, "_mutex", mutex)
            use()
        assert not mutex.is_deadlocked
        assert others.claim(7)
        others.unclaim(7)
    assert len(leases) == 1
    leases.close()
    others.close()


async def test_a_dropped_store_waits_for_no_lock(tmp_path: Path) -> None:
    """A store that nothing refers to any longer is taken apart although the mutex of its leases is held."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    assert store._engine is not None
    engine, leases, mutex = weakref.ref(store._engine), store._engine.leases, CollectingMutex(lambda: None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(leases, "_mutex", mutex)
        mutex.acquire()
        del store
        until(lambda: gc.collect() >= 0 and engine() is None, "that the store is taken apart")
        mutex.release()
    assert not mutex.is_deadlocked
    leases.close()
