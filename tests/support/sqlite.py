"""A SQLite store seen from beside it: by another connection, and until its writer rests."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixstore_asgi.store.sqlite import SqliteStore


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
    assert store._session is not None
    await asyncio.sleep(0)  # let what was just begun get into its queue
    await store._session.write(lambda db: None)
