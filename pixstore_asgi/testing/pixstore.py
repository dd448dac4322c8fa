"""MemoryPixstore keeps a test's images in memory only. FixedClock is a clock that only the test moves."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Self, TypeVar

from ..core.record import ImageRecord
from ..errors import InputError
from ..pixstore import Pixstore
from ..store.memory import MemoryStore

START_MS = 1_735_689_600_000
"""The beginning of 2025. A proof window begins then too, so a proof made then is valid for two whole windows."""


class FixedClock:
    """A clock that a test sets with `now_ms`, `advance` or `expire`, in epoch milliseconds."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, ms: int) -> None:
        """Move the clock forward by this many milliseconds."""
        self.now_ms += ms

    def expire(self, record: Mapping[str, Any]) -> None:
        """Move the clock forward to the first moment at which a record's proof is invalid. If the proof is already
        invalid, do nothing.

        Args:
            record: A record from JSON or from Pixstore.

        Raises:
            RecordError: `record` is not a record.
            InputError: The record's proof does not expire.
        """
        expires_at = ImageRecord.parse(record).proof_expires_at
        if expires_at is None:
            raise InputError("the record's proof does not expire: it was made with proof_window_ms=-1")
        self.now_ms = max(self.now_ms, expires_at)


SECRET = "a-secret-that-everybody-knows-for-tests-alone"  # noqa: S105
"""The secret of every MemoryPixstore. It is public: use it only in tests."""

Result = TypeVar("Result")


class _Store(MemoryStore):
    """A memory store that accepts any `connection`, so that an application's code with transactions needs no
    database.
    """

    def within(self, connection: object) -> Self:
        return self


class MemoryPixstore(Pixstore):
    """A Pixstore in memory, with the same secret in every run, and a clock that only the test moves.

    Methods accept any `connection` and ignore it. Rolling back its transaction does not remove the image.

    You may use it in one event loop after another; the images stay.

    Args:
        clock: The clock of tokens and proofs. It is also the attribute `clock`.
        options: Options of Pixstore, except `store` and `blobs`.
    """

    def __init__(self, *, clock: FixedClock | None = None, **options: Any) -> None:
        self.clock = FixedClock() if clock is None else clock
        super().__init__(_Store(clock_ms=self.clock), clock_ms=self.clock, **{"secret": SECRET, **options})

    def run(self, call: Awaitable[Result]) -> Result:
        """Run a coroutine and return its result, in a test that is not async: `pix.run(pix.save_image(data))`."""

        async def result() -> Result:
            return await call

        return asyncio.run(result())
