"""ReadTimes: how long a store takes for each image that is read of it, told to whoever watches."""

import logging
import time
from collections.abc import Callable

from ..core.events import event

_log = logging.getLogger("pixstore_asgi")


class ReadTimes:
    """Tells what watches how many seconds each reading took. While nothing does, nothing is measured."""

    def __init__(self) -> None:
        self._watching: list[Callable[[float], object]] = []

    def watch(self, tell: Callable[[float], object]) -> None:
        """Call `tell` from now on and for good, once for each reading however often that is asked for."""
        if tell not in self._watching:
            self._watching.append(tell)

    def begin(self) -> float:
        """Return what `end` needs, when a reading begins."""
        return time.perf_counter() if self._watching else 0

    def end(self, begun_s: float) -> None:
        """Tell of a reading that has found an image; errors of what watches are logged and harm no answer."""
        for tell in self._watching if begun_s else ():
            try:
                tell(time.perf_counter() - begun_s)
            except Exception as error:
                _log.error("on_served failed for a reading: %s", type(error).__name__, extra=event("on_served_failed"))
