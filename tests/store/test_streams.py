"""Bodies read out of SQLite chunk by chunk: the next one is read ahead, however the reading ends."""

import asyncio
import gc
import platform
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreBusy, StoreError
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, meta_of, read, save
from pixstore_asgi.store.sqlite import SqliteStore, streams
from pixstore_asgi.store.sqlite.leases import Leases
from pixstore_asgi.store.sqlite.reads import Pace
from pixstore_asgi.store.sqlite.write_lock import WriteLock
from pixstore_asgi.store.tables import bodies
from pixstore_asgi.store.tables.transaction import Transaction
from tests.support.sqlite import idle
from tests.support.sqlite_faults import sqlite_error


class Reads:
    """Counts the chunks that are read on their own; `gate`, once cleared, keeps the reader's thread waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.read_chunk = bodies.read_chunk
        monkeypatch.setattr(bodies, "read_chunk", self)

    async def __call__(self, tx: Transaction, body: int, number: int) -> bytes | None:
        self.count += 1
        self.gate.wait(10)  # on the reader's thread
        return await self.read_chunk(tx, body, number)


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
    """An open store with an image `a` of six chunks, on a disk so slow that threads read them."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: False)
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    await save(store, "a", body_of(6 * CHUNK_BYTES))
    yield store
    await store.close()


async def test_skipped_chunks_are_not_read(opened: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last byte of a body costs one chunk beside those that come with the row."""
    reads = Reads(monkeypatch)
    stream = await opened.open_stream("a")
    assert stream is not None
    assert stream.skip(6 * CHUNK_BYTES - 1) == 5 * CHUNK_BYTES
    assert [chunk async for chunk in stream] == [body_of(6 * CHUNK_BYTES)[5 * CHUNK_BYTES :]]
    assert reads.count == 1


async def test_one_chunk_is_read_ahead(opened: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a reader uses a chunk the next one is read, and no further; a stream that is closed reads no more."""
    reads = Reads(monkeypatch)
    stream = await opened.open_stream("a")
    assert stream is not None
    for number in range(1, 4):
        await anext(stream)
        await asyncio.sleep(0.05)
        assert reads.count == number
    await stream.aclose()
    assert opened.in_use == 0
    await asyncio.sleep(0.05)
    assert reads.count == 3
    reads.count = 0
    assert await read(opened, "a") == body_of(6 * CHUNK_BYTES)
    assert reads.count == 5


async def test_a_disk_that_becomes_slow_within_a_body_moves_its_reads_to_threads(
    opened: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream reads each chunk on its own thread while that needs no wait, and else on another, ahead."""
    reads = Reads(monkeypatch)
    quick = iter([True, True, True, False, False, True])  # asked when it is opened, then before each chunk
    monkeypatch.setattr(Pace, "is_quick", lambda self: next(quick))
    stream = await opened.open_stream("a")
    assert stream is not None
    counts, body = [], b""
    async for chunk in stream:
        body += chunk
        await asyncio.sleep(0.02)
        counts.append(reads.count)
    assert body == body_of(6 * CHUNK_BYTES)
    assert counts == [0, 0, 0, 2, 3, 3]


async def test_a_stream_closed_while_it_reads_ahead_frees_its_body(
    opened: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a stream does not wait for a running read, and no task is left."""
    reads = Reads(monkeypatch)
    stream = await opened.open_stream("a")
    assert stream is not None
    reads.gate.clear()
    await anext(stream)
    await stream.aclose()
    assert opened.in_use == 0
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if "_outcome" in repr(task)]
    assert [chunk async for chunk in stream] == []
    reads.gate.set()


async def test_who_was_cancelled_while_it_read_may_go_on(opened: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that was cancelled while it waited for a chunk loses none of the body."""
    reads = Reads(monkeypatch)
    stream = await opened.open_stream("a")
    assert stream is not None
    body = await anext(stream) + await anext(stream)
    reads.gate.clear()  # before the next chunk's read, which has its turn after this, begins
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)
    reads.gate.set()
    assert body + b"".join([chunk async for chunk in stream]) == body_of(6 * CHUNK_BYTES)


async def test_a_chunk_that_fails_ahead_fails_in_its_turn(
    opened: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of reading a chunk ahead is raised when that chunk is requested, and not elsewhere."""

    async def fail(tx: Transaction, body: int, number: int) -> bytes | None:
        raise sqlite_error()

    monkeypatch.setattr(bodies, "read_chunk", fail)
    for is_asked_for in (True, False):
        stream = await opened.open_stream("a")
        assert stream is not None
        assert len(await anext(stream)) == CHUNK_BYTES
        await asyncio.sleep(0.05)
        if is_asked_for:
            with pytest.raises(StoreError, match="reading or writing it failed"):
                await anext(stream)
        await stream.aclose()
        assert opened.in_use == 0
        del stream
    gc.collect()
    await asyncio.sleep(0)
    assert "never retrieved" not in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's malloc")
def test_chunks_are_read_into_memory_that_was_used_before(tmp_path: Path) -> None:
    """Sixteen readers of bodies of several chunks take hardly a page fault for each, once they have their memory."""
    script = """
        import asyncio, resource, sys
        from pixstore_asgi.store.sqlite import SqliteStore
        from pixstore_asgi.store.contract_tests.steps import body_of, read, save

        async def read_all(store, times):
            for _ in range(times):
                await read(store, "a")

        async def main(path):
            store, faults = SqliteStore(path), []
            await store.open()
            await save(store, "a", body_of(700_000))
            for times in (20, 40):
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                await asyncio.gather(*(read_all(store, times) for _ in range(16)))
                faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
            print(faults[1] / (16 * 40))
            await store.close()

        asyncio.run(main(sys.argv[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "images.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert float(result.stdout) < 8


async def test_what_goes_live_under_a_sweep_is_read_at_once(
    opened: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that found an upload pending does not prevent reads of it after its commit, however long it waits."""
    other = SqliteStore(opened.path)
    await other.open()
    is_held, found, committed, asked = Leases.is_held, threading.Event(), threading.Event(), threading.Event()

    def ask_late(leases: Leases, body: int) -> bool:
        found.set()
        committed.wait(10)
        answer = is_held(leases, body)
        asked.set()
        return answer

    body = body_of(8 * CHUNK_BYTES)
    lock = WriteLock(opened.path.with_name("images.db.lock"), timeout_s=5)
    async with await opened.begin_write("b", VERSION) as writer:
        await writer.write(body)
        await idle(opened)
        monkeypatch.setattr(Leases, "is_held", ask_late)
        sweep = asyncio.create_task(other.sweep())
        assert await asyncio.to_thread(found.wait, 10)
        monkeypatch.setattr(Leases, "is_held", is_held)
        await writer.commit(meta_of(len(body)))
    with lock.held():
        committed.set()
        assert await asyncio.to_thread(asked.wait, 10)
        assert await read(opened, "b") == body
    assert await sweep == 0
    lock.close()
    await other.close()


async def test_a_claimed_body_is_waited_for(opened: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that meets a sweep, which looks whether anybody needs a body, waits for it; in the end it is busy."""
    sweeping = Leases(opened.path.with_name("images.db.lock"))
    assert sweeping.claim(1)
    reading = asyncio.create_task(read(opened, "a"))
    await asyncio.sleep(0.1)
    sweeping.unclaim(1)
    assert await reading == body_of(6 * CHUNK_BYTES)
    assert sweeping.claim(1)
    monkeypatch.setattr(streams, "_MAX_TRIES", 3)
    with pytest.raises(StoreBusy, match="a sweep holds the body of image a: try again"):
        await opened.open_stream("a")
    sweeping.close()


async def test_a_row_whose_body_is_dead_is_damage(opened: SqliteStore) -> None:
    """An image with a body that is marked as unneeded is an error with a remedy."""
    with closing(sqlite3.connect(opened.path)) as db:
        db.execute("UPDATE blob SET state = 2")
        db.commit()
    with pytest.raises(StoreError, match="points to a body that does not exist: restore the database from a backup"):
        await opened.open_stream("a")
