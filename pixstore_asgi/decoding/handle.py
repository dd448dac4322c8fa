"""ForkServerHandle: the application's side of one fork server. It starts, uses and ends the server."""

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ..process import in_thread
from ..threads import Thread, original_module
from .task import Task

# Do not run the package's __init__: a process that reads hostile bytes needs neither Starlette nor the cipher.
_BOOT = """
import json, sys, types
sys.path[:] = json.loads(sys.argv[1])
package = types.ModuleType("pixstore_asgi")
package.__path__ = [sys.argv[2]]
sys.modules["pixstore_asgi"] = package
from pixstore_asgi.decoding.fork_server import main
main(sys.argv[3])
"""
# A worker's first write to each page of 4 KiB is a page fault: 24,000 of them for 12 megapixels. So malloc of glibc
# asks for huge pages, and reuses freed memory. Other C libraries ignore these settings.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824"}

_PATIENCE_S = 5


class Lost(Exception):
    """The fork server has ended or does not respond. The picture was not decoded."""


class WorkerSockets(NamedTuple):
    """The application's sockets of one worker.

    link: connects to the worker. end: receives the fork server's report of how the worker ended.
    """

    link: socket.socket
    end: socket.socket

    def close(self) -> None:
        """Close both sockets. If the worker still runs, the fork server then kills it."""
        self.link.close()
        self.end.close()


class ForkServerHandle:
    """One fork server, started by the constructor. Raises OSError if it can't be started.

    The process gets no variable of the application's environment. It inherits only standard error, so that it can
    report why it can't start.
    """

    def __init__(self, task: Task) -> None:
        own, other = original_module("socket").socketpair()
        with other:
            own.setblocking(False)
            self._control = own
            try:
                self._process = original_module("subprocess").Popen(
                    [sys.executable, "-IB", "-c", _BOOT, json.dumps(_import_path()), _package_folder(), task.to_json()],
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=ENVIRONMENT,
                    cwd="/",
                )
            except BaseException:
                own.close()
                raise

    def new_worker(self) -> "WorkerSockets":
        """Return the sockets of a new worker, which waits for a picture. Raises Lost, or OSError if no descriptor is
        free.
        """
        with contextlib.ExitStack() as on_error, contextlib.ExitStack() as given:
            own, others = [], []
            for _ in WorkerSockets._fields:
                one, other = original_module("socket").socketpair()
                own.append(on_error.enter_context(one))
                others.append(given.enter_context(other))
                one.setblocking(False)
            try:
                socket.send_fds(self._control, [b"\0"], [other.fileno() for other in others])
            except OSError as error:
                raise Lost from error
            on_error.pop_all()
        return WorkerSockets(*own)

    async def close(self) -> None:
        """End the fork server and all its workers, and wait until the fork server has ended."""
        self._control.close()
        await in_thread(self._wait)

    def end(self) -> None:
        """End the fork server and all its workers, without waiting."""
        self._control.close()
        Thread(self._wait).start()  # reaps it: otherwise it would stay a zombie

    def abandon(self) -> None:
        """Close the control socket. Call it in a forked child of the application.

        The fork server keeps running for the parent.
        """
        self._control.close()
        self._process.returncode = 0  # not a child of this process, which therefore can't wait for it

    def _wait(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
            return
        self._process.kill()
        self._process.wait()


def _import_path() -> list[str]:
    """Return the module search path without the current directory."""
    return [place for place in sys.path if place]


def _package_folder() -> str:
    return str(Path(__file__).parents[1])
