"""The event loop that serves the calls of a thread: the application's, or one in the background of the process."""

import asyncio
import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context

from anyio import from_thread

from ..errors import StoreError
from ..process import close_in_child
from ..threads import Lock, SimpleQueue, Thread, patched_by
from .system_loop import SystemLoop

Start = Callable[[], None]
"""Starts a task in the running event loop."""


class BackgroundLoop:
    """One event loop in a daemon thread. It starts at its first use, and ends at the end of the process.

    It is no portal of anyio: the finalizer of a portal would wait for the thread in a forked child, which has none.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def started(self) -> asyncio.AbstractEventLoop:
        """Return the event loop. If there is none, start it. Raises StoreError if it can't start."""
        with self._lock:
            if self.loop is None:
                self._begun: SimpleQueue[asyncio.Event | Exception] = SimpleQueue()
                self._thread = Thread(self._run, name="pixstore_asgi.sync")
                try:
                    self._thread.start()
                    begun = self._begun.get()
                    if isinstance(begun, Exception):
                        raise begun
                except (OSError, RuntimeError) as error:  # too many files or threads, or the end of the process
                    raise StoreError(f"SyncPixstore can't start its event loop: {error}") from error
                self._stop = begun
                atexit.register(self.end)
            assert self.loop is not None
            return self.loop

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=SystemLoop if patched_by() else None) as runner:
                runner.run(self._serve())
        except Exception as error:
            if self.loop is not None:
                raise
            self._begun.put(error)

    async def _serve(self) -> None:
        self.loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._begun.put(stop)
        await stop.wait()

    def end(self) -> None:
        """End the event loop, which closes the stores that are still open in it."""
        with self._lock:
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self._stop.set)
                self._thread.join()
                self.loop = None

    def forget(self) -> None:
        """Drop the event loop of the parent process, in a forked child."""
        atexit.unregister(self.end)
        self._lock = Lock()  # another thread may have held it at the fork
        self.loop = None


background = BackgroundLoop()
close_in_child(background, BackgroundLoop.forget)


def _loop_here() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that the calling thread runs, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def check_may_wait() -> None:
    """Raise StoreError if the calling thread runs an event loop, because the loop stops while the thread waits.

    An interactive console or notebook may wait: its event loop only runs the user's code.
    """
    loop = _loop_here()
    if loop is not None and (loop is background.loop or not hasattr(sys, "ps1")):
        raise StoreError(
            "SyncPixstore was called in an event loop, which it would block: await the Pixstore instead, or run the "
            "function that calls it by anyio.to_thread.run_sync"
        )


def run_on_loop(start: Start) -> None:
    """Run `start` on the event loop of the application if the thread is one of its workers, else in the background.

    The worker threads of anyio (Starlette, FastAPI) and of asgiref (Django) are known. `start` has the caller's context
    variables. It must raise RuntimeError if the running event loop is not asyncio's. Raises RuntimeError if the loop
    has ended, and StoreError if the one in the background can't start.
    """
    if _loop_here() is not None:
        background.started().call_soon_threadsafe(start)
        return
    with suppress(RuntimeError):  # no worker thread of anyio, or one under trio
        from_thread.run_sync(start)
        return
    if loop := _loop_of_asgiref():
        loop.call_soon_threadsafe(start, context=_off_this_thread())
    else:
        background.started().call_soon_threadsafe(start)


def _loop_of_asgiref() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop that has called this thread by asgiref's `sync_to_async`, or None."""
    asgiref = sys.modules.get("asgiref.sync")
    if asgiref is None:
        return None
    called = asgiref.SyncToAsync.threadlocal
    loop: asyncio.AbstractEventLoop | None = getattr(called, "main_event_loop", None)
    is_running = loop is not None and getattr(called, "main_event_loop_pid", None) == os.getpid() and loop.is_running()
    return loop if is_running else None


def _off_this_thread() -> Context:
    """Return the current context, except that asgiref's `sync_to_async` uses another thread than the calling one.

    Otherwise an async source of secrets that calls `sync_to_async` would wait for this thread, which waits for it.
    """
    asgiref, context = sys.modules["asgiref.sync"], copy_context()
    context.run(asgiref.SyncToAsync.thread_sensitive_context.set, asgiref.ThreadSensitiveContext())
    context.run(setattr, asgiref.AsyncToSync.executors, "current", None)
    return context
