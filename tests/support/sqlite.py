"""A SQLite store seen from beside it, in older versions, and on machines without locks."""

import asyncio
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zlib import crc32

import pytest

from pixstore_asgi.core.cipher import unwrap_key, wrap_key
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.sqlite import SqliteStore, leases, write_lock
from pixstore_asgi.store.sqlite.reads import DataVersion
from pixstore_asgi.store.sqlite.transaction import Transaction, run
from pixstore_asgi.store.sqlite.write_lock import ChangeCounters
from pixstore_asgi.store.tables import images, keys

_NUMBER = f"blob + {1 << 56}"  # of a blob's wrapped key
KEY_OF_IMAGE = f"number = (SELECT {_NUMBER} FROM image WHERE id = ?)"
"""Tells an image's row in the table wrapped_key."""
WITH_KEYS = f"image LEFT JOIN wrapped_key ON number = {_NUMBER}"
"""All rows of images with their keys, to select from."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold a read transaction in a database, as a backup or another program's long query would."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    try:
        yield
    finally:
        other.close()


async def idle(store: SqliteStore) -> None:
    """Wait until the writer has nothing left to do, such as chunks to stage, or the sweep that rides on a write."""
    assert store._engine is not None
    await asyncio.sleep(0)  # let the call that just began enter its queue
    await store._engine.on_writer(lambda db: None)


def looks_of(store: ImageStore) -> DataVersion:
    """Return the object by which an open store notices other programs' commits."""
    assert isinstance(store, SqliteStore)
    assert store._engine is not None
    assert store._engine._data_version is not None
    return store._engine._data_version


def look_no_more(store: ImageStore) -> None:
    """Let an open store go by its counters alone: it looks for other programs' commits now, and never again."""
    looks_of(store).look()
    looks_of(store).due = math.inf


async def open_without_looks(path: Path) -> SqliteStore:
    """Open a store that goes by its counters alone."""
    store = SqliteStore(path)
    await store.open()
    look_no_more(store)
    return store


def open_counters(path: Path) -> ChangeCounters:
    """Map the change counters in a write lock's file."""
    counters = ChangeCounters.open(path)
    assert counters is not None
    return counters


def leave_odd(counters: ChangeCounters, *image_ids: str) -> None:
    """Leave the counters of images as a writer does that dies at its COMMIT."""
    for image_id in image_ids:
        counters._values[crc32(image_id.encode()) % 512] |= 1


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def make_version_8(path: Path) -> None:
    """Make a database of this version one of version 8, which had wrapped keys in the rows of images."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "ALTER TABLE image ADD COLUMN wrapped_key BLOB CHECK (length(wrapped_key) > 0);"
            "UPDATE image SET wrapped_key = iif(details IS NULL, value, CAST(value || details AS BLOB))"
            f" FROM wrapped_key WHERE number = {_NUMBER};"
            "ALTER TABLE image DROP COLUMN details; DROP TABLE wrapped_key; PRAGMA user_version = 8;"
            "DROP INDEX object_to_sweep; DROP INDEX blob_to_sweep;"
            "CREATE INDEX blob_to_sweep ON blob (changed_ms) WHERE state <> 1"
        )
    connection.close()


def make_version_1(path: Path, secret: str) -> None:
    """Make a database of this version one of version 1, as the first version of this package had it: its keys, under
    this secret, are bound to no id."""
    unbound = KeyRing(secret)
    with closing(sqlite3.connect(path)) as connection:
        ring = unbound.bound_to(run(keys.database_id(Transaction(connection))))
        stored = run(images.list_images(Transaction(connection), None, None, 10_000))
    make_version_8(path)
    with sqlite3.connect(path) as connection:
        for image in stored:
            meta = wrap_key(unbound, unwrap_key(ring, image.id, image.meta), image.id, image.meta)
            connection.execute("UPDATE image SET wrapped_key = ? WHERE id = ?", (meta.wrapped_key, image.id))
        connection.execute("UPDATE key_check SET value = ?", (unbound.signing.check_value,))
        connection.commit()
        connection.executescript(
            "ALTER TABLE image DROP COLUMN checksum;"
            "ALTER TABLE image DROP COLUMN epoch; ALTER TABLE image DROP COLUMN created_ms;"
            "DROP INDEX blob_by_object; ALTER TABLE blob DROP COLUMN object; ALTER TABLE blob DROP COLUMN removing;"
            "ALTER TABLE key_check DROP COLUMN retired; DROP TABLE database_id; PRAGMA user_version = 1"
        )
    connection.close()


def disable_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a system without leases between processes and without flock, such as Windows."""
    monkeypatch.setattr(leases, "fcntl", None)
    monkeypatch.setattr(write_lock, "fcntl", None)
