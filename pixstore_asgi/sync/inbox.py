"""A queue on which a thread waits for another one. Under gevent and eventlet, only the waiting greenlet stops."""

import socket
from collections import deque
from contextlib import suppress
from queue import Empty
from typing import Any, Generic, Protocol, TypeVar

from ..threads import SimpleQueue, patched_by

T = TypeVar("T")


class Inbox(Protocol[T]):
    """A queue that one thread reads, and any thread writes to."""

    def put(self, item: T, /) -> None: ...

    def get(self, *, timeout: float) -> T:
        """Wait for the next item and return it. Raises queue.Empty after `timeout` seconds."""
        ...


def new_inbox() -> Inbox[Any]:
    """Return an empty Inbox, which this thread or greenlet will read."""
    patcher = patched_by()
    if patcher is None:
        return SimpleQueue()
    return _OfGevent() if patcher.__name__ == "gevent.monkey" else _OfEventlet()


class _OfGevent(Generic[T]):
    def __init__(self) -> None:
        import gevent
        from gevent.queue import SimpleQueue

        self._hub = gevent.get_hub()
        self._items: Any = SimpleQueue()

    def put(self, item: T) -> None:
        # The queue itself is for greenlets of one thread only.
        self._hub.loop.run_callback_threadsafe(self._items.put, item)

    def get(self, *, timeout: float) -> T:
        item: T = self._items.get(timeout=timeout)
        return item


class _OfEventlet(Generic[T]):
    """eventlet can't be woken from another thread, except by a socket."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def put(self, item: T) -> None:
        self._items.append(item)
        with suppress(OSError):  # the waiting greenlet was killed, or many wake-ups already wait for it
            self._waker.send(b"\0")

    def get(self, *, timeout: float) -> T:
        self._woken.settimeout(timeout)
        with suppress(TimeoutError):
            self._woken.recv(1)
        if not self._items:
            raise Empty
        return self._items.popleft()

    def __del__(self) -> None:
        self._woken.close()
        self._waker.close()
