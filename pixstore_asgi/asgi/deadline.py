"""Time limits that cost little: no timer for what ends at once, as most sends do, and one for many waits in a row."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

_LONGEST_S = 3600.0  # some event loops take no endless timer


async def ends_within(seconds: float, coroutine: Coroutine[Any, Any, None]) -> bool:
    """Run a coroutine to its end and return True, or cancel it after `seconds` and return False."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return True
    # Not a cancel scope of anyio's: the coroutine may be inside one by now, and the last one begun must end first.
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await _Rest(coroutine, waits_for)
    except TimeoutError:
        if not limit.expired():
            raise
    return not limit.expired()


class _Rest:
    """What is left of a coroutine that was run to its first pause, where it waits for `waits_for`."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                try:
                    result = yield waits_for
                except BaseException as error:
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(result)
            except StopIteration:
                return


class Watch:
    """Limits the waits of the running task, one after another, by a single timer: `begin` each, and `end` it.

    Each wait has a limit of its own, yet none may have to end earlier than the one before it had to. One that lasts
    longer is cancelled, and `end` then returns True.
    """

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._cancels = 0
        self._is_waiting = self._is_overdue = False

    def begin(self, seconds: float) -> None:
        """Begin a wait of at most `seconds`."""
        self._is_waiting = True
        self._due_s = self._loop.time() + seconds
        self._cancels = self._task.cancelling()
        if self._timer is None:
            self._arm()

    def end(self) -> bool:
        """End the wait and tell whether it was cancelled for its length, and for nothing else."""
        self._is_waiting = False
        if not self._is_overdue:
            return False
        self._is_overdue = False
        return self._task.uncancel() <= self._cancels

    def close(self) -> None:
        """End the last wait, if an error has ended it, and give up the timer."""
        self.end()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(min(max(self._due_s - self._loop.time(), 0), _LONGEST_S), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._is_waiting:
            return
        if self._loop.time() < self._due_s:
            self._arm()
        else:
            self._is_overdue = True
            self._task.cancel()
