"""Fixtures that the tests of the demo share."""

from collections.abc import AsyncIterator

import httpx
import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.demo import pictures
from pixstore_asgi.store.memory import MemoryStore
from tests.demo.asgi import LIMIT, demo_client
from tests.support import SECRET


@pytest.fixture(scope="session")
def seeds() -> list[pictures.Picture]:
    return pictures.seeds()


@pytest.fixture
def painted_once(monkeypatch: pytest.MonkeyPatch, seeds: list[pictures.Picture]) -> None:
    """Every test has a gallery of its own, and painting takes most of a second."""
    monkeypatch.setattr(pictures, "seeds", lambda: seeds)


@pytest.fixture
async def client(painted_once: None) -> AsyncIterator[httpx.AsyncClient]:
    pix = Pixstore(MemoryStore(), secret=SECRET, max_image_bytes=LIMIT)
    async with demo_client(pix) as opened:
        yield opened
