"""The processes below this one, as Linux shows them."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path


def children(pid: int) -> list[int]:
    found: list[int] = []
    for started_by_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found += map(int, started_by_thread.read_text().split())
    return found


def fork_servers(pid: int | None = None) -> list[int]:
    """Return the fork servers of a process, this one by default."""
    return [child for child in children(pid or os.getpid()) if b"pixstore_asgi.decoding" in _command(child)]


def confined_workers(pid: int | None = None) -> list[int]:
    """Return the workers of the only fork server of a process, once there is one and all are confined."""
    found: list[int] = []

    def are_confined() -> bool:
        found[:] = [child for server in fork_servers(pid) for child in children(server)]
        return bool(found) and all(map(_is_confined, found))

    wait_until(are_confined)
    return found


def descendants(pid: int | None = None) -> list[int]:
    """Return the fork servers and all their children."""
    return [each for server in fork_servers(pid) for each in (server, *children(server))]


def is_alive(pid: int) -> bool:
    """Return whether a process still runs. A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def status(pid: int, field: str) -> int:
    """Return a number of /proc/PID/status, such as VmHWM in KiB; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it has not come to that"
        time.sleep(0.01)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_confined(pid: int) -> bool:
    try:
        return "Max open files            0" in Path(f"/proc/{pid}/limits").read_text()
    except OSError:
        return False
