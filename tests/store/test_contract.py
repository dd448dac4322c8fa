"""Every store of the package keeps the contract."""

from pathlib import Path

import pytest

from pixstore_asgi.process import Clock
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests import SharedStoreContract, StoreContract
from pixstore_asgi.store.contract_tests.fixtures import StoreFixtures
from pixstore_asgi.store.contract_tests.steps import read, save, stamp_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.write_lock import ChangeCounters
from tests.support.sqlite import disable_locks


class StampsThatHold(StoreFixtures):
    """Properties of a store beyond the contract that make the cache worthwhile."""

    async def test_reading_leaves_the_stamp(self, store: ImageStore) -> None:
        """A read leaves the stamp unchanged, or the cache would keep nothing."""
        await save(store, "a")
        stamp = stamp_of(store, "a")
        await store.get("a")
        await store.get_many(["a", "b"])
        await read(store, "a")
        await store.list()
        assert stamp_of(store, "a") == stamp

    async def test_each_stamp_is_its_ids(self, store: ImageStore) -> None:
        """Several stamps come in the order of their ids, each the one that the id gets alone."""
        for image_id in "abc":
            await save(store, image_id)
        await store.raise_epoch("b")
        ids = ["c", "b", "b", "a", "nobody"]
        assert list(store.stamps(ids)) == [stamp_of(store, image_id) for image_id in ids]


class TestMemoryStore(StoreContract, StampsThatHold):
    """MemoryStore keeps the contract."""

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        return MemoryStore(clock_ms=clock)


class TestSqliteStore(SharedStoreContract, StampsThatHold):
    """SqliteStore keeps the contract, also between processes."""

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        return SqliteStore(folder / "images.db", clock_ms=clock)


@pytest.mark.slow
class TestSqliteStoreWithoutCounters(TestSqliteStore):
    """SqliteStore keeps the contract on a file system that has no shared memory for change counters."""

    @pytest.fixture(autouse=True)
    def without_counters(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ChangeCounters, "open", lambda path: None)


@pytest.mark.slow
class TestSqliteStoreWithoutLocks(TestSqliteStore):
    """SqliteStore keeps the contract where the system has no locks between processes."""

    @pytest.fixture(autouse=True)
    def without_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        disable_locks(monkeypatch)
