"""Runs Litestream beside a database."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .cpu import cpu_seconds
from .environment import program
from .memory import MIB, memory_of
from .runs import Row

_STEADY_S = 2.5  # Litestream copies each second
_LONGEST_S = 60.0


class Replica:
    """The copy that a running Litestream makes of a database in a folder."""

    def __init__(self, database: Path, folder: Path) -> None:
        self._program = program("litestream") or "litestream"
        self._place = [str(database), f"file://{folder}"]
        self._folder = folder
        self._process = subprocess.Popen(
            [self._program, "replicate", *self._place], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._cpu_s = self._bytes = 0.0

    def wait(self) -> None:
        """Wait until the copy exists and has not grown for a while."""
        begun = since = time.monotonic()
        size = self._size()
        while not size or time.monotonic() - since < _STEADY_S:
            if time.monotonic() - begun > _LONGEST_S or self._process.poll() is not None:
                raise RuntimeError("Litestream does not copy the database")
            time.sleep(0.1)
            if self._size() != size:
                size, since = self._size(), time.monotonic()

    def used(self, beside: Row) -> Row:
        """Return the CPU and the written bytes since the last call, and the most memory, together with those of a
        command that ran beside it.
        """
        cpu_s, size = cpu_seconds(self._process.pid), self._size()
        used = {
            "cpu_s": round(float(beside["cpu_s"]) + cpu_s - self._cpu_s, 3),
            "written_bytes": float(beside["written_bytes"]) + size - self._bytes,
            "replica_bytes": size - self._bytes,
            "peak_mib": max(float(beside["peak_mib"]), round(memory_of(self._process.pid, "VmHWM") / MIB, 1)),
        }
        self._cpu_s, self._bytes = cpu_s, size
        return {**used}

    def restore(self, database: Path) -> list[str]:
        """Return the command that makes the database from the copy."""
        return [self._program, "restore", "-o", str(database), self._place[1]]

    def stop(self) -> None:
        """End Litestream, and copy the changes of the last second."""
        self._process.terminate()
        self._process.wait(60)
        once = [self._program, "replicate", "-once", *self._place]
        subprocess.run(once, capture_output=True, check=True, timeout=60)

    def kill(self) -> None:
        """End Litestream if it runs."""
        self._process.kill()
        self._process.wait()

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())


@contextmanager
def replicated(database: Path, backup: Path) -> Iterator[Replica]:
    """Run Litestream beside a database in use. Its copy is in a folder of the backup."""
    replica = Replica(database, backup / "replica")
    try:
        yield replica
    finally:
        replica.kill()
