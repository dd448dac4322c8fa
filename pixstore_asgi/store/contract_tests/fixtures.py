"""The fixtures of the contract's tests: an open store, and its clock."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ...process import Clock
from ..contract import ImageStore


class SetClock:
    """A clock that stands still. It returns the time that a test has set, in epoch milliseconds."""

    def __init__(self, now_ms: int = 1_795_559_350_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.mark.anyio
class StoreFixtures(ABC):
    """Makes a store for each test. A suite for a store that needs more than a folder overrides the fixture `store`."""

    @abstractmethod
    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        """Return a closed store for this folder. If several stores are made for one folder, they share their images."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def clock(self) -> SetClock:
        return SetClock()

    @pytest.fixture
    async def store(self, tmp_path: Path, clock: SetClock) -> AsyncIterator[ImageStore]:
        made = self.make_store(tmp_path, clock)
        await made.open()
        yield made
        await made.close()
