"""Debian's WebKitGTK, driven by W3C WebDriver."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.browser.webkit import WebDriverSession, open_webkit
from tests.browser.engines.page import PageError, call_by_json, lacks
from tests.support.tools import require

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
        with open_webkit(self._driver_path, self._display_path) as session:
            yield WebKitBrowser(session)


@contextlib.contextmanager
def webkit() -> Iterator[WebKit]:
    yield WebKit(require("WebKitWebDriver", "webkit2gtk-driver (Debian)"), require("Xvfb", "xvfb (Debian)"))
