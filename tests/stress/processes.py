"""Starts, listens to, stops and kills the processes of tests.stress.worker."""

import json
import multiprocessing
import os
import threading
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.stress import worker

_PATIENCE_S = 60


@cache
def _forking() -> ForkServerContext:
    """Return the server that forks the workers: it has imported the package, which takes longer than all else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__])
    return context


class Worker:
    """A running process. reports: its messages so far. It ends with the block at the latest."""

    def __init__(self, role: str, target: Path | str, **options: object) -> None:
        self.role = role
        self.reports: list[dict[str, Any]] = []
        until, self._until = _forking().Pipe(duplex=False)
        self._said, says = _forking().Pipe(duplex=False)
        self._process = _forking().Process(
            target=worker.main, args=(until, says, dict(os.environ), role, str(target), options)
        )
        self._process.start()
        until.close()
        says.close()
        self._news = threading.Condition()
        self._has_ended = False
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        with self._said, open(self._said.fileno(), "rb", closefd=False) as lines:
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
        self._process.join(timeout_s)
        assert self._process.exitcode == 0, f"the {self.role} failed, its traceback is on stderr"
        self._listener.join()
        return self.reports[-1]

    def stop(self) -> dict[str, Any]:
        """Tell the process to come to its end and return its last report."""
        self._until.close()
        return self.wait(_PATIENCE_S)

    def kill(self) -> None:
        """Kill the process with SIGKILL now."""
        assert self._process.is_alive(), f"the {self.role} ended by itself, its traceback is on stderr"
        self.end()

    def end(self) -> None:
        """Kill the process, or do nothing if it has ended by itself."""
        self._process.kill()
        self._process.join()
        self._listener.join()
        self._until.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
