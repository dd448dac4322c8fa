"""What one upload may take: its limits, what is left of them, and one timer for its many waits."""

import asyncio
from dataclasses import dataclass

from ..core.cipher import MAX_CIPHERTEXT_BYTES
from ..core.options import check_numbers
from ..core.padding import longest_within
from ..errors import ConfigError, UploadTimeout
from ..store.contract import ImageStore

DEFAULT_MAX_IMAGE_BYTES = 32 * 1024 * 1024
_MIN_BYTES_PER_S = 1024  # the slowest mobile lines bring several times as much
_LONGEST_S = 3600.0  # some event loops take no endless timer


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may take. Raises ConfigError for 0 seconds and below.

    max_bytes: the longest image accepted, counted while it arrives. timeout_s: how long its sender may bring nothing,
    or less than 1 KiB/s, in seconds. max_s: how long it may be waited for in all.
    """

    max_bytes: int
    timeout_s: float = 60
    max_s: float = 3600

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_s > 0):
            raise ConfigError("upload_timeout_s and max_upload_s must be above 0 seconds")


def upload_limits(
    store: ImageStore, max_bytes: int, timeout_s: float, max_s: float, *, pad: bool = False
) -> UploadLimits:
    """Return the limits of uploads to a store. pad: whether padding, which is not counted, must find room there too.

    Raises ConfigError for those that can't be kept.
    """
    check_numbers(max_image_bytes=max_bytes, upload_timeout_s=timeout_s, max_upload_s=max_s)
    longest = min(store.max_body_bytes or MAX_CIPHERTEXT_BYTES, MAX_CIPHERTEXT_BYTES)
    # The ciphertext is longer than the image by its format byte.
    largest = (longest_within(longest) if pad else longest) - 1
    if not 1 <= max_bytes <= largest:
        raise ConfigError(f"max_image_bytes must be from 1 to {largest}")
    return UploadLimits(max_bytes, timeout_s, max_s)


class Patience:
    """How much longer the sender of one upload may be waited for; `limit_s` is for its next piece."""

    def __init__(self, limits: UploadLimits) -> None:
        self._limits = limits
        self._pause_s = limits.timeout_s
        self._left_s = limits.max_s
        self.limit_s = min(self._pause_s, self._left_s)

    def note(self, waited_s: float, taken: int) -> None:
        """Count one piece of `taken` bytes that was waited for."""
        # A rate over the whole upload would let who sends most of it at once take hours for the rest.
        self._pause_s = min(self._pause_s - waited_s + taken / _MIN_BYTES_PER_S, self._limits.timeout_s)
        self._left_s -= waited_s
        self.limit_s = min(self._pause_s, self._left_s)

    def error(self) -> UploadTimeout:
        """Return the error for a sender that took longer than `limit_s`."""
        if self._left_s < self._pause_s:
            what = f"not whole within max_upload_s, {self._limits.max_s} s"
        else:
            what = f"nothing, or less than 1 KiB/s, for upload_timeout_s, {self._limits.timeout_s} s"
        return UploadTimeout(f"the image did not arrive in time: {what}")


class Watch:
    """Limits the waits of the running task, one after another, by a single timer: `begin` each, and `end` it.

    Each wait has a limit of its own, yet none may have to end earlier than the one before it had to. One that lasts
    longer is cancelled, and `end` then returns True.
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
        """End the wait and tell whether it was cancelled for its length, and for nothing else."""
        self._is_waiting = False
        if not self._is_overdue:
            return False
        self._is_overdue = False
        return self._task.uncancel() <= self._cancels

    def close(self) -> None:
        """End the last wait, if an error has ended it, and give up the timer."""
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
