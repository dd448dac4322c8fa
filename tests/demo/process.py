"""Runs the command line as users do: a process of its own, on 127.0.0.1 and a free port."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

COMMAND = (sys.executable, "-W", "error", "-c", "from pixstore_asgi.cli import main; main()")


@dataclass
class Server:
    """A server that answers at `url`. A test may stop it and read its output."""

    process: subprocess.Popen[bytes]
    greeting: str
    url: str
    _stderr: Path

    @property
    def errors(self) -> str:
        """Its output on stderr so far."""
        return self._stderr.read_text()


def run(*arguments: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, env=_environment(secret)
    )


@contextmanager
def running(*arguments: str, secret: str | None = None, extra: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server until the end of the block, or until the block stops it."""
    with tempfile.TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        with stdout.open("wb") as output, stderr.open("wb") as errors:
            environment = {**_environment(secret), **(extra or {})}
            process = subprocess.Popen([*COMMAND, *arguments], stdout=output, stderr=errors, env=environment)
        with process:
            try:
                greeting = _first_line(stdout, process)
                found = re.search(r"http://\S+", greeting)
                assert found, f"no URL in {greeting!r}: {stderr.read_text()}"
                yield Server(process, greeting, found[0], stderr)
            finally:
                process.terminate()


@contextmanager
def signed_in(server: Server) -> Iterator[httpx.Client]:
    """Make a client that sends the same requests as the demo's own page, with its own session."""
    origin = server.url.rstrip("/")
    with httpx.Client(base_url=server.url, headers={"origin": origin}, trust_env=False, timeout=60) as client:
        client.post("api/session").raise_for_status()
        yield client


def _first_line(file: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 100  # a busy machine is slow
    while "\n" not in (text := file.read_text()) and process.poll() is None:
        assert time.monotonic() < deadline, "it says nothing"
        time.sleep(0.01)
    return "".join(text.splitlines(keepends=True)[:1])


def _environment(secret: str | None) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop("PIXSTORE_SECRET", None)
    return environment if secret is None else {**environment, "PIXSTORE_SECRET": secret}
