"""Limits of one upload: its length, the sender's time, and one timer for its many waits."""

import asyncio
from dataclasses import dataclass

from ..errors import ConfigError, UploadTimeout

DEFAULT_MAX_IMAGE_BYTES = 32 * 1024 * 1024
_MIN_BYTES_PER_S = 1024  # the slowest mobile lines bring several times as much
_LONGEST_S = 3600.0  # some event loops take no endless timer


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of one upload. Raises ConfigError for 0 seconds or less.

    Args:
        max_bytes: Length of the longest accepted image, counted while it arrives.
        timeout_s: Seconds for which the sender may send nothing, or less than 1 KiB/s.
        max_s: Seconds for which the whole upload may wait for its sender.
    """

    max_bytes: int
    timeout_s: float = 60
    max_s: float = 3600

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_s > 0):
            raise ConfigError("upload_timeout_s and max_upload_s must be above 0 seconds")


class Patience:
    """The time left for the sender of one upload. `limit_s` is the time left for its next piece."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._pause_s = limits.timeout_s
        self._left_s = limits.max_s
        self.limit_s = min(self._pause_s, self._left_s)

    def note(self, waited_s: float, taken: int) -> None:
        """Record that one piece of `taken` bytes took `waited_s` seconds to arrive."""
        # With a rate over the whole upload, a sender could send most of it at once and take hours for the rest.
        self._pause_s = min(self._pause_s - waited_s + taken / _MIN_BYTES_PER_S, self._limits.timeout_s)
        self._left_s -= waited_s
        self.limit_s = min(self._pause_s, self._left_s)

    def error(self) -> UploadTimeout:
        """Return the error for a sender that took longer than `limit_s`."""
        if self._left_s < self._pause_s:
            reason = f"not complete within max_upload_s, {self._limits.max_s} s"
        else:
            reason = f"nothing, or less than 1 KiB/s, for upload_timeout_s, {self._limits.timeout_s} s"
        return UploadTimeout(f"the image did not arrive in time: {reason}")


class Watch:
    """Limits the waits of the running task, one after another, with a single timer. Call `begin` and `end` for each
    wait.

    Each wait has its own limit, but no wait may end earlier than the one before it. A wait that lasts longer is
    cancelled; then `end` returns True.
    """

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._cancels = 0
        self._is_waiting = self._is_overdue = False

    def begin(self, seconds: float) -> None:
        """Begin a wait of at most `seconds`."""
        self._is_waiting = True
        self._due_s = self._loop.time() + seconds
        self._cancels = self._task.cancelling()
        if self._timer is None:
            self._arm()

    def end(self) -> bool:
        """End the wait. Return whether it was cancelled by this limit, and not for another reason."""
        self._is_waiting = False
        if not self._is_overdue:
            return False
        self._is_overdue = False
        return self._task.uncancel() <= self._cancels

    def close(self) -> None:
        """End the last wait, if an error interrupted it, and cancel the timer."""
        self.end()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(min(max(self._due_s - self._loop.time(), 0), _LONGEST_S), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._is_waiting:
            return
        if self._loop.time() < self._due_s:
            self._arm()
        else:
            self._is_overdue = True
            self._task.cancel()
