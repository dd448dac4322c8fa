"""OccasionalGc: garbage collection beside writes. A write neither waits for it nor fails because of it."""

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
    """A sweep in one event loop. is_ending: if True, its next step is the last one."""

    task: "asyncio.Task[None]"
    is_ending: asyncio.Event


class OccasionalGc:
    """Runs a store's sweep in its own task until nothing is left. It starts at most once in 10 s.

    sweep: removes some bodies with an expired grace period, and returns their number.
    """

    def __init__(self, sweep: Callable[[], Awaitable[int]]) -> None:
        self._sweep = sweep
        self._begun_s = time.monotonic()
        self._runs: PerLoop[_Run] = PerLoop(lambda run: None)

    def soon(self) -> None:
        """Start a sweep, unless one is running or was started in the last 10 s."""
        if self._under_way() is None and time.monotonic() - self._begun_s >= _EVERY_S:
            self._begun_s, is_ending = time.monotonic(), asyncio.Event()
            self._runs.put(_Run(asyncio.create_task(self._run(is_ending)), is_ending))

    async def ended(self) -> None:
        """Wait for the running step of this event loop, and make it the last one."""
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
    """Log that a sweep failed: as an error if the bucket is the wrong one, else as info."""
    if isinstance(error, OtherPlace):
        _log.error("%s: %s", words, error, extra=event("sweep_failed", path=path))
    else:
        _log.info("%s: %s", words, error, extra=event("sweep_failed", path=path))
