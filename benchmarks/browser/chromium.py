"""A Chromium on a profile of its own, and a tab in it that shows one contestant's page."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, ViewportSize

from benchmarks.environment import program

NO_OTHER_HOST = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules={NO_OTHER_HOST}",
]
# BoringSSL reads this variable as OpenSSL does, OPENSSL_ia32cap(3): no AES, no PCLMULQDQ, and not their wide forms.
_WITHOUT_AES = {"OPENSSL_ia32cap": "~0x200000200000000:~0x60000000000"}
_TIMEOUT_MS = 300_000
_CACHE_LIMIT = 1000


@dataclass(slots=True)
class Busy:
    """How long a thread has worked."""

    seconds: float = 0.0


class Tab:
    """One tab. `open` shows a contestant's page, also anew; `measure` runs one of page/cases.js there."""

    def __init__(self, page: Page, profile: Path) -> None:
        self.page = page
        self.profile = profile
        self._errors: list[str] = []
        page.set_default_timeout(_TIMEOUT_MS)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def open(self, url: str, contestant: str, *, limit: int = _CACHE_LIMIT) -> None:
        """Load the page, and wait until the contestant is ready; its cache keeps at most `limit` images."""
        self.page.goto(f"{url}/?contestant={contestant}&limit={limit}")
        self.measure("ready")

    def measure(self, name: str, **wanted: Any) -> Any:
        """Run one of the page's functions. Raises RuntimeError if the page had an uncaught error."""
        return self.run("([name, wanted]) => measure(name, wanted)", [name, wanted])

    def run(self, expression: str, argument: Any) -> Any:
        """Call a function in the page. Raises RuntimeError if the page had an uncaught error."""
        found = self.page.evaluate(expression, argument)
        if self._errors:
            raise RuntimeError(f"the page failed: {self._errors}")
        return found

    @contextlib.contextmanager
    def main_thread(self) -> Iterator[Busy]:
        """Measure for how long the page's main thread is busy with tasks of any kind until the block ends."""
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("Performance.enable", {"timeDomain": "timeTicks"})

        def seconds() -> float:
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

        busy, before = Busy(), seconds()
        yield busy
        busy.seconds = seconds() - before
        devtools.detach()


@contextlib.contextmanager
def open_chromium(
    playwright: Playwright, profile: Path, *, viewport: ViewportSize | None = None, has_aes: bool = True
) -> Iterator[Tab]:
    """Open a Chromium on this profile folder until the block ends.

    viewport: in CSS pixels; default: 1,280 by 720. has_aes: whether it uses the processor's instructions for AES.
    """
    variables = os.environ | ({} if has_aes else _WITHOUT_AES)
    with playwright.chromium.launch_persistent_context(
        profile, executable_path=program("chromium"), args=CHROMIUM_ARGUMENTS, viewport=viewport, env={**variables}
    ) as context:
        yield Tab(context.pages[0], profile)
