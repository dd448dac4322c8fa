"""Holds the bytes of arriving pictures until they are decoded, within one memory limit for all of them."""

import mmap
import time
from collections.abc import Callable

from ..errors import StoreBusy
from ..threads import Lock

MAX_HELD_BYTES = 128 * 1024 * 1024
FULL = "too many pictures wait to be decoded: try again"

_BLOCK_BYTES = 1024 * 1024


class Budget:
    """Limits the memory for all arriving pictures of one Decoder.

    At the limit, it refuses the arriving picture with the largest product of bytes and age. If it refused the newest
    picture, a few stalled senders could keep all others out. A picture may exceed the limit if it is the only one.
    """

    def __init__(self, max_bytes: int = MAX_HELD_BYTES, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._clock_s = clock_s
        self._arriving: dict[Held, float] = {}  # values: the time of the first byte
        self._lock = Lock()  # event loops of several threads may share one Decoder

    def hold(self) -> "Held":
        """Return an empty Held for one picture. Its bytes will count against this limit."""
        return Held(self)

    def _take(self, held: "Held", size: int) -> None:
        self._arriving.setdefault(held, self._clock_s())
        while self.held_bytes + size > self._max_bytes and self.held_bytes > held.size:
            loser = self._largest()
            self._give_back(loser)
            if loser is held:
                raise StoreBusy(FULL)
        self.held_bytes += size

    def _largest(self) -> "Held":
        now_s = self._clock_s()
        return max(self._arriving, key=lambda each: each.size * (now_s - self._arriving[each]))

    def _give_back(self, held: "Held") -> None:
        self._arriving.pop(held, None)
        self.held_bytes -= held.size
        held._drop()


class Held:
    """The bytes of one picture in memory. size: the number of bytes."""

    def __init__(self, budget: Budget) -> None:
        self.size = 0
        self._budget = budget
        self._pieces: list[memoryview] = []
        self._free = memoryview(b"")  # the free part of the last block
        self._is_dropped = False

    def add(self, piece: bytes | memoryview) -> None:
        """Append the next bytes. Raises StoreBusy if this picture is refused now or was refused before."""
        with self._budget._lock:
            self._require_kept()
            self._budget._take(self, len(piece))
            self.size += len(piece)
        if len(piece) >= _BLOCK_BYTES:
            self._end_block()
            self._pieces.append(memoryview(piece))
        else:
            self._copy(memoryview(piece))

    def whole(self) -> list[memoryview]:
        """Call it after the last byte. Returns all bytes, in pieces. From now on the picture can't be refused to free
        memory.

        Raises StoreBusy if the picture was refused before.
        """
        with self._budget._lock:
            self._require_kept()
            self._budget._arriving.pop(self, None)
        self._end_block()
        return self._pieces

    def release(self) -> None:
        """Free the memory. The bytes no longer count against the limit."""
        with self._budget._lock:
            self._budget._give_back(self)

    def _copy(self, rest: memoryview) -> None:
        # Mapped blocks are returned to the system immediately. The heap would keep the memory of small pieces.
        while rest:
            if not self._free:
                self._free = memoryview(mmap.mmap(-1, _BLOCK_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                self._pieces.append(self._free)
            count = min(len(rest), len(self._free))
            self._free[:count] = rest[:count]
            self._free, rest = self._free[count:], rest[count:]

    def _end_block(self) -> None:
        if self._free:
            self._pieces[-1] = self._pieces[-1][: -len(self._free)]
            self._free = memoryview(b"")

    def _require_kept(self) -> None:
        if self._is_dropped:
            raise StoreBusy(FULL)

    def _drop(self) -> None:
        self.size = 0
        self._pieces = []
        self._free = memoryview(b"")
        self._is_dropped = True
