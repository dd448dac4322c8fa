"""The running site_app, with npm's front end bundled for its page."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import NPM_FOLDER
from benchmarks.processes import free_port, running
from benchmarks.rivals import GRACE_S, IDLE_S

_BUNDLER = Path(__file__).with_name("bundle.mjs")


@dataclass(frozen=True, slots=True)
class Site:
    """A running site."""

    port: int

    @property
    def url(self) -> str:
        """Return its origin."""
        return f"http://127.0.0.1:{self.port}"

    def requests(self) -> int:
        """Count the requests for images so far."""
        with urllib.request.urlopen(f"{self.url}/requests") as answer:  # noqa: S310, an address of its own
            return int(json.load(answer))


@contextlib.contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run the site under uvicorn until the block ends; its data goes to `folder`."""
    bundle = folder / "bundle"
    bundle.mkdir()
    environment = {**os.environ, "PIXSTORE_NPM_MODULES": str(NPM_FOLDER)}
    command = ["node", str(_BUNDLER), str(bundle / "npm.js")]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    port = free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    waits = ["--log-level", "warning", "--timeout-graceful-shutdown", GRACE_S, "--timeout-keep-alive", IDLE_S]
    variables = {
        "PIXSTORE_BENCH_DATABASE": str(folder / "pixstore.db"),
        "PIXSTORE_BENCH_BUNDLE": str(bundle),
        "PIXSTORE_SECRET": secrets.token_urlsafe(32),
    }
    command = [sys.executable, "-m", "uvicorn", "benchmarks.browser.site_app:app", *options, *waits]
    with running(command, port=port, core=None, folder=folder, environment=variables):
        yield Site(port)
