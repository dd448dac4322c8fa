"""Starts servers on 127.0.0.1, waits until they answer, and ends them by their process id."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .environment import ROOT, pinned


def free_port() -> int:
    """Return a port that is free right now."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: list[str],
    *,
    port: int,
    core: int | None,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    with_pipes: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Run a server until the block ends, on one core; its output goes to a file in `folder`.

    with_pipes: standard input and output are the caller's. Raises RuntimeError with its output if it fails.
    """
    log_file = folder / f"server-{port}.log"
    pipe = subprocess.PIPE if with_pipes else None
    with log_file.open("w") as log:
        process = subprocess.Popen(
            pinned(command, core),
            stdin=pipe or subprocess.DEVNULL,
            stdout=pipe or log,
            stderr=log,
            text=True,
            env={**os.environ, **(environment or {})},
            cwd=ROOT,
        )
    try:
        _wait_until_listening(process, port, log_file)
        yield process
    finally:
        _end(process)


def _wait_until_listening(process: subprocess.Popen[str], port: int, log_file: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not start:\n{log_file.read_text()[-2000:]}")
        time.sleep(0.02)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
