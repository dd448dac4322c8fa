"""Application hosts as several machines would be: each a uvicorn with its workers on a loopback address of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from tests.support.paths import ROOT
from tests.support.servers import Server
from tests.support.service import until

STOPPED = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
_APP = "tests.stress.server_app:app"
_READY = "/pixstore-image/-/ready"


class Host(Server):
    """One host; `stop` or `kill` and `start` may come in turn, and it keeps its address and port.

    environment: the variables for its next start; a test may change them.
    """

    def __init__(self, address: str, folder: Path, environment: Mapping[str, str], workers: int, app: str) -> None:
        self.address = address
        self.url = f"http://{address}:{_free_port(address)}"
        self.log_file = folder / f"{address}.log"
        self._workers = workers
        self._app = app
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PIXSTORE_TEST_ADDRESS": address, **environment}
        self.start()

    def start(self) -> None:
        """Start the host, for the first time or once it has stopped."""
        where = ["--host", self.address, "--port", self.url.rpartition(":")[2], "--workers", str(self._workers)]
        patience = ["--timeout-keep-alive", "30", "--timeout-graceful-shutdown", "10"]
        # A worker that a busy machine keeps waiting must not be taken for a dead one.
        patience += ["--timeout-worker-healthcheck", "60"]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", self._app, *where, *patience],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=ROOT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the host and its workers by SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def readiness(self) -> dict[str, object]:
        """The host's answer to a load balancer; nothing if it does not answer."""
        try:
            answer: dict[str, object] = httpx.get(self.url + _READY, timeout=10, trust_env=False).json()
        except httpx.TransportError:
            return {}
        return answer

    def wait_until_ready(self) -> None:
        until(lambda: self.readiness == {"ready": True}, self)


@contextlib.contextmanager
def running_hosts(
    folder: Path, environment: Mapping[str, str], *, number: int = 3, workers: int = 2, app: str = _APP
) -> Iterator[list[Host]]:
    """Run hosts on 127.0.0.2 and the addresses after it until the block ends, on one database."""
    hosts: list[Host] = []
    try:
        hosts.extend(Host(f"127.0.0.{2 + n}", folder, environment, workers, app) for n in range(number))
        for host in hosts:
            host.wait_until_ready()
        yield hosts
    finally:
        for host in hosts:
            host.kill()


def _free_port(address: str) -> int:
    with socket.socket() as chosen:
        chosen.bind((address, 0))
        port: int = chosen.getsockname()[1]
        return port
