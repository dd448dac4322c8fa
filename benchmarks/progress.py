"""Shows on standard error what is being measured and about how long it still takes."""

import sys
import time


class Progress:
    """Counts the steps of one part."""

    def __init__(self, part: str, steps: int) -> None:
        self._part = part
        self._steps = steps
        self._done = 0
        self._started = time.monotonic()

    def step(self, what: str) -> None:
        """Tell that one more step is done, and what it found."""
        self._done += 1
        elapsed = time.monotonic() - self._started
        left = elapsed / self._done * max(self._steps - self._done, 0)
        self.say(f"{self._done}/{self._steps}, {left:.0f} s left  {what}")

    def say(self, what: str) -> None:
        """Show a line."""
        print(f"[{self._part}] {what}", file=sys.stderr, flush=True)
