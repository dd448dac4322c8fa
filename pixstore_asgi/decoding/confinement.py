"""Confines the running process permanently to the memory, time and rights that decoding one picture needs."""

import ctypes
import mmap
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from .sandbox import Sandbox
from .task import Limits

# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38

_LESS_URGENT = 10  # than event loops, so that workers do not delay them; see nice(2)
_SPARE_BYTES = 16 * 1024 * 1024  # for the reply that memory was not enough

_spare: list[mmap.mmap] = []


class Confinement:
    """The limits of workers. Make it in their parent process, before the first worker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parent = os.getpid()
        self._prctl: Any = None
        self._own_bytes = 0
        self._sandbox = Sandbox()
        if sys.platform == "linux":
            self._prctl = ctypes.CDLL(None, use_errno=True).prctl
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            self._own_bytes = pages * resource.getpagesize()

    def apply(self) -> None:
        """Limit memory and time of the running process. It can open no more files, sockets, processes or threads.

        Raises OSError if the kernel has a limit but refuses to set it.
        """
        limits = self._limits
        os.nice(_LESS_URGENT)
        if self._prctl:
            self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            self._prctl(_PR_SET_DUMPABLE, 0)  # no other process of this user reads its memory
            self._prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            if os.getppid() != self._parent:  # the parent died before prctl
                os._exit(1)
            most = self._own_bytes + limits.max_memory_bytes
            _spare.append(mmap.mmap(-1, _SPARE_BYTES))
            _limit(resource.RLIMIT_AS, most + _SPARE_BYTES)
            self._sandbox.deny_files()
        for which in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
            _limit(which, 0)  # open descriptors stay open
        # At the first the kernel sends SIGXCPU, at the second SIGKILL.
        _limit(resource.RLIMIT_CPU, limits.max_cpu_s, 1)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limits.max_wall_s)
        self._sandbox.deny_calls()  # last, because it forbids the calls above


def use_spare_memory() -> None:
    """Release the reserved memory, which is kept for the reply that memory was not enough."""
    while _spare:
        _spare.pop().close()


def _limit(which: int, soft: int, grace: int = 0) -> None:
    hard = soft + grace
    _, most = resource.getrlimit(which)
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most)
    resource.setrlimit(which, (min(soft, hard), hard))
