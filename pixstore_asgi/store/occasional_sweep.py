"""OccasionalSweep: a sweep now and then on the occasion of a write, which must not wait or fail for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ..core.events import event
from ..errors import StoreError

_log = logging.getLogger("pixstore_asgi")
_EVERY_S = 10.0


class OccasionalSweep:
    """Runs a store's sweep in a task of its own until it finds nothing, begun at most once in 10 s.

    sweep: removes some of what is past its time, and returns how much.
    """

    def __init__(self, sweep: Callable[[], Awaitable[int]]) -> None:
        self._sweep = sweep
        self._begun_s = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Sweep, unless that was done just now or is being done."""
        if self._task is None and time.monotonic() - self._begun_s >= _EVERY_S:
            self._begun_s = time.monotonic()
            self._task = asyncio.create_task(self._run())

    async def ended(self) -> None:
        """Wait for what is under way."""
        if self._task is not None and self._task.get_loop() is asyncio.get_running_loop():  # not the one before a fork
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while await self._sweep():
                pass  # until nothing is left, or writes could leave more behind than is swept
        except StoreError as error:
            _log.info("the store was not swept: %s", error, extra=event("sweep_failed"))
        finally:
            self._task = None
