"""The page in WebKitGTK: the memory of its web process, canvases that outlive their use, and how long a page may be."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..browser.resident import with_descendants
from ..browser.webkit import WebDriverSession, open_webkit
from ..environment import program
from ..memory import MIB, memory_of, reset_peak
from ..plan import Plan
from ..runs import Row
from .ways import EMPTY, IN_WEBKIT, WAYS, WEBKIT_LIMIT

PROGRAMS = ("WebKitWebDriver", "Xvfb")

_SCREEN = "1280x720x24"
_WEB_PROCESS = "WebKitWebProces"  # the kernel cuts names
_TIMEOUT_S = 400.0
_PAUSE_S = 0.2
_START = """const [name, wanted] = arguments;
globalThis.outcome = null;
const finish = (found) => (globalThis.outcome = found);
measure(name, wanted).then((value) => finish({ value }), (error) => finish({ error: String(error) }));"""


def webkit_rows(url: str, plan: Plan) -> Iterator[Row]:
    """Show twice as many pictures each time, in each way until its page grows above the limit."""
    growing = list(IN_WEBKIT)
    images = plan.scroll_images
    while growing and images <= plan.webkit_most_images:
        for name in list(growing):
            row = _visit(url, name, images, plan)
            yield row
            if float(row["web_peak_mib"]) * MIB > WEBKIT_LIMIT:
                growing.remove(name)
        images *= 2


def _visit(url: str, name: str, images: int, plan: Plan) -> Row:
    """Scroll through a page of so many pictures, or until it is above the limit if it is longer than the first."""
    with open_webkit(str(program(PROGRAMS[0])), str(program(PROGRAMS[1])), screen=_SCREEN) as session:
        tab = _Tab(session)
        tab.open(f"{url}/?contestant={_script(EMPTY)}")
        pid = _largest_web_process(session)
        blank = memory_of(pid, "VmRSS")
        reset_peak(pid)
        tab.open(f"{url}/?contestant={_script(IN_WEBKIT[name])}&images={images}")

        def is_above() -> bool:
            return images > plan.scroll_images and memory_of(pid, "VmHWM") > blank + WEBKIT_LIMIT

        found: Row | None = tab.measure("scroll", is_above, pixelsPerFrame=plan.webkit_pixels_per_frame)
        row: Row = {"round": 0, "contestant": name, "images": images, "blank_mib": _mib(blank)}
        if found is not None:
            tab.measure("ready")
            row |= {"seen": found["seen"], "web_end_mib": _mib(memory_of(pid, "VmRSS") - blank)}
        row["web_peak_mib"] = _mib(memory_of(pid, "VmHWM") - blank)
        return row if found is None else row | tab.measure("canvasesAlive")


class _Tab:
    """The browser's first window."""

    def __init__(self, session: WebDriverSession) -> None:
        self._session = session
        self._call("/window/rect", x=0, y=0, width=1280, height=720)

    def open(self, url: str) -> None:
        """Load the page, and wait until the first screen is shown and at rest."""
        self._call("/url", url=url)
        # The driver takes a page for loaded whose scripts still load.
        self._wait_for("return globalThis.measure ? true : null")
        self.measure("ready")

    def measure(self, name: str, is_over: Callable[[], bool] = lambda: False, **wanted: object) -> Any:
        """Run one of the page's functions, and return None if it is over before the function ends.

        Raises RuntimeError if the function threw.
        """
        self._call("/execute/sync", script=_START, args=[name, wanted])
        outcome = self._wait_for("return globalThis.outcome", is_over)
        if outcome and "error" in outcome:
            raise RuntimeError(f"the page failed: {outcome['error']}")
        return outcome and outcome.get("value")

    def _wait_for(self, script: str, is_over: Callable[[], bool] = lambda: False) -> Any:
        ends_at = time.monotonic() + _TIMEOUT_S
        while (found := self._call("/execute/sync", script=script, args=[])) is None and not is_over():
            if time.monotonic() > ends_at:
                raise RuntimeError(f"the page did not answer within {_TIMEOUT_S:.0f} s")
            time.sleep(_PAUSE_S)
        return found

    def _call(self, command: str, **parameters: object) -> Any:
        return self._session.call(self._session.first_window, command, **parameters)


def _script(name: str) -> str:
    return next(way.script for way in WAYS if name in way.visits)


def _largest_web_process(session: WebDriverSession) -> int:
    found = []
    for pid in with_descendants({session.pid}):
        with contextlib.suppress(OSError):  # it has ended
            if Path(f"/proc/{pid}/comm").read_text().startswith(_WEB_PROCESS):
                found.append(pid)
    return max(found, key=lambda pid: memory_of(pid, "VmRSS"))


def _mib(size: int) -> float:
    return round(size / MIB, 1)
