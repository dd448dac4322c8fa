"""Debian's Firefox, driven over WebDriver BiDi."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.browser.engines.bidi import BidiSession
from tests.browser.engines.page import INSECURE_HOST, PageError, call_by_json
from tests.support.tools import require

START_WITHIN_S = 60
SETTINGS: dict[str, object] = {
    # Whatever is not on 127.0.0.1 goes to a proxy that isn't there.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": INSECURE_HOST,
    "network.proxy.failover_direct": False,
    "network.trr.mode": 5,
    # And what Firefox does on its own account is not even tried.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.newtabpage.activity-stream.feeds.system.topstories": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.update.enabled": False,
    "browser.search.update": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "nimbus.rollouts.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
    # A tab in the background keeps its timers' pace.
    "dom.min_background_timeout_value": 4,
}
IS_PRIVATE = {"browser.privatebrowsing.autostart": True}
STORES_NOTHING = {"network.cookie.cookieBehavior": 2}
KNOWS_INSECURE_HOST = {"network.dns.localDomains": INSECURE_HOST}


class FirefoxPage:
    def __init__(self, session: BidiSession, first_script: str) -> None:
        self._session = session
        self._context: str = session.call("browsingContext.create", type="tab")["context"]
        self.errors = session.page_errors[self._context]
        if first_script:
            function = f"() => {{ {first_script} }}"
            session.call("script.addPreloadScript", functionDeclaration=function, contexts=[self._context])

    def goto(self, url: str) -> None:
        self._session.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, script: str, argument: object = None) -> Any:
        outcome = self._session.call(
            "script.callFunction",
            functionDeclaration=call_by_json(script),
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            awaitPromise=True,
            target={"context": self._context},
        )
        if outcome["type"] == "exception":
            raise PageError(outcome["exceptionDetails"]["text"])
        return json.loads(outcome["result"]["value"])

    def reload(self) -> None:
        self._session.call("browsingContext.reload", context=self._context, wait="complete")

    def close(self) -> None:
        self._session.call("browsingContext.close", context=self._context)


class FirefoxBrowser:
    def __init__(self, session: BidiSession) -> None:
        self._session = session

    def new_page(self, *, first_script: str = "") -> FirefoxPage:
        return FirefoxPage(self._session, first_script)


class Firefox:
    name = "firefox"

    def __init__(self, path: str) -> None:
        self._path = path

    @contextlib.contextmanager
    def launch(
        self,
        profile: Path | None = None,
        *,
        stores_nothing: bool = False,
        knows_insecure_host: bool = False,
        is_private: bool = False,
    ) -> Iterator[FirefoxBrowser]:
        settings = {
            **SETTINGS,
            **(IS_PRIVATE if is_private else {}),
            **(STORES_NOTHING if stores_nothing else {}),
            **(KNOWS_INSECURE_HOST if knows_insecure_host else {}),
        }
        # It may still write while the temporary folder is removed.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = profile or Path(temporary)
            write_settings(folder, settings)
            with running(self._path, folder) as session:
                yield FirefoxBrowser(session)


def write_settings(profile: Path, settings: dict[str, object]) -> None:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
    (profile / "user.js").write_text("\n".join(lines))


@contextlib.contextmanager
def running(path: str, profile: Path) -> Iterator[BidiSession]:
    """Run Firefox on a profile until the block ends, and then until it has written its profile."""
    address = profile / "WebDriverBiDiServer.json"
    address.unlink(missing_ok=True)
    process = subprocess.Popen(
        [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"],
        env={**os.environ, "MOZ_CRASHREPORTER_DISABLE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = listening_port(process, address)
        with connect(f"ws://127.0.0.1:{port}/session", max_size=None, proxy=None) as socket:
            session = BidiSession(socket)
            yield session
            session.call("browser.close")
        process.wait(START_WITHIN_S)
    finally:
        process.kill()
        process.wait()


def listening_port(process: subprocess.Popen[bytes], address: Path) -> int:
    """Wait for the file in which Firefox tells where its WebDriver BiDi is."""
    deadline = time.monotonic() + START_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            port: int = json.loads(address.read_text())["ws_port"]
            return port
        time.sleep(0.02)
    raise RuntimeError(f"Firefox did not start: exit code {process.poll()}")


@contextlib.contextmanager
def firefox() -> Iterator[Firefox]:
    yield Firefox(require("firefox-esr", "firefox-esr (Debian)"))
