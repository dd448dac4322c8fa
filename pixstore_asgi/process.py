"""The running process: its clock, its forks and threads, and PerLoop, which keeps one value for each event loop."""

import asyncio
import os
import threading
import time
from asyncio import get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Generic, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

import anyio.to_thread

from .errors import StoreError
from .threads import RLock, patched_by

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Clock = Callable[[], int]
"""Returns the time in epoch milliseconds."""

_LONGEST_WAIT_S, _PAUSE_S = 10.0, 0.001  # of a fork

_generation = 0
_to_close: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()
_turn, _door = RLock(), RLock()  # a fork holds the first from its wait on, both while it runs
_unforkable: set[int] = set()  # the threads in such a block


def wall_clock_ms() -> int:
    """Return the system's time in epoch milliseconds."""
    return max(time.time_ns() // 1_000_000, 0)


def generation() -> int:
    """Return the number of forks between the import of this module and this process.

    An object that stores a lower number was made before the last fork, in the parent process.
    """
    return _generation


def close_in_child(owner: T, close: Callable[[T], object]) -> None:
    """After each fork, call `close(owner)` in the child, as long as `owner` exists."""
    _to_close[owner] = close


@contextmanager
def no_fork(*, is_short: bool = False) -> Iterator[None]:
    """Let forks by other threads wait until the end of the block, at most `_LONGEST_WAIT_S`. Blocks may be nested.

    SQLite keeps its mutexes, and the locks of a process, in the process's memory. A child that was forked during a read
    or a write would wait for threads that it does not have.

    is_short: the block begins even if a fork waits for others. An event loop would otherwise wait for the longest read.
    """
    thread = threading.get_ident()
    if thread in _unforkable:
        yield
        return
    with nullcontext() if is_short else _turn, _door:
        _unforkable.add(thread)
    try:
        yield
    finally:
        _unforkable.discard(thread)


def _before_fork() -> None:
    _turn.acquire()
    limit_s = time.monotonic() + _LONGEST_WAIT_S
    _door.acquire()
    while _unforkable - {threading.get_ident()} and time.monotonic() < limit_s:
        _door.release()
        time.sleep(_PAUSE_S)
        _door.acquire()


def _after_fork_in_child() -> None:
    global _generation
    for lock in (_turn, _door):
        lock._at_fork_reinit()  # type: ignore[attr-defined]  # another thread holds it if a signal ended _before_fork
    _unforkable.clear()
    _generation += 1
    for owner, close in list(_to_close.items()):
        close(owner)


if hasattr(os, "register_at_fork"):  # not on Windows
    # A signal handler that raises may end a Python function here at any line. It can't end `release`, which is C: the
    # lock would stay held, and all later writes would wait.
    os.register_at_fork(after_in_parent=_door.release)
    os.register_at_fork(before=_before_fork, after_in_parent=_turn.release, after_in_child=_after_fork_in_child)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop. Raises StoreError if no asyncio event loop runs in this thread."""
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
    """Keeps at most one value for each event loop. All methods except `values`, `clear` and `drop_ended` use the
    running loop.

    Event loops of several threads may use one PerLoop at the same time; each sees only its own value. drop: called with
    a value if its loop was closed before `pop`. The function must not await anything of that loop.
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
        """Return the value, for values that are open stores. Raises StoreError if this event loop has none."""
        value = self.get()
        if value is None:
            raise StoreError("the store is closed: open it first")
        return value

    def get_or_make(self, make: Callable[[], T]) -> T:
        """Return the value. If there is none, make it."""
        value = self.get()
        if value is None:
            value = make()
            self.put(value)
        return value

    def put(self, value: T) -> None:
        """Set the value."""
        self.drop_ended()
        self._values[running_loop()] = value

    def pop(self) -> T | None:
        """Remove the value and return it, or None if there is none."""
        self.drop_ended()
        return self._values.pop(running_loop(), None)

    def values(self) -> list[T]:
        """Return the values of all event loops."""
        return list(self._values.copy().values())

    def clear(self) -> None:
        """Remove the values of all event loops."""
        self._values.clear()

    def drop_ended(self) -> None:
        """Remove the values of closed event loops, and call `drop` with each."""
        # Other threads may do the same now: the list is copied in one step, and only one thread pops a value.
        for loop in list(self._values):
            if loop.is_closed() and (value := self._values.pop(loop, None)) is not None:
                self._drop(value)


_MOST_THREADS = 40  # of each event loop, as anyio's own limit
_limiters: PerLoop[anyio.CapacityLimiter] = PerLoop(lambda limiter: None)


async def in_thread(function: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run a function in a worker thread and return its result.

    The limit is not anyio's, which an application's `def` routes share: routes that wait for an image would take all
    threads, and the image would wait for a free one.
    """
    limiter = _limiters.get_or_make(lambda: anyio.CapacityLimiter(_MOST_THREADS))
    if patched_by() is None:
        return await anyio.to_thread.run_sync(function, *args, limiter=limiter)
    async with limiter:  # the threads of anyio would be greenlets
        with anyio.CancelScope(shield=True):
            result = await get_running_loop().run_in_executor(None, partial(function, *args))
    return result
