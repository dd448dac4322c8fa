"""Stores with their bodies in a bucket keep the contract of all stores."""

import hashlib
from pathlib import Path

import pytest

from pixstore_asgi.process import Clock
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.contract_tests import SharedStoreContract
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.postgres import Cluster
from tests.support.s3 import S3Server


def name_of(folder: Path) -> str:
    return "t_" + hashlib.sha256(bytes(folder)).hexdigest()[:16]


@pytest.mark.soak
class TestSqliteStoreWithBucket(SharedStoreContract):
    """SqliteStore keeps the contract with its bodies in a bucket, also between processes.

    With --soak only, because the parts are shown by default: SqliteStore with bodies in files, and the bucket below
    PostgresStore.
    """

    @pytest.fixture(autouse=True)
    def use(self, s3: S3Server) -> None:
        self.s3 = s3

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        bucket = S3Bucket(self.s3.url(name_of(folder)))
        return SqliteStore(folder / "images.db", bodies=bucket, clock_ms=clock)


@pytest.mark.slow
class TestPostgresStoreWithBucket(SharedStoreContract):
    """PostgresStore keeps the contract with its bodies in a bucket, also between processes."""

    @pytest.fixture(autouse=True)
    def use(self, s3: S3Server, postgres: Cluster) -> None:
        self.s3, self.postgres = s3, postgres

    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        name = name_of(folder)
        bucket = S3Bucket(self.s3.url(name))
        return PostgresStore(self.postgres.url(), schema=name, bodies=bucket, clock_ms=clock)
