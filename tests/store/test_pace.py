"""Reads on the event loop's own thread: only while they do not wait for the disk, and one at a time."""

import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.contract import CHUNK_BYTES
from pixstore_asgi.store.contract_tests.steps import body_of, read, save
from pixstore_asgi.store.sqlite import SqliteStore, reads
from pixstore_asgi.store.sqlite.connection import Connection
from pixstore_asgi.store.sqlite.engine import Engine
from pixstore_asgi.store.sqlite.reads import Pace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all reads go to threads")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "images.db")
    await store.open()
    await save(store, "a", b"body")
    yield store
    await store.close()


def engine_of(store: SqliteStore) -> Engine:
    assert store._engine is not None
    return store._engine


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections with threads that were used."""
    gone: list[Connection] = []
    run = Connection.run

    async def counted(self: Connection, *args: object) -> object:
        gone.append(self)
        return await run(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "run", counted)
    return gone


class Watched:
    """A pace with reads that last and wait as given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = (0, 0, 1000.0)
        self.pace = Pace()
        monkeypatch.setattr(self.pace, "waits", lambda: self.now)
        monkeypatch.setattr("pixstore_asgi.store.sqlite.reads._now_s", lambda: self.now[2])

    def read(self, seconds: float, *, blocks: int = 0, switches: int = 0) -> bool:
        """Do a read and tell whether another one may follow."""
        before = self.now
        self.now = (before[0] + blocks, before[1] + switches, before[2] + seconds)
        self.pace.has_read(before)
        return self.pace.is_quick()

    def may_read_after(self, seconds: float) -> bool:
        self.now = (*self.now[:2], self.now[2] + seconds)
        return self.pace.is_quick()


def test_a_read_that_waits_for_the_disk_is_the_last_for_a_hundred_times_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that the event loop waits for at most a hundredth of the time."""
    watched = Watched(monkeypatch)
    assert watched.read(0.0001) is True
    for seconds in (0.0002, 0.03):
        assert watched.read(seconds, blocks=64, switches=1) is False
        assert watched.may_read_after(99 * seconds) is False
        assert watched.may_read_after(1.01 * seconds) is True


def test_a_slow_read_counts_where_its_thread_gave_up_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that counts no blocks, a read that was only slow, or waited briefly, does not count."""
    watched = Watched(monkeypatch)
    assert watched.read(0.02) is True
    assert watched.read(0.001, switches=1) is True
    assert watched.read(0.004, switches=1) is False


async def test_a_read_that_waited_sends_the_next_ones_to_threads(
    store: SqliteStore, trips: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store watches its reads on the caller's thread."""
    pace = engine_of(store)._pace
    monkeypatch.setattr(pace, "_next_s", 0.0)
    blocks, switches, _ = before = pace.waits()
    monkeypatch.setattr(pace, "waits", iter([before, (blocks + 1, switches, 2**40)]).__next__)
    assert await store.get("a") is not None
    assert trips == []
    assert await store.get("a") is not None
    assert len(trips) == 1


async def test_what_fails_on_the_callers_thread_goes_to_another(
    store: SqliteStore, trips: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is just busy is waited for on a reader's thread."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    engine = engine_of(store)
    near, get = engine._near, reads.get

    def busy(db: sqlite3.Connection, image_id: str) -> object:
        if db is near:
            raise sqlite3.OperationalError("database is locked")
        return get(db, image_id)

    monkeypatch.setattr(reads, "get", busy)
    assert await store.get("a") is not None
    assert len(trips) == 1


@pytest.mark.parametrize("change", ["DELETE FROM chunk WHERE id & 65535 = 1", "UPDATE chunk SET data = x'00'"])
async def test_a_body_that_is_not_whole_is_not_read_at_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """If chunks are missing or have another length, `read_at_once` returns None, and a stream raises the reason."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    body = body_of(2 * CHUNK_BYTES)
    saved = await save(store, "a", body)
    assert store.read_nowait("a") == (saved, [body[:CHUNK_BYTES], body[CHUNK_BYTES:]])
    with sqlite3.connect(store.path) as edited:
        edited.execute(change)
    edited.close()
    assert store.read_nowait("a") is None
    with pytest.raises(StoreError, match="missing"):
        await read(store, "a")


async def test_a_file_that_was_moved_is_noticed_by_reads_at_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is looked at once a second: after that nothing is read of one that is not in its place."""
    monkeypatch.setattr(Pace, "is_quick", lambda self: True)
    data_version = engine_of(store)._data_version
    assert data_version is not None
    moved = Path(store.path).rename(Path(store.path).with_name("moved.db"))
    monkeypatch.setattr(data_version, "due", 0.0)
    with pytest.raises(StoreError, match="was moved"):
        store.read_nowait("a")
    moved.rename(store.path)
    assert store.read_nowait("a") is not None
