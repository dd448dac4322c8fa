"""Shows the current measurement and the estimated time left on standard error."""

import sys
import time


class Progress:
    """Counts the steps of one part."""

    def __init__(self, part: str, steps: int) -> None:
        self._part = part
        self._steps = steps
        self._done = 0
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        """Report that one more step is done, with its result."""
        self._done += 1
        elapsed = time.monotonic() - self._started
        left = elapsed / self._done * max(self._steps - self._done, 0)
        self.say(f"{self._done}/{self._steps}, {left:.0f} s left  {text}")

    def say(self, text: str) -> None:
        """Show a line."""
        print(f"[{self._part}] {text}", file=sys.stderr, flush=True)
