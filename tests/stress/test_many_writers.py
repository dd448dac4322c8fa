"""Four processes that save at once, with readers beside them: the write-ahead log stays small, nobody starves."""

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stress.processes import Worker

pytestmark = pytest.mark.slow

IDS = [f"image-{number}" for number in range(30)]
MAX_WAL_BYTES = 64 * 1024 * 1024
MAX_SAVE_S = 1.0


def largest_size(path: Path, seconds: float) -> int:
    """Look at a file's size every 20 ms and return the largest."""
    largest, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        largest = max(largest, path.stat().st_size)
        time.sleep(0.02)
    return largest


@pytest.mark.parametrize(
    ("seconds", "is_timed"),
    [
        pytest.param(3, False, id="short"),
        pytest.param(120, True, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_the_log_stays_small_and_saves_are_quick(tmp_path: Path, seconds: float, is_timed: bool) -> None:
    """While four processes save and two read, the log is under 64 MiB at every look and no save takes a second."""
    path = tmp_path / "images.db"
    with ExitStack() as stack:
        savers = [stack.enter_context(Worker("saver", path, ids=IDS)) for _ in range(4)]
        readers = [stack.enter_context(Worker("reader", path, ids=IDS)) for _ in range(2)]
        for worker in (*savers, *readers):
            worker.wait_for("ready")
        log_bytes = largest_size(path.with_name("images.db-wal"), seconds)
        saved = [saver.stop() for saver in savers]
        seen = sum((Counter(reader.stop()) for reader in readers), Counter())
    slowest_s = max(saver["slowest_s"] for saver in saved)
    saves, megabytes = sum(saver["saves"] for saver in saved), sum(saver["bytes"] for saver in saved) / 1e6
    print(
        f"\n{saves} saves, {megabytes:.0f} MB in {seconds} s beside {seen['bodies']} bodies read:"
        f" log at most {log_bytes / 2**20:.1f} MiB, slowest save {slowest_s:.3f} s"
    )
    assert (seen["Torn"], seen["StoreError"]) == (0, 0)
    assert 0 < log_bytes < MAX_WAL_BYTES
    assert all(saver["saves"] for saver in saved)
    if is_timed:
        assert slowest_s < MAX_SAVE_S
