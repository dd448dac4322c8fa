"""A Pixstore that leaves nothing behind."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Self, TypeVar

from ..pixstore import Pixstore
from ..store.memory import MemoryStore
from .clock import FixedClock

SECRET = "a-secret-that-everybody-knows-for-tests-alone"  # noqa: S105

Result = TypeVar("Result")


class _Store(MemoryStore):
    """A memory store that takes any connection, so that code which writes in a transaction runs without a database."""

    def within(self, connection: object) -> Self:
        return self


class MemoryPixstore(Pixstore):
    """A Pixstore in memory, with a secret that is the same in every run, and a clock that stands.

    `connection=` may be anything but None, and is ignored: a transaction that is rolled back keeps the image.

    clock: whose time makes tokens and proofs; it is kept as `clock`. options: those of Pixstore but for `store` and
    `blobs`. It may be used from one event loop after another: what it keeps is the same.
    """

    def __init__(self, *, clock: FixedClock | None = None, **options: Any) -> None:
        self.clock = FixedClock() if clock is None else clock
        super().__init__(_Store(clock_ms=self.clock), clock_ms=self.clock, **{"secret": SECRET, **options})

    def run(self, call: Awaitable[Result]) -> Result:
        """Return what a call of this Pixstore gives, in a test that is not async: `pix.run(pix.save_image(data))`."""

        async def result() -> Result:
            return await call

        return asyncio.run(result())
