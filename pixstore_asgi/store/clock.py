"""Time and the event loop, as stores take them."""

import asyncio
import time
from collections.abc import Callable

from ..errors import StoreError

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""


def wall_clock_ms() -> int:
    """Return the system's time in epoch milliseconds."""
    return max(time.time_ns() // 1_000_000, 0)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Raises StoreError where there is none of asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise StoreError("pixstore_asgi runs under asyncio only, not under trio") from None
