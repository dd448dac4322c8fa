"""PostgresStore keeps the contract of all stores."""

import hashlib
from pathlib import Path

import pytest

from pixstore_asgi.process import Clock
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests import SharedStoreContract
from pixstore_asgi.store.postgres import PostgresStore
from tests.support.postgres import Cluster

pytestmark = pytest.mark.slow


class TestPostgresStore(SharedStoreContract):
    """PostgresStore keeps the contract, also between processes."""

    @pytest.fixture(autouse=True)
    def use(self, postgres: Cluster) -> None:
        self.postgres = postgres

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        schema = "t_" + hashlib.sha256(bytes(folder)).hexdigest()[:16]
        return PostgresStore(self.postgres.url(), schema=schema, clock_ms=clock)
