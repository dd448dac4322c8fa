"""A host's clock that steps, within its own process.

libfaketime would do so outside of Python, but with it threads wait so long for each other that a host on SQLite does a
tenth of its work.
"""

import os
import time
from pathlib import Path

FOLDER = "PIXSTORE_TEST_CLOCKS"

_machine_time_ns = time.time_ns


def clock_file(folder: Path, address: str) -> Path:
    """Return the file that has by how many seconds a host's clock is before or behind the machine's."""
    return folder / f"{address}.clock"


def install() -> None:
    """Give this host the clock that its file tells, looking into it each time."""
    file = clock_file(Path(os.environ[FOLDER]), os.environ["PIXSTORE_TEST_ADDRESS"])

    def time_ns() -> int:
        try:
            return _machine_time_ns() + int(float(file.read_text()) * 1e9)
        except (FileNotFoundError, ValueError):  # it was not set yet, or is being set
            return _machine_time_ns()

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
