"""The processor time of a server's processes, as the kernel counts it."""

import contextlib
import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # utime, stime, cutime, cstime of /proc/PID/stat, counted behind the command's name


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, all its threads, and all below it, those that have ended too."""
    below = 0.0
    for child in children(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended: its parent has its time
            below += cpu_seconds(child)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[_TIMES])) / _TICKS_PER_S + below


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    found: list[int] = []
    for started_by_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found += map(int, started_by_thread.read_text().split())
    return found
