"""The part `memory`: the memory that slow clients cost a server, above its memory at rest."""

import contextlib
import socket
import tempfile
import time
from pathlib import Path

from .environment import missing_programs
from .load import ask_once, open_connection
from .own_images import saved_images
from .plan import Findings, Plan
from .progress import Progress
from .rivals import Contestant, asgi, npm

MIB = 1024 * 1024
_TAKEN_AT_ONCE = 4096  # bytes
_PAUSE_S = 0.05


def measure(plan: Plan) -> Findings:
    """Let slow readers hold one server after the other, and return the most that each used."""
    status = Path("/proc/self/clear_refs")
    if not status.exists():
        return Findings(missing=["the memory of a process can be read on Linux only"])
    found = Findings(missing=missing_programs("node", "npm pixstore"))
    size = plan.read_image_bytes
    progress = Progress("memory", 2 if found.missing else 3)
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as name:
        folder = Path(name)
        with saved_images(folder, (size,)) as (images, files):
            starting = [asgi("uvicorn", "pixstore", images, files, None), asgi("uvicorn", "floor", images, files, None)]
            if not found.missing:
                starting.append(npm(folder / "npm", None, (size,)))
            for start in starting:  # one at a time
                with start as contestant:
                    idle, most = peak_with_readers(contestant, plan)
                found.rows.append(_row(contestant, plan, idle, most))
                progress.step(f"{contestant.name}: {(most - idle) / MIB:.1f} MiB above idle")
    return found


def _row(contestant: Contestant, plan: Plan, idle: int, most: int) -> dict[str, float | int | str]:
    return {
        "contestant": contestant.name,
        "readers": plan.readers,
        "size": plan.read_image_bytes,
        "idle_mib": round(idle / MIB, 1),
        "above_idle_mib": round((most - idle) / MIB, 1),
    }


def peak_with_readers(contestant: Contestant, plan: Plan) -> tuple[int, int]:
    """Return a server's resident bytes at rest, after one whole read, and the most while all readers hold on."""
    size = plan.read_image_bytes
    (request,) = contestant.ask(size)
    answer = ask_once(request)
    contestant.check(size, answer.body)
    idle = memory_of(contestant.pid, "VmRSS")
    reset_peak(contestant.pid)
    (request,) = contestant.ask(size)
    with contextlib.ExitStack() as stack:
        readers = [
            stack.enter_context(open_connection(request, buffer_bytes=_TAKEN_AT_ONCE)) for _ in range(plan.readers)
        ]
        starts = [reader.recv(_TAKEN_AT_ONCE) for reader in readers]
        _read_slowly(readers, plan.read_s)
        most = memory_of(contestant.pid, "VmHWM")
    if not all(f"content-length: {len(answer.body)}\r\n".encode() in start.lower() for start in starts):
        raise RuntimeError(f"{contestant.name} did not send the image to all slow readers")
    return idle, most


def _read_slowly(readers: list[socket.socket], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for reader in readers:
            reader.recv(_TAKEN_AT_ONCE)
        time.sleep(_PAUSE_S)


def reset_peak(pid: int) -> None:
    """Let the kernel's peak of a process's memory start anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory_of(pid: int, field: str) -> int:
    """Return a field of /proc/PID/status in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(field + ":")[2].split()[0]) * 1024
