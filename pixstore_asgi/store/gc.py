"""OccasionalGc: garbage collection now and then along with a write, which must not wait or fail because of it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ..core.events import event
from ..errors import StoreError
from ..process import PerLoop
from .objects import OtherPlace

_log = logging.getLogger("pixstore_asgi")
_EVERY_S = 10.0


class _Run(NamedTuple):
    """A sweep in one event loop. is_ending: set if its next step is to be the last one."""

    task: "asyncio.Task[None]"
    is_ending: asyncio.Event


class OccasionalGc:
    """Runs a store's sweep in a task of its own until it finds nothing, begun at most once in 10 s.

    sweep: removes some bodies that are past their time, and returns how many.
    """

    def __init__(self, sweep: Callable[[], Awaitable[int]]) -> None:
        self._sweep = sweep
        self._begun_s = time.monotonic()
        self._runs: PerLoop[_Run] = PerLoop(lambda run: None)

    def soon(self) -> None:
        """Sweep, unless that was done just now or is being done."""
        if self._under_way() is None and time.monotonic() - self._begun_s >= _EVERY_S:
            self._begun_s, is_ending = time.monotonic(), asyncio.Event()
            self._runs.put(_Run(asyncio.create_task(self._run(is_ending)), is_ending))

    async def ended(self) -> None:
        """Wait for the step that is under way in this event loop, and let it be the last one."""
        if run := self._under_way():
            run.is_ending.set()
            await asyncio.wait([run.task])

    def _under_way(self) -> _Run | None:
        run = self._runs.get()
        return None if run is None or run.task.done() else run

    async def _run(self, is_ending: asyncio.Event) -> None:
        try:
            while not is_ending.is_set() and await self._sweep():
                pass  # until nothing is left, or writes could leave more behind than is removed
        except StoreError as error:
            log_unswept(error, "the store was not swept")


def log_unswept(error: StoreError, words: str, path: str | None = None) -> None:
    """Log that a sweep failed: at level error if the bucket is another one, else at level info."""
    if isinstance(error, OtherPlace):
        _log.error("%s: %s", words, error, extra=event("sweep_failed", path=path))
    else:
        _log.info("%s: %s", words, error, extra=event("sweep_failed", path=path))
