"""The memory and processor time of a running Chromium's processes, from the kernel."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 13)  # utime and stime of /proc/PID/stat, counted behind the command's name


class Resident:
    """The processes of the Chromium on one profile: the renderers, and all of them."""

    def __init__(self, profile: Path) -> None:
        commands = {pid: command for pid, command in _commands() if any(str(profile) in part for part in command)}
        # Renderers are forked from a zygote and need not name the profile.
        self._all = with_descendants(set(commands))
        self._renderers = {pid for pid, command in _commands() if pid in self._all and "--type=renderer" in command}

    def restart_peaks(self) -> None:
        """Reset every process's peak to its current memory."""
        for pid in self._all:
            with contextlib.suppress(OSError):
                (_PROCESSES / str(pid) / "clear_refs").write_text("5")

    def renderer_bytes(self, field: str) -> int:
        """Add up a field of /proc/PID/status over the renderers: VmRSS, or VmHWM for the peak."""
        return sum(_status_bytes(pid, field) for pid in self._renderers)

    def cpu_seconds(self) -> float:
        """Return user and system time of all processes and their threads."""
        return sum(_cpu_ticks(pid) for pid in self._all) / _TICKS_PER_S

    def all_bytes(self, field: str) -> int:
        """Return the sum over all processes; shared memory counts in each."""
        return sum(_status_bytes(pid, field) for pid in self._all)


def with_descendants(pids: set[int]) -> set[int]:
    """Return these processes with their children, the children's children and so on."""
    family, parents = set(pids), dict(_parents())
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _commands() -> Iterator[tuple[int, list[str]]]:
    for path in _PROCESSES.glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_text(errors="replace").replace("\0", " ").split(" ")


def _parents() -> Iterator[tuple[int, int]]:
    for path in _PROCESSES.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])


def _status_bytes(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        status = (_PROCESSES / str(pid) / "status").read_text()
        return int(status.partition(field + ":")[2].split()[0]) * 1024
    return 0  # it has ended


def _cpu_ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        return sum(map(int, (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[_TIMES]))
    return 0  # it has ended
