"""Three browser engines behind one interface: `page.py` describes it, and the other modules implement it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.browser.engines.chromium import chromium
from tests.browser.engines.firefox import firefox
from tests.browser.engines.page import Engine
from tests.browser.engines.webkit import webkit

ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
}
"""By name: opens the engine, or skips the test where it is not installed."""
