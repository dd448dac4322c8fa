"""The running process: its clock, its event loops and the values that each of them has to itself, and its forks."""

import asyncio
import os
import time
from asyncio import get_running_loop
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from .errors import StoreError

T = TypeVar("T")

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""

_generation = 0
_to_close: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()


def wall_clock_ms() -> int:
    """Return the system's time in epoch milliseconds."""
    return max(time.time_ns() // 1_000_000, 0)


def generation() -> int:
    """Return a number that changes in a forked child: an object that has another number belongs to the parent."""
    return _generation


def close_in_child(owner: T, close: Callable[[T], object]) -> None:
    """Call `close(owner)` in each forked child, as long as `owner` lives."""
    _to_close[owner] = close


def _after_fork() -> None:
    global _generation
    _generation += 1
    for owner, close in list(_to_close.items()):
        close(owner)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Raises StoreError if none of asyncio's runs in this thread."""
    try:
        return get_running_loop()
    except RuntimeError:
        raise StoreError(
            "pixstore_asgi runs under asyncio only, not under trio; an event loop that was forked does not run either: "
            "open it in each worker process, not before the fork"
        ) from None


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise StoreError if `loop` is not the running one."""
    if running_loop() is not loop:
        raise StoreError("this image was opened in another event loop: read or write it to its end in that loop")


class PerLoop(Generic[T]):
    """At most one value for each event loop. All methods except `values` use the running loop's.

    Event loops of several threads may use one PerLoop at once: none reaches the value of another. drop: called with
    the value of a loop that was closed before its value was taken out; nothing of that loop can be awaited any more.
    """

    def __init__(self, drop: Callable[[T], object]) -> None:
        self._drop = drop
        self._values: dict[asyncio.AbstractEventLoop, T] = {}

    def get(self) -> T | None:
        """Return the value, or None. Raises StoreError if no event loop runs."""
        try:
            return self._values.get(get_running_loop())
        except RuntimeError:
            return self._values.get(running_loop())

    def opened(self) -> T:
        """Return the value, a store that is open in this event loop. Raises StoreError if there is none."""
        value = self.get()
        if value is None:
            raise StoreError("the store is closed: open it first")
        return value

    def get_or_make(self, make: Callable[[], T]) -> T:
        """Return the value, which is made if there is none."""
        value = self.get()
        if value is None:
            value = make()
            self.put(value)
        return value

    def put(self, value: T) -> None:
        """Keep a value."""
        self.drop_ended()
        self._values[running_loop()] = value

    def pop(self) -> T | None:
        """Take the value out and return it, or None."""
        self.drop_ended()
        return self._values.pop(running_loop(), None)

    def values(self) -> list[T]:
        """Return the values of all event loops."""
        return list(self._values.copy().values())

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()

    def drop_ended(self) -> None:
        """Drop the values of event loops that were closed."""
        # Copied in one step, and popped by one thread only: others may do the same now.
        for loop in list(self._values):
            if loop.is_closed() and (value := self._values.pop(loop, None)) is not None:
                self._drop(value)
