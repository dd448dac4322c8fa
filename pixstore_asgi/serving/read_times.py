"""ReadTimes: how long a store takes for each image that is read of it, told to whoever watches."""

import time
from collections.abc import Callable


class ReadTimes:
    """Tells what watches how many seconds each reading took. While nothing does, nothing is measured."""

    def __init__(self) -> None:
        self._watching: list[Callable[[float], object]] = []

    def watch(self, tell: Callable[[float], object]) -> None:
        """Call `tell` from now on, once for each reading however often it is asked for."""
        if tell not in self._watching:
            self._watching.append(tell)

    def begin(self) -> float:
        """Return what `end` needs, when a reading begins."""
        return time.perf_counter() if self._watching else 0

    def end(self, begun_s: float) -> None:
        """Tell of a reading that has succeeded."""
        for tell in self._watching:
            tell(time.perf_counter() - begun_s)
