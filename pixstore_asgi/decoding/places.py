"""The places of the pictures that are decoded at the same time, and the queue of the others."""

import asyncio
import itertools
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_TURN_S = 2.0

LAST = 1_000
"""More turns than any picture has: its owner waits behind all pictures, and none gives up its place for it."""


class Places:
    """A fixed number of places. Pictures with fewer turns come first, then those that came earlier.

    After its turn, a picture gives up its place if another picture waits that had as few turns. It then starts again
    behind that one. Each turn is twice as long as the previous one, so a slow picture is decoded after the others.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []  # by their turns, in order
        self._running: dict[asyncio.Timeout, tuple[float, int]] = {}  # when each turn is over, and which it is

    async def take(self, turns: int) -> None:
        """Wait for a place. turns: the number of turns that the picture has had."""
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        waiter = (turns, next(self._numbers), place)
        insort(self._waiting, waiter)
        self._limit_turns()
        try:
            await place
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._limit_turns()
            elif not place.cancelled():  # it got a place at the same moment
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a place to the first waiting picture, or free it."""
        while self._waiting:
            *_, place = self._waiting.pop(0)
            if not place.cancelled():
                place.set_result(None)
                self._limit_turns()
                return
        self._free += 1

    @contextmanager
    def turn(self, turns: int, end: asyncio.Timeout) -> Iterator[None]:
        """Expire `end` when the turn is over and another picture waits for the place."""
        self._running[end] = (asyncio.get_running_loop().time() + FIRST_TURN_S * 2**turns, turns)
        self._limit_turns()
        try:
            yield
        finally:
            del self._running[end]

    def _limit_turns(self) -> None:
        """Set an end for as many turns as pictures wait, the earliest first. Other turns have no end."""
        left = list(self._waiting)
        for end, (over_s, turns) in sorted(self._running.items(), key=lambda each: each[1]):
            is_wanted = bool(left) and left[0][0] <= turns
            if not end.expired():
                end.reschedule(over_s if is_wanted else None)
            if is_wanted:
                left.pop(0)
