"""The application's handle of one fork server: start it, ask it for workers, and end it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from .task import Task

# Load the package without its __init__: a process that reads hostile bytes needs neither Starlette nor the cipher.
_BOOT = """
import json, sys, types
sys.path[:] = json.loads(sys.argv[1])
package = types.ModuleType("pixstore_asgi")
package.__path__ = [sys.argv[2]]
sys.modules["pixstore_asgi"] = package
from pixstore_asgi.decoding.fork_server import main
main(sys.argv[3])
"""
_PATIENCE_S = 5


class Lost(Exception):
    """The fork server has ended or does not listen. The picture was not decoded."""


class WorkerSockets(NamedTuple):
    """The sockets of one worker: the link to it, and one on which the fork server reports how it ended."""

    link: socket.socket
    end: socket.socket

    def close(self) -> None:
        """Close both. The fork server then kills the worker if it still runs."""
        self.link.close()
        self.end.close()


class ForkServerHandle:
    """A running fork server. Raises OSError if it can't be started.

    Its environment is empty. It inherits only standard error, so that it can report why it does not start.
    """

    def __init__(self, task: Task) -> None:
        own, other = socket.socketpair()
        with other:
            own.setblocking(False)
            self._control = own
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-IB", "-c", _BOOT, json.dumps(_import_path()), _package_folder(), task.to_json()],
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                )
            except BaseException:
                own.close()
                raise

    def new_worker(self) -> "WorkerSockets":
        """Return a new worker, which waits for a picture. Raises Lost, or OSError if no descriptor is free."""
        with contextlib.ExitStack() as on_error, contextlib.ExitStack() as given:
            own, others = [], []
            for _ in WorkerSockets._fields:
                one, other = socket.socketpair()
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
        """End the fork server and all its workers."""
        self._control.close()
        await anyio.to_thread.run_sync(self._wait)

    def end(self) -> None:
        """End the fork server and all its workers, and do not wait."""
        self._control.close()
        threading.Thread(target=self._wait, daemon=True).start()  # reaps it, or it would stay a zombie

    def abandon(self) -> None:
        """In a forked child of the application: close the fork server's sockets without ending it. The parent
        uses it.
        """
        self._control.close()
        self._process.returncode = 0  # it is not a child of this process, so it can't be waited for

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
