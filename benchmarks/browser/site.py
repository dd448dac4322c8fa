"""The running site_app, with npm's front end bundled for its page."""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import NPM_FOLDER
from benchmarks.processes import free_port, running
from benchmarks.rivals import GRACE_S, IDLE_S

ONE_WAY_MS = 25
_BUNDLER = Path(__file__).with_name("bundle.mjs")


@dataclass(frozen=True, slots=True)
class Site:
    """A running site, by its origin: directly, and through a proxy that delays every byte."""

    url: str
    far_url: str


def bundle_npm(file: Path) -> None:
    """Bundle npm's front end into a file, and make its folder if it does not exist."""
    environment = {**os.environ, "PIXSTORE_NPM_MODULES": str(NPM_FOLDER)}
    command = ["node", str(_BUNDLER), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)


@contextlib.contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Run the site under uvicorn until the block ends; its data goes to `folder`."""
    bundle = folder / "bundle"
    bundle_npm(bundle / "npm.js")
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
        far_port = free_port()
        command = [sys.executable, "-m", "benchmarks.line", "--delay-ms", str(ONE_WAY_MS), f"{far_port}:{port}"]
        with running(command, port=far_port, core=None, folder=folder):
            yield Site(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{far_port}")
