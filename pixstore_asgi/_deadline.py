"""A time limit that makes a timer only for what does not end at once, as most sends do."""

from collections.abc import Coroutine, Generator
from typing import Any

import anyio


async def ends_within(seconds: float, coroutine: Coroutine[Any, Any, None]) -> bool:
    """Run a coroutine to its end and return True, or cancel it after `seconds` and return False."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return True
    with anyio.move_on_after(seconds) as limit:
        await _Rest(coroutine, waits_for)
    return not limit.cancelled_caught


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
