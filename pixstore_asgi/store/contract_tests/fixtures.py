"""The fixtures of the contract's tests: an open store, and its clock."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ...process import Clock
from ..contract import ImageStore


class SetClock:
    """A clock that returns the time that the test has set, in epoch milliseconds."""

    def __init__(self, now_ms: int = 1_795_559_350_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.mark.anyio
class StoreFixtures(ABC):
    """Makes a store for each test. A store that needs more than a folder overrides the fixture `store` instead."""

    @abstractmethod
    def make_store(self, folder: Path, clock: Clock) -> ImageStore:
        """Return a closed store for this folder. A second store for the same folder has the same images."""

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
