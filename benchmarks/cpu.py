"""What a server's processes have used of the processor, as the kernel counts it."""

import contextlib
import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields of /proc/PID/stat, counted behind the command's name


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process, all its threads, and all processes below it that run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S + sum(map(cpu_seconds, _children(pid)))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for started_by_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found += map(int, started_by_thread.read_text().split())
    return found
