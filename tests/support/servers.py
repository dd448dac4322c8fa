"""Starts real ASGI servers on 127.0.0.1 and ends them by their process id."""

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.paths import ROOT

SERVERS = ("uvicorn", "hypercorn", "granian")
_GRACE = ("--timeout-graceful-shutdown", "3")  # otherwise uvicorn waits for clients that never leave


@dataclass
class Server:
    """A running server; `url` has no trailing slash, `log` is its output so far."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout_s: float = 15) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout_s)


def free_port() -> int:
    """Return a port that no program uses. It lies below the system's ports for outgoing connections: one of those could
    take a higher port before the server does.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as chosen, contextlib.suppress(OSError):
            chosen.bind(("127.0.0.1", port))
            return port


def command(server: str, app: str, port: int) -> list[str]:
    address = f"127.0.0.1:{port}"
    return {
        "uvicorn": ["-m", "uvicorn", app, "--host", "127.0.0.1", "--port", str(port), *_GRACE],
        "hypercorn": ["-m", "hypercorn", app, "--bind", address],
        "granian": ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), app],
    }[server]


@contextlib.contextmanager
def serving(server: str, app: str, folder: Path, *, blobs: Path | None = None) -> Iterator[Server]:
    """Run an application of tests.support.server_app until the block ends. blobs: the folder of its long bodies."""
    environment = {"PIXSTORE_TEST_DB": str(folder / "pixstore.db")}
    if blobs:
        environment["PIXSTORE_TEST_BLOBS"] = str(blobs)
    with running(server, f"tests.support.server_app:{app}", folder, cwd=ROOT, environment=environment) as served:
        yield served


@contextlib.contextmanager
def running(
    server: str, app: str, folder: Path, *, cwd: Path, environment: Mapping[str, str], workers: int = 1
) -> Iterator[Server]:
    """Run any application, `module:name`, until the block ends; its log goes to `folder`."""
    port = free_port()
    arguments = [sys.executable, *command(server, app, port), "--workers", str(workers)]
    environment = {"PYTHONUNBUFFERED": "1", **environment}
    with running_command(arguments, port, folder / f"{server}.log", cwd=cwd, environment=environment) as served:
        yield served


@contextlib.contextmanager
def running_command(
    arguments: Sequence[str], port: int, log_file: Path, *, cwd: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a command that serves at a port of 127.0.0.1 until the block ends."""
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            arguments,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=cwd,
            start_new_session=True,
        )
    served = Server(f"http://127.0.0.1:{port}", process, log_file)
    try:
        _wait_until_ready(served)
        yield served
    finally:
        # Kill the workers too: they outlive a killed server.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def uvicorn_of(python: Path, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run uvicorn in a folder under some Python, on any free port, until the block ends; yield its URL."""
    log_file = folder / "uvicorn.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-m", "uvicorn", *arguments, "--port", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment, "PYTHONUNBUFFERED": "1"},
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"running on (http://\S+)", log_file.read_text())):
            assert process.poll() is None, log_file.read_text()
            assert time.monotonic() < deadline, log_file.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(server.url + "/nothing", timeout=5)
        except httpx.TransportError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{server.log}") from None
            time.sleep(0.05)
        else:
            return
