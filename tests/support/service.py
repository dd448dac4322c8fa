"""Runs the Starlette recipe by the command line of the systemd unit in deployment.md."""

import configparser
import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from tests.support.nginx import PAGE
from tests.support.paths import ROOT
from tests.support.recipes import FILES
from tests.support.samples import SECRET
from tests.support.servers import Server, free_port

(UNIT,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT)
    return parser


def answers(url: str) -> bool:
    """Tell whether a server answers with 200."""
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], object], what: object) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextlib.contextmanager
def running_service(folder: Path) -> Iterator[Server]:
    """Run the Starlette recipe by the unit's own command line, on another port."""
    (folder / "app.py").write_text(FILES["starlette_app.py"])
    program, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert Path(program).name == "uvicorn"
    port = free_port()
    arguments[arguments.index("--port") + 1] = str(port)
    log_file = folder / "uvicorn.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PIXSTORE_SECRET": SECRET, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log_file)
    try:
        until(lambda: server.log.count("Application startup complete") == 2, server)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
