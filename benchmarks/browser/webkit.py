"""Debian's WebKitGTK in its MiniBrowser, driven by W3C WebDriver on a display of its own."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from benchmarks.processes import free_port

_START_WITHIN_S = 60


class WebDriverError(Exception):
    """The driver refused a command."""


class WebDriverSession:
    """A WebDriver session; every command goes to the window it names.

    pid: the process of the driver, which starts those of the browser.
    """

    def __init__(self, http: httpx.Client, pid: int) -> None:
        self.pid = pid
        self._http = http
        self._path = ""
        self._path = f"/session/{self._send('POST', '/session', capabilities={})['sessionId']}"
        self.first_window: str = self._send("GET", "/window")
        self._window = self.first_window

    def new_window(self) -> str:
        """Open a window and return its handle."""
        window: str = self.call(self.first_window, "/window/new", type="window")["handle"]
        return window

    def call(self, window: str, command: str, **parameters: object) -> Any:
        """Send a command. Raises WebDriverError if the driver refuses it."""
        self._turn_to(window)
        return self._send("POST", command, **parameters)

    def close(self, window: str) -> None:
        """Close a window."""
        self._turn_to(window)
        self._send("DELETE", "/window")

    def end(self) -> None:
        """End the session and its browser."""
        self._send("DELETE", "")

    def _turn_to(self, window: str) -> None:
        if window != self._window:
            self._send("POST", "/window", handle=window)
            self._window = window

    def _send(self, method: str, command: str, **parameters: object) -> Any:
        body = parameters if method == "POST" else None
        answer = self._http.request(method, self._path + command, json=body).json()["value"]
        if isinstance(answer, Mapping) and "error" in answer:
            raise WebDriverError(f"{answer['error']}: {answer.get('message', '')}")
        return answer


@contextlib.contextmanager
def open_webkit(driver_path: str, display_path: str, *, screen: str = "1024x768x24") -> Iterator[WebDriverSession]:
    """Run a WebKitGTK without a profile until the block ends.

    screen: width and height in pixels, and bits of a pixel.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        _display(display_path, screen) as name,
        _driver(driver_path, Path(home), name) as session,
    ):
        yield session


@contextlib.contextmanager
def _display(path: str, screen: str) -> Iterator[str]:
    """Run an X server without a visible screen, and yield the name of its display."""
    command = [path, "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", screen]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        with process.stdout as output:
            yield f":{output.readline().decode().strip()}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _driver(path: str, home: Path, display_name: str) -> Iterator[WebDriverSession]:
    port = free_port()
    folders = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    process = subprocess.Popen(
        [path, f"--port={port}"],
        env={**os.environ, **folders, "DISPLAY": display_name, "NO_AT_BRIDGE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_START_WITHIN_S, trust_env=False) as http:
            _wait_until_ready(http, process)
            session = WebDriverSession(http, process.pid)
            yield session
            session.end()
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            http.get("/status")
            return
        time.sleep(0.02)
    raise RuntimeError(f"WebKitWebDriver did not start: exit code {process.poll()}")
