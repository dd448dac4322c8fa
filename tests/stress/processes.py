"""Starts, listens to, stops and kills the processes of tests.stress.worker."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.paths import ROOT

_PATIENCE_S = 60


class Worker:
    """A running process. reports: its messages so far. It ends with the block at the latest."""

    def __init__(self, role: str, target: Path | str, **options: object) -> None:
        self.role = role
        self.reports: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stress.worker", role, str(target), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self._news = threading.Condition()
        self._has_ended = False
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    self.reports.append(json.loads(line))
                    self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def wait_for(self, key: str) -> None:
        """Wait until the process has told something under this key."""
        with self._news:
            is_told = self._news.wait_for(lambda: self._has_ended or self.told(key), _PATIENCE_S)
        assert is_told, f"the {self.role} has not come to {key!r}"
        assert self.told(key), f"the {self.role} ended before {key!r}"

    def told(self, key: str) -> list[Any]:
        """Return everything that was told under this key, in its order."""
        return [report[key] for report in self.reports if key in report]

    def wait(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the process to end by itself, well, and return its last report."""
        assert self._process.wait(timeout_s) == 0, f"the {self.role} failed, its traceback is on stderr"
        self._listener.join()
        return self.reports[-1]

    def stop(self) -> dict[str, Any]:
        """Tell the process to come to its end and return its last report."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self.wait(_PATIENCE_S)

    def kill(self) -> None:
        """Kill the process with SIGKILL now."""
        assert self._process.poll() is None, f"the {self.role} ended by itself, its traceback is on stderr"
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
