"""An event loop that runs in a thread of the system, in a process that gevent or eventlet has changed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from ..threads import Thread, original, original_module, patched_by


class SystemLoop(asyncio.SelectorEventLoop):
    """An event loop that waits for sockets, and runs functions in threads, as the system does."""

    def __init__(self) -> None:
        # An event loop waits for its sockets by the selector only, so this suits the application's own event loops too.
        for module in (asyncio.base_events, asyncio.selector_events):
            module.socket = original_module("socket")  # type: ignore[attr-defined]
        super().__init__(_selector())

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Run a function in a thread of its own: the threads of an executor would be greenlets."""
        future = self.create_future()

        def run() -> None:
            try:
                settle = partial(future.set_result, func(*args))
            except BaseException as error:
                settle = partial(future.set_exception, error)
            with suppress(RuntimeError):  # the event loop has ended, so no task waits
                self.call_soon_threadsafe(lambda: future.done() or settle())

        Thread(run).start()
        return future


def _selector() -> Any:
    patcher = patched_by()
    if patcher is None or patcher.__name__ == "gevent.monkey":
        return original("selectors", "DefaultSelector")()
    return patcher.inject("selectors", {}, ("select", patcher.original("select"))).DefaultSelector()
