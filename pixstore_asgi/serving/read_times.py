"""ReadTimes: reports to observers how long the store takes to find each image."""

import logging
import time
from collections.abc import Callable

from ..core.events import event

_log = logging.getLogger("pixstore_asgi")


class ReadTimes:
    """Reports the seconds of each read. Without an observer it reads no clock."""

    def __init__(self) -> None:
        self._observers: list[Callable[[float], object]] = []

    def watch(self, observer: Callable[[float], object]) -> None:
        """Call an observer for each read from now on. Adding it twice has no effect."""
        if observer not in self._observers:
            self._observers.append(observer)

    def begin(self) -> float:
        """Return the start time of a read, for `end`."""
        return time.perf_counter() if self._observers else 0

    def end(self, begun_s: float) -> None:
        """Report a read that has found an image. Errors of observers are logged and change no answer."""
        for observer in self._observers if begun_s else ():
            try:
                observer(time.perf_counter() - begun_s)
            except Exception as error:
                _log.error("on_served failed for a reading: %s", type(error).__name__, extra=event("on_served_failed"))
