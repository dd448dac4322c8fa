"""Fixtures of the tests of the ASGI edge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.chunks import ReadChunks
from tests.support.clock import FixedClock
from tests.support.samples import SECRET


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "pixstore.db")


@pytest.fixture
def cache_bytes() -> int:
    return 64 * 1024 * 1024


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at the time of the test, so that proofs of other Pixstores are valid too."""
    return FixedClock(wall_clock_ms())


@pytest.fixture
async def pix(store: SqliteStore, cache_bytes: int, clock: FixedClock) -> AsyncIterator[Pixstore]:
    async with Pixstore(store, secret=SECRET, cache_bytes=cache_bytes, clock_ms=clock) as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["quick disk", "slow disk"])
def read_chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ReadChunks:
    return ReadChunks(monkeypatch, is_quick=request.param)
