"""OccasionalSweep: a sweep now and then on the occasion of a write, which must not wait or fail for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ..core.events import event
from ..errors import StoreError
from .elsewhere import OtherPlace

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
        self._is_ending = False

    def soon(self) -> None:
        """Sweep, unless that was done just now or is being done."""
        if self._under_way() is None and time.monotonic() - self._begun_s >= _EVERY_S:
            self._begun_s, self._is_ending = time.monotonic(), False
            self._task = asyncio.create_task(self._run())

    async def ended(self) -> None:
        """Wait for the step that is under way, and let it be the last one."""
        if task := self._under_way():
            self._is_ending = True
            await asyncio.wait([task])

    def _under_way(self) -> "asyncio.Task[None] | None":
        # One of before a fork, or of an event loop that has ended, goes on no more.
        task = self._task
        return task if task and not task.done() and task.get_loop() is asyncio.get_running_loop() else None

    async def _run(self) -> None:
        try:
            while not self._is_ending and await self._sweep():
                pass  # until nothing is left, or writes could leave more behind than is swept
        except StoreError as error:
            log_unswept(error, "the store was not swept")


def log_unswept(error: StoreError, words: str, **fields: str) -> None:
    """Log that a sweep failed: at level error if the bucket is another one, else at level info."""
    level = logging.ERROR if isinstance(error, OtherPlace) else logging.INFO
    _log.log(level, "%s: %s", words, error, extra=event("sweep_failed", **fields))
