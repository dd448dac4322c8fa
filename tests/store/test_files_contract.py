"""A store with long bodies in files keeps the contract of all stores."""

from pathlib import Path

import pytest

from pixstore_asgi.process import Clock
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests import SharedStoreContract
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore

pytestmark = pytest.mark.slow


class TestSqliteStoreWithFolder(SharedStoreContract):
    """SqliteStore keeps the contract with its bodies in files, also between processes."""

    @pytest.fixture(autouse=True)
    def use_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(BodyFolder, "smallest_bytes", 1)  # the contract's bodies are short

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        return SqliteStore(folder / "images.db", bodies=BodyFolder(folder / "bodies"), clock_ms=clock)
