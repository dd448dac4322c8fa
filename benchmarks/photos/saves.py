"""The cost of saving a photo with smaller copies, by every way, some at once."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..cpu import children, cpu_seconds
from ..environment import ROOT
from ..memory import MIB
from ..plan import Plan
from ..runs import Row
from .photo import photo
from .resident import Peak
from .ways import WAYS

SAVES = "saves"


def saves(plan: Plan, number: int) -> Iterator[Row]:
    """Save by one way after the other, each in a process and a database of its own."""
    data = photo(plan.photo_size)
    for at_once in plan.photos_at_once:
        for name in list(WAYS)[:: -1 if number % 2 else 1]:
            os.sync()
            yield {
                "contestant": name,
                "load": SAVES,
                "round": number,
                "size": len(data),
                "concurrent": at_once,
                **_saved(name, data, at_once, max(plan.photos_saved, 2 * at_once)),
            }


def _saved(name: str, data: bytes, at_once: int, count: int) -> Row:
    """Return the time, CPU, memory and longest stall of the event loop for so many photos."""
    with tempfile.TemporaryDirectory(prefix="pixstore-bench-") as folder:
        file = Path(folder) / "photo.jpg"
        file.write_bytes(data)
        with _saver(name, file, at_once, count) as saver:
            used = _below_cpu_s(saver)
            with Peak(saver.pid) as peak:
                found = _save(saver)
            used = _below_cpu_s(saver) - used + found["own_cpu_s"]
    return {
        "photos": count,
        "saves_per_s": round(count / found["seconds"], 3),
        "saves_per_core_s": round(count / found["seconds"] / _cores(), 3),
        "cpu_s": round(used / count, 4),
        "peak_mib": round(peak.most_bytes / MIB, 1),
        "stall_s": found["stall_s"],
    }


def _below_cpu_s(saver: subprocess.Popen[str]) -> float:
    """Return the processor time of all processes below; the saver's own is short, and the kernel tells it in 10 ms."""
    return sum(map(cpu_seconds, children(saver.pid)))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def _saver(name: str, photo: Path, at_once: int, count: int) -> Iterator[subprocess.Popen[str]]:
    """Run the process that saves, until the block ends; it has saved one photo already."""
    command = [sys.executable, "-m", "benchmarks.photos.saver", name, str(photo), str(at_once), str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        _told(process)
        yield process


def _save(saver: subprocess.Popen[str]) -> dict[str, float]:
    assert saver.stdin is not None
    saver.stdin.write("\n")
    saver.stdin.flush()
    found: dict[str, float] = _told(saver)
    return found


def _told(saver: subprocess.Popen[str]) -> Any:
    """Return the process's next line. Raises RuntimeError if it has ended; its standard error has the reason."""
    assert saver.stdout is not None
    line = saver.stdout.readline()
    if not line:
        raise RuntimeError(f"{saver.args!r} ended with code {saver.wait()}")
    return json.loads(line)
