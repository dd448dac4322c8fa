"""One call of an async method from sync code: the thread waits, and runs the functions that the method needs it for."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from starlette.datastructures import UploadFile

from ..errors import StoreError
from ..saving.source import ImageData, viewed
from ..store.contract import CHUNK_BYTES
from .inbox import Inbox, new_inbox
from .loops import Start, check_may_wait, run_on_loop

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

_END = object()
_LONGEST_WAIT_S = 0.5


class SyncReader(Protocol):
    """Any object with a `read(n)`, such as a file in binary mode or Django's UploadedFile."""

    def read(self, size: int, /) -> bytes: ...


SyncImageData = ImageData | Iterator[bytes] | SyncReader
"""Image data of SyncPixstore: all that Pixstore accepts, iterators and files."""


class Call(Generic[T]):
    """One call. Its coroutine runs on an event loop, and the calling thread waits for its result.

    Raises StoreError if the calling thread may not wait.

    loop: the event loop, once it runs the coroutine.
    """

    def __init__(self) -> None:
        check_may_wait()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._functions: Inbox[Callable[[], object] | None] = new_inbox()
        self._is_abandoned = False
        self._has_ended = False

    def run(self, coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop | None = None) -> T:
        """Run a coroutine on `loop`, or on the event loop of this thread's application. Return its result.

        If an exception such as KeyboardInterrupt interrupts the thread, the coroutine is cancelled first. Raises
        StoreError if the event loop has ended or can't start.
        """
        try:
            self._schedule(partial(self._start, coroutine), loop)
            while function := self._next_function():
                function()
        except BaseException:
            self._abandon(coroutine)
            raise
        return self._result()

    def _next_function(self) -> Callable[[], object] | None:
        """Wait for the next function to run, or None at the end of the task.

        It waits in steps, because a signal that arrives just before a wait, or in another thread, does not end it.
        """
        while True:
            with suppress(Empty):
                return self._functions.get(timeout=_LONGEST_WAIT_S)

    def _schedule(self, start: Start, loop: asyncio.AbstractEventLoop | None) -> None:
        try:
            if loop is None:
                run_on_loop(start)
            elif loop.is_running():
                loop.call_soon_threadsafe(start)
            else:  # it would never call `start`
                raise _ended()
        except RuntimeError:
            raise _ended() from None

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.loop = asyncio.get_running_loop()
        if self._is_abandoned:
            coroutine.close()
            self._has_ended = True
            self._functions.put(None)
            return
        self._task = self.loop.create_task(coroutine)
        self._task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # asyncio would log an error that nothing has asked for
        self._has_ended = True
        self._functions.put(None)

    def _abandon(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Cancel the coroutine, and wait for its end. An interruption may come at any moment, also before its start."""
        self._is_abandoned = True
        if self.loop is None:  # `_start` has not run: it will see the attribute
            coroutine.close()
            return
        with suppress(RuntimeError):  # an event loop that has ended has ended its tasks
            self.loop.call_soon_threadsafe(self._cancel)
        while not self._has_ended:
            self._next_function()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _result(self) -> T:
        task, self._task = self._task, None
        assert task is not None
        try:
            return task.result()
        except asyncio.CancelledError:
            raise _ended() from None
        finally:
            del task  # it has its error, which has this frame in its traceback

    async def in_thread(self, function: Callable[[], R]) -> R:
        """Run a function in the calling thread. Return its result, or raise its error."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def run() -> None:
            try:
                result = function()
            except Exception as error:
                loop.call_soon_threadsafe(_settle, future, partial(future.set_exception, _settleable(error)))
            else:
                loop.call_soon_threadsafe(_settle, future, partial(future.set_result, result))

        self._functions.put(run)
        return await future

    def of(
        self, method: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]:
        """Return the coroutine of a method. Callbacks among its arguments run in the calling thread."""
        others = {name: self._adapted(value) for name, value in kwargs.items()}
        return method(*map(self._adapted, args), **others)  # type: ignore[arg-type]

    def _adapted(self, value: object) -> object:
        return (lambda *given: self.in_thread(partial(value, *given))) if callable(value) else value

    def source(self, data: Any) -> Any:
        """Return image data that is read in the calling thread, unless it is async or in memory."""
        if isinstance(data, UploadFile):
            data = data.file  # Starlette would read it in one of the threads that routes wait in
        if isinstance(data, AsyncIterator):
            return data
        if (read := getattr(data, "read", None)) is None:
            return self._pieces(partial(next, data, _END)) if isinstance(data, Iterator) else data
        return data if inspect.iscoroutinefunction(read) else self._pieces(partial(read, CHUNK_BYTES), ends_empty=True)

    async def _pieces(self, read: Callable[[], Any], *, ends_empty: bool = False) -> AsyncIterator[Any]:
        while True:
            piece = await self.in_thread(lambda: viewed(read()))
            if piece is _END or (ends_empty and not piece):
                return
            yield piece


def _settle(future: asyncio.Future[R], settle: Callable[[], None]) -> None:
    if not future.done():  # the coroutine may have been cancelled meanwhile
        settle()


def _settleable(error: Exception) -> Exception:
    """Return the error, or if it is StopIteration, which no future takes, a RuntimeError as of generators."""
    if not isinstance(error, StopIteration):
        return error
    raised = RuntimeError("the callback or the file raised StopIteration")
    raised.__cause__ = error
    return raised


def _ended() -> StoreError:
    return StoreError("the event loop that served this call has ended: the application is shutting down")
