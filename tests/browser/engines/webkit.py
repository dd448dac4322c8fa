"""Debian's WebKitGTK in its MiniBrowser, driven by W3C WebDriver on a display of its own."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.browser.engines.page import PageError, call_by_json, lacks
from tests.support.servers import free_port
from tests.support.tools import require

START_WITHIN_S = 60
RUN = """const [text, done] = arguments;
({function})(text).then((json) => done({{ json }}), (error) => done({{ thrown: String(error) }}));"""
# WebDriver tells of no page's errors, so the page gathers them; those of its first scripts are missed.
# It also takes a page for loaded whose scripts still load.
SETTLE = """async () => {
    globalThis.uncaught = [];
    addEventListener("error", ({ message }) => uncaught.push(message));
    addEventListener("unhandledrejection", ({ reason }) => uncaught.push(String(reason)));
    if (document.readyState !== "complete") await new Promise((loaded) => addEventListener("load", loaded));
}"""
GATHERED = "globalThis.uncaught?.splice(0) ?? []"


class WebDriverSession:
    """A WebDriver session; every command goes to the window it names."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._path = ""
        self._path = f"/session/{self._send('POST', '/session', capabilities={})['sessionId']}"
        self._first_window: str = self._send("GET", "/window")
        self._window = self._first_window

    def new_window(self) -> str:
        window: str = self.call(self._first_window, "/window/new", type="window")["handle"]
        return window

    def call(self, window: str, command: str, **parameters: object) -> Any:
        """Send a command. Raises PageError where the driver refuses it."""
        self._turn_to(window)
        return self._send("POST", command, **parameters)

    def close(self, window: str) -> None:
        self._turn_to(window)
        self._send("DELETE", "/window")

    def end(self) -> None:
        self._send("DELETE", "")

    def _turn_to(self, window: str) -> None:
        if window != self._window:
            self._send("POST", "/window", handle=window)
            self._window = window

    def _send(self, method: str, command: str, **parameters: object) -> Any:
        body = parameters if method == "POST" else None
        answer = self._http.request(method, self._path + command, json=body).json()["value"]
        if isinstance(answer, Mapping) and "error" in answer:
            raise PageError(f"{answer['error']}: {answer.get('message', '')}")
        return answer


class WebKitPage:
    def __init__(self, session: WebDriverSession) -> None:
        self._session = session
        self._window = session.new_window()
        self.errors: list[str] = []

    def goto(self, url: str) -> None:
        self._gather_errors()
        self._session.call(self._window, "/url", url=url)
        self.evaluate(SETTLE)

    def evaluate(self, script: str, argument: object = None) -> Any:
        function = RUN.format(function=call_by_json(script))
        outcome = self._session.call(self._window, "/execute/async", script=function, args=[json.dumps(argument)])
        if "thrown" in outcome:
            raise PageError(outcome["thrown"])
        return json.loads(outcome["json"])

    def reload(self) -> None:
        self._gather_errors()
        self._session.call(self._window, "/refresh")
        self.evaluate(SETTLE)

    def close(self) -> None:
        self._gather_errors()
        self._session.close(self._window)

    def _gather_errors(self) -> None:
        self.errors += self.evaluate(GATHERED)


class WebKitBrowser:
    def __init__(self, session: WebDriverSession) -> None:
        self._session = session

    def new_page(self, *, first_script: str = "") -> WebKitPage:
        if first_script:
            lacks("webkit", "WebDriver runs no script before a page's own")
        return WebKitPage(self._session)


class WebKit:
    name = "webkit"

    def __init__(self, driver_path: str, display_path: str) -> None:
        self._driver_path = driver_path
        self._display_path = display_path

    @contextlib.contextmanager
    def launch(
        self,
        profile: Path | None = None,
        *,
        stores_nothing: bool = False,
        knows_insecure_host: bool = False,
        is_private: bool = False,
    ) -> Iterator[WebKitBrowser]:
        # Whether asked or not its windows are private, as WebDriver's always are.
        if profile is not None or stores_nothing:
            lacks("webkit", "MiniBrowser has neither profile nor settings under WebDriver")
        if knows_insecure_host:
            lacks("webkit", "its host names are those of the whole machine")
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
            display(self._display_path) as name,
            driver(self._driver_path, Path(home), name) as session,
        ):
            yield WebKitBrowser(session)


@contextlib.contextmanager
def display(path: str) -> Iterator[str]:
    """Run an X server that shows nothing to anybody; gives the name of its display."""
    command = [path, "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1024x768x24"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        with process.stdout as output:
            yield f":{output.readline().decode().strip()}"
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def driver(path: str, home: Path, display_name: str) -> Iterator[WebDriverSession]:
    port = free_port()
    folders = {name: str(home) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    process = subprocess.Popen(
        [path, f"--port={port}"],
        env={**os.environ, **folders, "DISPLAY": display_name, "NO_AT_BRIDGE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_WITHIN_S, trust_env=False) as http:
            wait_until_ready(http, process)
            session = WebDriverSession(http)
            yield session
            session.end()
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            http.get("/status")
            return
        time.sleep(0.02)
    raise RuntimeError(f"WebKitWebDriver did not start: exit code {process.poll()}")


@contextlib.contextmanager
def webkit() -> Iterator[WebKit]:
    yield WebKit(require("WebKitWebDriver", "webkit2gtk-driver (Debian)"), require("Xvfb", "xvfb (Debian)"))
