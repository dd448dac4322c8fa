"""A clock that stands, for tests of what time does."""

from ..core.record import ImageRecord
from ..errors import InputError

START_MS = 1_735_689_600_000
"""The beginning of 2025, and of a proof window: a proof that is made then lives for two whole windows."""


class FixedClock:
    """A clock that stands where a test puts it, in epoch milliseconds: by `now_ms`, `advance` or `expire`."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, ms: int) -> None:
        """Let this many milliseconds pass."""
        self.now_ms += ms

    def expire(self, record: ImageRecord) -> None:
        """Go to the first moment at which a record's proof is good no more, unless it is past already.

        Raises InputError for a record whose proof does not expire.
        """
        if record.proof_expires_at is None:
            raise InputError("the record's proof does not expire: it was made with proof_window_ms=-1")
        self.now_ms = max(self.now_ms, record.proof_expires_at)
