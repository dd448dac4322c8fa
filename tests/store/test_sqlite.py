"""The SQLite store beyond the contract: its file, its schema, its threads and its errors."""

import asyncio
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pytest

from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.errors import ConfigError, StoreBusy, StoreConflict, StoreError
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.store.contract import CHUNK_BYTES, Expect
from pixstore_asgi.store.contract_tests.steps import VERSION, body_of, meta_of, read, save, stamp_of
from pixstore_asgi.store.sqlite import SqliteStore, connection, gc, reads
from pixstore_asgi.store.sqlite.leases import Leases
from pixstore_asgi.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from pixstore_asgi.store.sqlite.transaction import Transaction as SqliteTransaction
from pixstore_asgi.store.sqlite.write_lock import WriteLock
from pixstore_asgi.store.sqlite.writer import Writer, connect_writer
from pixstore_asgi.store.tables import writes
from pixstore_asgi.store.tables.transaction import Transaction
from tests.support.clock import FixedClock
from tests.support.sqlite import disable_locks, idle, look_no_more, query


def writer_of(path: Path) -> Writer:
    lock = WriteLock(path.with_name(path.name + ".lock"), timeout_s=5)
    return connect_writer(str(path), lock, wall_clock_ms, busy_timeout_s=5, durability="NORMAL")


async def test_files_are_private_from_the_start(tmp_path: Path) -> None:
    """The database, its WAL, its shared memory and its lock file are made with mode 0600 under any umask."""
    old = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "images.db")
        await store.open()
        await save(store, "a")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(old)
    await store.close()
    assert modes == dict.fromkeys(("images.db", "images.db-wal", "images.db-shm", "images.db.lock"), 0o600)


async def test_the_schema_is_marked(tmp_path: Path) -> None:
    """The file carries the application id, the schema version and the settings that can't change later."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    names = ("application_id", "user_version", "page_size", "auto_vacuum", "journal_mode")
    values = [query(path, f"PRAGMA {name}")[0][0] for name in names]
    assert values == [APPLICATION_ID, len(MIGRATIONS), 16384, 2, "wal"]


async def test_what_a_write_undoes_goes_to_no_other_file(tmp_path: Path) -> None:
    """SQLite keeps the rollback data of a savepoint in memory: wrapped keys would outlive it in a temporary file."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    assert store._engine is not None
    assert await store._engine.on_writer(lambda db: db.execute("PRAGMA temp_store").fetchone()) == (2,)
    await store.close()


async def test_many_stores_open_one_new_file_at_once(tmp_path: Path) -> None:
    """Stores that open the same new file at the same moment all find it ready."""
    stores = [SqliteStore(tmp_path / "images.db") for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    saved = await save(stores[0], "a", b"body")
    assert [await store.get("a") for store in stores] == [saved] * 6
    for store in stores:
        await store.close()


@pytest.mark.parametrize(("durability", "synchronous"), [("NORMAL", 1), ("FULL", 2)])
async def test_durability_is_sqlites_synchronous(
    tmp_path: Path, durability: Literal["NORMAL", "FULL"], synchronous: int
) -> None:
    """NORMAL syncs at checkpoints, FULL at every commit, on the connection that writes."""
    store = SqliteStore(tmp_path / "images.db", durability=durability)
    await store.open()
    assert store._engine is not None
    pragma = "PRAGMA synchronous"
    assert await store._engine.on_writer(lambda db: db.execute(pragma).fetchone()) == (synchronous,)
    await store.close()


def test_an_unknown_durability_is_refused(tmp_path: Path) -> None:
    """Any other word is a ConfigError that names both."""
    with pytest.raises(ConfigError, match='"NORMAL" or "FULL"'):
        SqliteStore(tmp_path / "images.db", durability="OFF")  # type: ignore[arg-type]


@pytest.mark.slow
async def test_the_stamp_misses_no_commit_of_another_process(tmp_path: Path) -> None:
    """Every commit through another store on the same file changes the stamp, and a later read returns the new row."""
    store, other = SqliteStore(tmp_path / "images.db"), SqliteStore(tmp_path / "images.db")
    await store.open()
    await other.open()
    look_no_more(store)
    stamp = stamp_of(store, "a")
    for _ in range(200):
        saved = await save(other, "a")
        before, stamp = stamp, stamp_of(store, "a")
        assert stamp != before
        assert await store.get("a") == saved
        assert stamp_of(store, "a") == stamp
    await store.close()
    await other.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database of a newer version of this package stays unchanged, and the error says to install it."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    query(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="install a newer pixstore-asgi"):
        await store.open()


@pytest.mark.parametrize(
    "content", [b"no database, but longer than sixteen bytes" * 40, b"SQLite format 3\0" + b"x" * 99]
)
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Some other file is refused and stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a SQLite database"):
        await SqliteStore(path).open()
    assert path.read_bytes() == content


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A SQLite database with other tables is refused and gets none of ours."""
    path = tmp_path / "other.db"
    query(path, "CREATE TABLE note (text)")
    with pytest.raises(StoreError, match="another program"):
        await SqliteStore(path).open()
    assert query(path, "SELECT name FROM sqlite_schema") == [("note",)]


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A path in a folder that does not exist is refused with the path in the error."""
    with pytest.raises(StoreError, match=r"nowhere/images\.db does not exist: create it"):
        await SqliteStore(tmp_path / "nowhere" / "images.db").open()


async def test_a_locked_database_is_busy(tmp_path: Path) -> None:
    """A write that another process's write keeps out for too long raises StoreBusy; afterwards it works."""
    path = tmp_path / "images.db"
    store = SqliteStore(path, busy_timeout_s=0.05)
    await store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="try again"):
        await save(store, "a")
    other.execute("ROLLBACK")
    other.close()
    await save(store, "a")
    await store.close()


async def test_opening_a_locked_database_is_busy(tmp_path: Path) -> None:
    """A new database that another process holds locked is busy, not broken."""
    path = tmp_path / "images.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        await SqliteStore(path, busy_timeout_s=0.05).open()
    other.close()


@pytest.mark.slow
def test_a_read_only_database_is_named() -> None:
    """A database that this process may not write is refused with advice, for a user other than root."""
    script = """
        import asyncio, os, sys
        from pixstore_asgi.errors import StoreError
        from pixstore_asgi.store.sqlite import SqliteStore
        from pixstore_asgi.store.contract_tests.steps import save

        async def main(path):
            store = SqliteStore(path)
            await store.open()
            await store.close()
            os.chmod(path, 0o444)
            os.chmod(os.path.dirname(path), 0o555)
            if os.getuid() == 0:
                os.setgroups([]), os.setgid(65534), os.setuid(65534)
            try:
                await store.open()
                await save(store, "a")
            except StoreError as error:
                print(error)

        asyncio.run(main(sys.argv[1]))
    """
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o755)  # noqa: S103
        command = [sys.executable, "-c", textwrap.dedent(script), f"{folder}/images.db"]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        os.chmod(folder, 0o755)  # noqa: S103
    assert "let this process write to the file and to its folder" in result.stdout


async def test_a_replaced_key_is_gone_from_the_file(tmp_path: Path) -> None:
    """After an update and a delete, once the store is closed, no old wrapped key is left in the database file."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    for name in ("others", "a", "z"):
        await save(store, name)
    first = await save(store, "a", b"first")
    second = await save(store, "a", b"second")
    await store.close()
    assert second.meta.wrapped_key in path.read_bytes()
    await store.open()
    await store.delete("a")
    await store.close()
    content = path.read_bytes()
    assert first.meta.wrapped_key not in content
    assert second.meta.wrapped_key not in content


async def leave_garbage(store: SqliteStore) -> None:
    """Leave a live image of 2 MiB, and four blobs like it: two replaced, one deleted, one given up."""
    for _ in range(3):
        await save(store, "a", body_of(8 * CHUNK_BYTES))
    await save(store, "b", body_of(8 * CHUNK_BYTES))
    await store.delete("b")
    async with await store.begin_write("c", VERSION) as given_up:
        await given_up.write(body_of(8 * CHUNK_BYTES))


async def test_what_nobody_uses_is_swept_at_once(tmp_path: Path) -> None:
    """Replaced, deleted and given up bodies go with the next writes, and an explicit sweep shrinks the file."""
    path, clock = tmp_path / "images.db", FixedClock()
    store = SqliteStore(path, clock_ms=clock)
    await store.open()
    await leave_garbage(store)
    clock.now_ms -= 1_000_000
    await store.sweep()
    assert query(path, "SELECT count(*) FROM blob") == [(1,)]
    assert query(path, "SELECT count(*) FROM chunk") == [(8,)]
    assert query(path, "PRAGMA freelist_count") == [(0,)]
    assert await read(store, "a") == body_of(8 * CHUNK_BYTES)
    await store.close()
    assert path.stat().st_size < 12 * CHUNK_BYTES


async def test_a_busy_store_does_not_grow(tmp_path: Path) -> None:
    """However often images are updated, sweeping on the occasion of writes keeps the number of bodies down."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    for _ in range(40):
        await save(store, "a", body_of(4 * CHUNK_BYTES))
    assert query(path, "SELECT count(*) FROM blob") <= [(3,)]
    await store.close()


async def test_without_leases_blobs_are_kept_for_the_grace_period(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If readers of other processes can't be seen, dead bodies are kept for the grace period and then swept."""
    disable_locks(monkeypatch)
    path, clock = tmp_path / "images.db", FixedClock()
    store = SqliteStore(path, clock_ms=clock, sweep_grace_s=600)
    await store.open()
    await leave_garbage(store)
    clock.now_ms += 599_000
    assert await store.sweep() == 0
    clock.now_ms += 2_000
    assert await store.sweep(limit=3) == 3
    assert await store.sweep() == 1
    assert query(path, "SELECT count(*) FROM blob") == [(1,)]
    await store.close()


async def test_what_died_while_the_clock_was_ahead_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked dead or pending by a clock that was a day ahead, bodies are kept for the grace period, not for a day."""
    disable_locks(monkeypatch)
    path, clock = tmp_path / "images.db", FixedClock()
    store = SqliteStore(path, clock_ms=clock, sweep_grace_s=600)
    await store.open()
    clock.now_ms += 86_400_000
    await leave_garbage(store)
    clock.now_ms -= 86_400_000
    assert await store.sweep() == 0
    clock.now_ms += 599_000
    assert await store.sweep() == 0
    clock.now_ms += 2_000
    assert await store.sweep() == 4
    await store.close()


@pytest.mark.parametrize("locks", [True, False])
async def test_a_blob_in_use_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool) -> None:
    """However long it is dead, a body stays while a stream reads it, also when another stream of it ends first."""
    if not locks:
        disable_locks(monkeypatch)
    clock = FixedClock()
    store = SqliteStore(tmp_path / "images.db", clock_ms=clock)
    await store.open()
    body = body_of(5 * CHUNK_BYTES)
    await save(store, "a", body)
    stream, again = await store.open_stream("a"), await store.open_stream("a")
    assert stream is not None
    assert again is not None
    await store.delete("a")
    await again.aclose()
    clock.now_ms += 10_000_000
    assert await store.sweep() == 0
    assert b"".join([chunk async for chunk in stream]) == body
    assert await store.sweep() == 1
    await store.close()


async def test_other_processes_leases_hold(tmp_path: Path) -> None:
    """A body that another store on the same file reads or writes is not swept; once that one closes, it is."""
    store, other = SqliteStore(tmp_path / "images.db"), SqliteStore(tmp_path / "images.db")
    await store.open()
    await other.open()
    body = body_of(5 * CHUNK_BYTES)
    await save(store, "a", body)
    reading = await other.open_stream("a")
    uploading = await other.begin_write("b", VERSION)
    await uploading.write(body_of(8 * CHUNK_BYTES))
    await idle(other)
    assert (reading is not None, other.in_use) == (True, 2)
    await store.delete("a")
    assert await store.sweep() == 0
    await uploading.commit(meta_of(8 * CHUNK_BYTES))
    assert reading is not None
    assert b"".join([chunk async for chunk in reading]) == body
    assert other.in_use == 0
    await store.sweep()
    assert await read(store, "b") == body_of(8 * CHUNK_BYTES)
    assert query(store.path, "SELECT count(*) FROM blob") == [(1,)]
    await store.close()
    await other.close()


async def test_a_stream_starts_over_when_its_blob_was_swept_before_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update and a sweep between reading the pointer and taking the lease: the stream is the new version's."""
    store, other = SqliteStore(tmp_path / "images.db"), SqliteStore(tmp_path / "images.db")
    await store.open()
    await save(store, "a", body_of(5 * CHUNK_BYTES, 1))
    acquire = Leases.acquire
    overtaken: list[int] = []

    async def overtake() -> None:
        await other.open()
        await save(other, "a", body_of(5 * CHUNK_BYTES, 2))
        await other.sweep()
        await other.close()

    def late(leases: Leases, blob: int) -> bool:
        if not overtaken:
            overtaken.append(blob)
            with ThreadPoolExecutor() as pool:
                pool.submit(asyncio.run, overtake()).result()
        return acquire(leases, blob)

    monkeypatch.setattr(Leases, "acquire", late)
    assert await read(store, "a") == body_of(5 * CHUNK_BYTES, 2)
    assert overtaken == [1]
    assert store.in_use == 0
    await store.close()


async def test_a_pointer_to_nowhere_is_an_error(tmp_path: Path) -> None:
    """An image without its body in a damaged file raises StoreError instead of searching for it forever."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    await save(store, "a", body_of(5 * CHUNK_BYTES))
    query(path, "DELETE FROM blob")
    with pytest.raises(StoreError, match="does not exist"):
        await store.open_stream("a")
    assert store.in_use == 0
    await store.close()


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_abort_still_drops_the_body(tmp_path: Path, turns: int) -> None:
    """A task that is cancelled while it aborts an upload leaves no body in use, and gc removes the body."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    writer = await store.begin_write("a", os.urandom(16))
    await writer.write(body_of(5 * CHUNK_BYTES))
    aborting = asyncio.create_task(writer.abort())
    for _ in range(turns + 1):
        await asyncio.sleep(0)
    aborting.cancel()
    await asyncio.wait([aborting])
    for _ in range(3000):
        await asyncio.sleep(0.01)
        if query(store.path, "SELECT state FROM blob") == [(2,)] and not store.in_use:
            break
    assert await store.sweep() == 1
    await store.close()


async def test_a_body_with_too_many_chunks_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is refused in its commit leaves no row, whether some of its chunks were written before or not."""
    monkeypatch.setattr(SqliteTransaction, "most_chunks", 5)
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    for chunks in (6, 9):
        with pytest.raises(StoreError, match="at most 5 chunks"):
            await save(store, "a", body_of(chunks * CHUNK_BYTES))
    monkeypatch.setattr(SqliteTransaction, "most_chunks", 3)
    with pytest.raises(StoreError, match="at most 3 chunks"):
        await save(store, "a", body_of(4 * CHUNK_BYTES))
    await store.sweep()
    assert query(store.path, "SELECT count(*) FROM blob") == [(0,)]
    await store.close()


async def test_an_upload_that_stood_still_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leases, a staged upload that another process swept away fails, and says why."""
    disable_locks(monkeypatch)
    path, clock = tmp_path / "images.db", FixedClock()
    store, other = SqliteStore(path, clock_ms=clock), SqliteStore(path, clock_ms=clock)
    await store.open()
    await other.open()
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(body_of(8 * CHUNK_BYTES))
        await idle(store)
        clock.now_ms += 700_000
        assert await other.sweep() == 1
        with pytest.raises(StoreError, match="the stored part of an upload is gone"):
            await writer.write(body_of(8 * CHUNK_BYTES))
    await store.close()
    await other.close()


async def test_a_sweep_leaves_what_was_committed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that was pending when the sweep found it, and is live when its turn comes, keeps every chunk."""
    disable_locks(monkeypatch)
    path, clock = tmp_path / "images.db", FixedClock()
    store, other = SqliteStore(path, clock_ms=clock), SqliteStore(path, clock_ms=clock)
    await store.open()
    await other.open()
    collect_once, found, committed = gc._collect_once, threading.Event(), threading.Event()

    def collect_late(db: Writer, leases: Leases, age_s: float, limit: int) -> tuple[int, bool]:
        found.set()
        committed.wait(10)
        return collect_once(db, leases, age_s, limit)

    body = body_of(8 * CHUNK_BYTES)
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(body)
        await idle(store)
        clock.now_ms += 700_000
        monkeypatch.setattr(gc, "_collect_once", collect_late)
        sweep = asyncio.create_task(other.sweep())
        assert await asyncio.to_thread(found.wait, 10)
        await writer.commit(meta_of(len(body)))
    committed.set()
    assert await sweep == 0
    assert await read(store, "a") == body
    await store.close()
    await other.close()


async def test_a_close_that_cannot_sweep_still_closes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another process's lock keeps the sweep of a close out, which is logged, and the store is closed."""
    path, clock = tmp_path / "images.db", FixedClock()
    caplog.set_level(logging.INFO)
    store = SqliteStore(path, clock_ms=clock, busy_timeout_s=0.05)
    await store.open()
    await save(store, "a")
    await store.delete("a")
    unfinished = await store.begin_write("b", VERSION)
    await unfinished.write(body_of(8 * CHUNK_BYTES))
    await idle(store)
    clock.now_ms += 10_000_000
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await unfinished.abort()
    await store.close()
    other.close()
    assert "without a sweep" in caplog.text
    assert "not marked dead" in caplog.text
    with pytest.raises(StoreError, match="open it first"):
        await store.get("a")


async def test_blob_ids_are_never_used_again(tmp_path: Path) -> None:
    """A swept blob's id is not given to a later one: a slow reader could get another image's chunks."""
    path, clock = tmp_path / "images.db", FixedClock()
    store = SqliteStore(path, clock_ms=clock)
    await store.open()
    await save(store, "a")
    await store.delete("a")
    await store.sweep()
    assert query(path, "SELECT id FROM blob") == []
    await save(store, "b")
    assert query(path, "SELECT id FROM blob") == [(2,)]
    await store.close()


@pytest.mark.parametrize("number", [0, 1, 3])
async def test_a_small_body_with_a_missing_chunk_is_not_opened(tmp_path: Path, number: int) -> None:
    """Where any part of a body of up to 1 MiB is gone, opening it raises: none of it is read."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    await save(store, "a", body_of(4 * CHUNK_BYTES))
    query(store.path, f"DELETE FROM chunk WHERE id & 65535 = {number}")
    with pytest.raises(StoreError, match="missing from the store: restore it from a backup"):
        await store.open_stream("a")
    await store.close()


async def test_a_missing_chunk_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    """Where part of a body is gone, reading raises after the last good chunk; nothing is padded."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    await save(store, "a", body_of(5 * CHUNK_BYTES))
    query(path, "DELETE FROM chunk WHERE id & 65535 = 1")
    stream = await store.open_stream("a")
    assert stream is not None
    assert len(await anext(stream)) == CHUNK_BYTES
    with pytest.raises(StoreError, match="missing"):
        await anext(stream)
    assert [chunk async for chunk in stream] == []
    await store.close()


async def test_a_damaged_row_is_refused(tmp_path: Path) -> None:
    """A row that this package could not have written raises StoreError, wherever it is read."""
    path = tmp_path / "images.db"
    store = SqliteStore(path)
    await store.open()
    await save(store, "a")
    query(path, "PRAGMA ignore_check_constraints = ON")
    with sqlite3.connect(path) as edited:
        edited.execute("PRAGMA ignore_check_constraints = ON")
        edited.execute("UPDATE image SET iv = x'00'")
    edited.close()
    for reading in (store.get("a"), store.get_many(["a"]), store.list(), store.open_stream("a")):
        with pytest.raises(StoreError, match="damaged"):
            await reading
    await store.close()


async def test_a_failed_open_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a later connection can't be opened, the earlier ones are closed again."""
    store = SqliteStore(tmp_path / "images.db")
    connect, calls = sqlite3.connect, 0

    def failing(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(sqlite3, "connect", failing)
    threads = threading.active_count()
    with pytest.raises(StoreError):
        await store.open()
    await asyncio.sleep(0.05)
    assert threading.active_count() <= threads + 1  # anyio keeps its worker thread
    with pytest.raises(StoreError, match="open it first"):
        await store.get("a")


@pytest.mark.slow
def test_a_store_used_after_a_fork_refuses(tmp_path: Path) -> None:
    """A store opened before a fork refuses in the child, which would share SQLite's locks with its parent."""
    script = """
        import asyncio, os, sys, warnings
        from pixstore_asgi.errors import StoreError
        from pixstore_asgi.store.sqlite import SqliteStore

        warnings.simplefilter("ignore")

        async def main(path):
            store = SqliteStore(path)
            await store.open()
            child = os.fork()
            if child == 0:
                try:
                    await store.get("a")
                except StoreError as error:
                    os.write(1, str(error).encode())
                os._exit(0)
            os.waitpid(child, 0)
            await store.close()

        asyncio.run(main(sys.argv[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "images.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert "open it in each worker process" in result.stdout


def test_a_store_outlives_its_event_loop(tmp_path: Path) -> None:
    """A store that one event loop has left open opens in the next one, also after calls that the first one dropped."""
    store = SqliteStore(tmp_path / "images.db")

    async def first() -> None:
        await store.open()
        await save(store, "a", b"body")
        for _ in range(50):
            asyncio.create_task(store.get("a"))  # noqa: RUF006
        await asyncio.sleep(0)

    async def second() -> bytes | None:
        await store.open()
        body = await read(store, "a")
        await store.close()
        return body

    asyncio.run(first())
    assert asyncio.run(second()) == b"body"


async def test_commits_that_wait_together_are_one_transaction(tmp_path: Path) -> None:
    """Versions that wait for the writer become current together; one that is refused leaves the others alone."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    try:
        await save(store, "taken", b"old")
        begun: list[str] = []
        engine = store._engine
        assert engine is not None

        def listen(db: sqlite3.Connection) -> None:
            db.set_trace_callback(lambda statement: begun.append(statement) if "BEGIN" in statement else None)

        await engine.on_writer(listen)
        names = [f"image-{number}" for number in range(20)]
        wanted = [save(store, name, name.encode(), expect=Expect.ABSENT) for name in [*names, "taken"]]
        *saved, refused = await asyncio.gather(*wanted, return_exceptions=True)
        assert len(begun) < len(names)
        assert isinstance(refused, StoreConflict)
        assert [await store.get(name) for name in names] == saved
        assert [await read(store, name) for name in names] == [name.encode() for name in names]
        assert await read(store, "taken") == b"old"
    finally:
        await store.close()


async def test_deletes_that_wait_together_empty_the_log_once(tmp_path: Path) -> None:
    """Deletes that wait for the writer share a transaction and the emptying of the log; a refused one harms no other.

    When the callers are told, no file holds a key of an image that was deleted.
    """
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    names = [f"image-{number}" for number in range(50)]
    keys = [image.meta.wrapped_key for image in await asyncio.gather(*(save(store, name) for name in names))]
    kept, engine, statements = await save(store, "kept"), store._engine, Counter[str]()
    assert engine is not None
    await engine.on_writer(lambda db: db.set_trace_callback(lambda text: statements.update([text])))
    deletes = [store.delete(name) for name in (*names, "none")]
    *deleted, refused = await asyncio.gather(
        *deletes, store.delete("kept", expect=os.urandom(16)), return_exceptions=True
    )
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert deleted == [True] * len(names) + [False]
    assert isinstance(refused, StoreConflict)
    assert 1 <= statements["PRAGMA wal_checkpoint(TRUNCATE)"] <= 3
    assert not [key for key in keys if key in content]
    assert await store.list() == [kept]
    await store.close()


async def test_a_delete_cancelled_before_its_turn_does_not_happen(tmp_path: Path) -> None:
    """A delete that is cancelled while it waits is left out of the batch it waited in."""
    store, goes_on = SqliteStore(tmp_path / "pixstore.db"), threading.Event()
    await store.open()
    for name in "ab":
        await save(store, name)
    assert store._engine is not None
    store._engine.write_soon(lambda db: goes_on.wait(10))
    tasks = [asyncio.create_task(store.delete(name)) for name in "ab"]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])  # or the writer's thread may be faster than this event loop
    goes_on.set()
    await asyncio.wait(tasks)
    assert [image.id for image in await store.list()] == ["a"]
    await store.close()


async def test_bodies_in_a_bucket_cost_the_sweep_of_others_nothing(tmp_path: Path) -> None:
    """However many of them are dead and wait for their grace period, a write's sweep takes as many steps."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    await save(store, "a")
    engine = store._engine
    assert engine is not None

    def steps_of_a_sweep(db: Writer) -> int:
        steps = []
        db.set_progress_handler(lambda: steps.append(1), 1)
        gc.collect(db, engine.leases, 0, 4)
        db.set_progress_handler(None, 1)
        return len(steps)

    def bury_elsewhere(db: Writer) -> None:
        dead = "INSERT INTO blob (state, changed_ms, object) VALUES (2, ?, randomblob(16))"
        with db.exclusive():
            db.executemany(dead, [(ms,) for ms in range(2_000)])

    before = await engine.on_writer(steps_of_a_sweep)
    await engine.on_writer(bury_elsewhere)
    assert await engine.on_writer(steps_of_a_sweep) == before
    await store.close()


async def test_a_group_that_fails_stores_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a commit of several fails in the database, none is stored, each is told, and each can be tried again."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    put_image = writes._put

    async def failing(tx: Transaction, image: StoredImage, body: int) -> None:
        await put_image(tx, image, body)
        if image.id == "c":
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    try:
        with monkeypatch.context() as patched:
            patched.setattr(writes, "_put", failing)
            engine = store._engine
            assert engine is not None
            engine.write_soon(lambda db: time.sleep(0.05))  # so that all four wait
            outcomes = await asyncio.gather(*(save(store, name) for name in "abcd"), return_exceptions=True)
        assert all(isinstance(outcome, StoreError) and "disk is full" in str(outcome) for outcome in outcomes)
        causes = [outcome.__cause__ for outcome in outcomes if isinstance(outcome, StoreError)]
        assert len(set(map(id, causes))) == len(set(map(id, outcomes))) == 4
        assert await store.list() == []
        assert [(await save(store, name)).id for name in "abcd"] == ["a", "b", "c", "d"]
    finally:
        await store.close()


async def test_a_commit_cancelled_before_its_turn_does_not_happen(tmp_path: Path) -> None:
    """A commit that is cancelled while it waits is left out of the group it waited in."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    try:
        engine = store._engine
        assert engine is not None
        engine.write_soon(lambda db: time.sleep(0.05))
        tasks = [asyncio.create_task(save(store, name)) for name in "abc"]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert [image.id for image in await store.list()] == ["b", "c"]
    finally:
        await store.close()


FOR_EVER = "WITH RECURSIVE n (x) AS (SELECT begun() UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


async def test_a_read_that_nobody_waits_for_ends(tmp_path: Path) -> None:
    """A cancelled read is broken off, so that a close does not wait for a check of the whole file; others are not."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    engine, begun = store._engine, threading.Event()
    assert engine is not None

    def read_for_ever(db: sqlite3.Connection) -> None:
        db.create_function("begun", 0, begun.set)
        db.execute(FOR_EVER).fetchone()

    reader = engine._connections[1]
    endless = asyncio.create_task(reader.run(read_for_ever))
    await asyncio.to_thread(begun.wait, 10)
    behind = [asyncio.create_task(reader.run(reads.get, "none")) for _ in range(3)]
    await asyncio.sleep(0)
    endless.cancel()
    behind[0].cancel()
    assert await asyncio.gather(*behind[1:]) == [None, None]
    assert endless.cancelled()
    await store.close()


async def test_a_commit_that_a_closing_store_refuses_does_not_happen(tmp_path: Path) -> None:
    """A commit that comes while the store closes is not done along with one that came before."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()
    engine, goes_on = store._engine, threading.Event()
    assert engine is not None
    late = await store.begin_write("late", VERSION)
    await late.write(b"body")
    engine.write_soon(lambda db: goes_on.wait(10))
    early = asyncio.create_task(save(store, "early", b"body"))
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0.01)
    with pytest.raises(StoreError, match="closed"):
        await late.commit(meta_of(4))
    goes_on.set()
    await asyncio.gather(early, closing)
    store._engines.pop()
    await store.open()
    assert [image.id for image in await store.list()] == ["early"]
    await store.close()


async def test_what_comes_behind_a_close_is_refused(tmp_path: Path) -> None:
    """If another thread has closed a connection, a call on it does not wait forever."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    assert store._engine is not None
    writer, reader, *_ = store._engine._connections
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await asyncio.wait_for(reader.run(lambda db: db.execute("SELECT 1").fetchone()), 5)
    writer.post(lambda db: None)
    await reader.close()


async def test_uploads_that_break_off_leave_little_behind(tmp_path: Path) -> None:
    """Every write sweeps the leftovers of earlier ones, although none of them ever commits."""
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    for number in range(20):
        async with await store.begin_write(f"image-{number}", VERSION) as given_up:
            await given_up.write(body_of(9 * CHUNK_BYTES))
    assert query(store.path, "SELECT count(*) <= 2 FROM blob") == [(1,)]
    await store.close()


async def test_another_aiosqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a newer aiosqlite lacks the inner parts that the store uses, opening it says so and names the remedy."""
    monkeypatch.setattr(connection, "_WORKER", None)
    with pytest.raises(
        StoreError, match=r"can't use aiosqlite [\d.]+: install a newer pixstore-asgi, or 'aiosqlite<0.23'"
    ):
        await SqliteStore(tmp_path / "a.db").open()
