"""Time, as stores take it."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""


def wall_clock_ms() -> int:
    """Return the system's time in epoch milliseconds."""
    return max(time.time_ns() // 1_000_000, 0)
