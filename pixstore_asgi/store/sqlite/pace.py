"""Pace: whether reads are quick enough to run on the event loop's own thread, which must not wait for the disk."""

import sys
from time import monotonic as _now_s
from typing import NamedTuple

if sys.platform == "linux":
    import resource
else:
    resource = None

_SLOW_S = 0.003
_PAUSES_PER_WAIT = 100  # so that the thread waits for a hundredth of the time at most, however slow the disk


class Waits(NamedTuple):
    """How often a thread has waited so far, and the time in seconds."""

    blocks: int
    switches: int
    now_s: float


class Pace:
    """Watches reads on one thread. After a read that waited for the disk, it allows none for a hundred times as long.

    A read from the system's page cache takes less time than a switch to another thread. A read that waits shows that a
    page was not cached: the kernel counts the blocks that a thread had read (getrusage(2), ru_inblock). Some file
    systems do not count. So a slow read during which the thread gave up the processor counts too.
    """

    def __init__(self) -> None:
        self._next_s = 0.0

    def is_quick(self) -> bool:
        """Return whether reads may run on this thread. Always False if the system does not count waits."""
        return resource is not None and _now_s() >= self._next_s

    def waits(self) -> Waits:
        """Return this thread's waits so far."""
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        return Waits(usage.ru_inblock, usage.ru_nvcsw, _now_s())

    def has_read(self, before: Waits) -> None:
        """Record a finished read. begin: the waits when it began."""
        now = self.waits()
        took_s = now.now_s - before.now_s
        if now.blocks > before.blocks or (took_s > _SLOW_S and now.switches > before.switches):
            self._next_s = now.now_s + _PAUSES_PER_WAIT * took_s
