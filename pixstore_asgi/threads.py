"""Threads and locks of the system, also in a process in which gevent or eventlet has put greenlets in their place.

A lock or queue of these libraries does not work between threads of the system, or only if each of them runs a hub.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any

_PATCHED = ("thread", "threading", "socket", "select", "queue")


def patched_by() -> ModuleType | None:
    """Return `gevent.monkey` or `eventlet.patcher` if it has changed this process, else None."""
    if (gevent := sys.modules.get("gevent.monkey")) and any(map(gevent.is_module_patched, _PATCHED)):
        return gevent
    if (eventlet := sys.modules.get("eventlet.patcher")) and any(map(eventlet.is_monkey_patched, _PATCHED)):
        return eventlet
    return None


def original(module: str, name: str) -> Any:
    """Return an object of the standard library as it was before gevent or eventlet changed it."""
    patcher = patched_by()
    if patcher is None:
        return getattr(import_module(module), name)
    if patcher.__name__ == "gevent.monkey":
        return patcher.get_original(module, name)
    return getattr(patcher.original(module), name)


@cache
def original_module(name: str) -> Any:
    """Return a module of the standard library that is written in Python, as it was before.

    Without it, a socket or pipe that a thread of the system closes stays open: gevent waits for the hub of that thread.
    """
    if patched_by() is None:
        return import_module(name)
    changed = import_module(name)
    spec = spec_from_file_location(f"{__name__}.{name}", changed.__file__)
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    sys.modules[spec.name] = module  # `socket` looks itself up
    spec.loader.exec_module(module)
    module.os = ModuleType("os")
    module.os.__dict__.update(os.__dict__, **{each: original("os", each) for each in ("close", "read", "waitpid")})
    return module


if TYPE_CHECKING:
    from queue import SimpleQueue as SimpleQueue
    from threading import Lock as Lock
    from threading import RLock as RLock
    from threading import local as local
else:
    Lock = original("_thread", "allocate_lock")
    RLock = original("_thread", "RLock")
    local = original("_thread", "_local")
    SimpleQueue = original("queue", "SimpleQueue")


class Thread(threading.Thread):
    """A daemon thread of the system."""

    def __init__(self, target: Callable[[], object], *, name: str | None = None) -> None:
        super().__init__(target=target, name=name, daemon=True)
        self._runs: Any = None

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if the system refuses another one."""
        if patched_by() is None:
            super().start()
            return
        self._runs = Lock()
        self._runs.acquire()
        original("_thread", "start_new_thread")(copy_context().run, (self._run_and_tell,))

    def _run_and_tell(self) -> None:
        try:
            self.run()
        finally:
            self._runs.release()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end of the thread."""
        if self._runs is None:
            super().join(timeout)
        elif self._runs.acquire(timeout=-1 if timeout is None else timeout):
            self._runs.release()
