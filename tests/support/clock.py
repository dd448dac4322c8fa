"""A stand-in for the clock."""


class FixedClock:
    """A clock that stands where a test puts it, in epoch milliseconds."""

    def __init__(self, now_ms: int = 1_795_559_350_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
