"""Runs the command line as users do: a process of its own, on 127.0.0.1 and a free port."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

COMMAND = (sys.executable, "-W", "error", "-c", "from pixstore_asgi.cli import main; main()")


@dataclass
class Server:
    """A server that answers at `url`; whoever runs it may stop it and look at what it said."""

    process: subprocess.Popen[str]
    greeting: str
    url: str


def run(*arguments: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, env=_environment(secret)
    )


@contextmanager
def running(*arguments: str, secret: str | None = None, extra: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server until the end of the block, or until the block stops it."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**_environment(secret), **(extra or {})},
    )
    with process:
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            found = re.search(r"http://\S+", greeting)
            assert found, f"no URL in {greeting!r}: {process.communicate(timeout=10)[1]}"
            yield Server(process, greeting, found[0])
        finally:
            process.terminate()


@contextmanager
def signed_in(server: Server) -> Iterator[httpx.Client]:
    """Make a client that sends what the demo's own page sends, with a session of its own."""
    origin = server.url.rstrip("/")
    with httpx.Client(base_url=server.url, headers={"origin": origin}, trust_env=False, timeout=60) as client:
        client.post("api/session").raise_for_status()
        yield client


def _environment(secret: str | None) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop("PIXSTORE_SECRET", None)
    return environment if secret is None else {**environment, "PIXSTORE_SECRET": secret}
