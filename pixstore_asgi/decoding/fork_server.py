"""The fork server: a process that has loaded the decoder, and forks one worker for each picture of the application.

It ends when the application closes the other end of the control socket, or ends. It ignores the signals that a terminal
or a service manager sends to all processes, because the application may still need the fork server after them.
"""

import contextlib
import gc
import io
import os
import select
import signal
import socket
from typing import NoReturn

from PIL import Image

from . import worker
from .messages import End
from .pictures import configure, decode
from .sandbox import Confinement
from .task import Task

CONTROL_FD = 0
_FIRST_OTHER_FD = 3  # after standard input, output and error
_OUT_OF_TIME = frozenset({signal.SIGXCPU, signal.SIGALRM})


def main(task_json: str) -> None:
    """Run the fork server until the application has ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    task = Task.from_json(task_json)
    configure(task.limits)
    _load_decoders(task)
    gc.disable()
    gc.freeze()  # a garbage collection would write to memory that all workers share, and so copy it
    with socket.socket(fileno=CONTROL_FD) as control:
        ForkServer(control, task).serve()


def _load_decoders(task: Task) -> None:
    """Decode and encode a tiny picture of each format, so that Pillow loads its modules now and not in each worker."""
    for name in ("jpeg", "png", "gif", "webp", "avif"):
        output = io.BytesIO()
        Image.new("RGB", (8, 8)).save(output, name)
        output.seek(0)
        decode(output, name, task)


class ForkServer:
    """Forks a worker for each pair of sockets that the application sends: a link, and a socket to report the worker's
    end.

    If the application closes the second socket, or its sending half, the fork server kills the worker.
    """

    def __init__(self, control: socket.socket, task: Task) -> None:
        self._control = control
        self._task = task
        self._confinement = Confinement(task.limits)
        self._poll = select.poll()
        self._ends: dict[int, socket.socket] = {}  # keys: the workers' process ids
        self._woken, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Serve until the control socket is closed; then kill all workers."""
        with self._woken, self._waker:
            self._listen()
            while self._attend():
                pass
            signal.set_wakeup_fd(-1)
        for pid in self._ends:
            os.kill(pid, signal.SIGKILL)

    def _listen(self) -> None:
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)

    def _attend(self) -> bool:
        """Wait for one event and handle it. Return False if the application has ended."""
        ready = [descriptor for descriptor, _ in self._poll.poll()]
        self._kill_unwanted(ready)
        if self._woken.fileno() in ready:
            self._reap()
        return self._control.fileno() not in ready or self._take()

    def _take(self) -> bool:
        """Receive a pair of sockets and fork a worker for it. Return False if the control socket is closed."""
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not message:
            return False
        link, end = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        with link:
            try:
                pid = os.fork()
            except OSError:
                _tell(end, End.NOT_STARTED)
                return True
            if pid == 0:
                self._become_worker(link)
        self._ends[pid] = end
        self._poll.register(end, select.POLLIN)  # readable once the application closes it, or its half of it
        return True

    def _become_worker(self, link: socket.socket) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(link.fileno(), worker.LINK_FD)
        os.closerange(_FIRST_OTHER_FD, os.sysconf("SC_OPEN_MAX"))
        worker.live(self._task, self._confinement)

    def _kill_unwanted(self, ready: list[int]) -> None:
        for pid, end in self._ends.items():
            if end.fileno() in ready:
                self._poll.unregister(end)  # until the worker is reaped
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while self._ends:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            end = self._ends.pop(pid)
            with contextlib.suppress(KeyError):
                self._poll.unregister(end)
            _tell(end, _end_of(status))


def _tell(end: socket.socket, how: End) -> None:
    with end, contextlib.suppress(ConnectionError):  # the application may no longer wait
        end.send(bytes([how]))


def _end_of(status: int) -> End:
    if os.WIFEXITED(status):
        return End.CRASHED if os.WEXITSTATUS(status) else End.WELL
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:  # the system or an operator sent SIGKILL; a decoder that fails gets another signal
        return End.KILLED
    return End.OUT_OF_TIME if number in _OUT_OF_TIME else End.CRASHED
