"""A clock that stands, for tests of what time does."""

from collections.abc import Mapping
from typing import Any

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

    def expire(self, record: Mapping[str, Any]) -> None:
        """Go to the first moment at which a record's proof is no longer valid, unless that is past already.

        record: as it came in JSON or from Pixstore. Raises RecordError if it is not a record, InputError if its proof
        does not expire.
        """
        expires_at = ImageRecord.parse(record).proof_expires_at
        if expires_at is None:
            raise InputError("the record's proof does not expire: it was made with proof_window_ms=-1")
        self.now_ms = max(self.now_ms, expires_at)
