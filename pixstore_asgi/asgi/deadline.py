"""A time limit that costs little: no timer for what ends at once, as most sends do."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


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
