"""Places: limits how many pictures are decoded at the same time, and orders the pictures that wait."""

import asyncio
import itertools
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_TURN_S = 2.0

LAST = 1_000
"""More turns than any picture has. `take(LAST)` waits behind all pictures, and ends no picture's turn."""


class Places:
    """A fixed number of places. A waiting picture with fewer turns goes first; among equals, the first that arrived.

    A running picture has a time limit only while a picture waits that has had no more turns. At the limit, the running
    picture gives up its place and starts again behind the waiting picture. Its next turn is twice as long. So slow
    pictures do not delay the others.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []  # ordered by turns, then by arrival
        self._running: dict[asyncio.Timeout, tuple[float, int]] = {}  # the end of each turn, and its number

    async def take(self, turns: int) -> None:
        """Wait for a place. turns: the number of turns that this picture has had."""
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
            elif not place.cancelled():  # it got a place just before it was cancelled
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a place to the first waiting picture. If none waits, the place is free."""
        while self._waiting:
            *_, place = self._waiting.pop(0)
            if not place.cancelled():
                place.set_result(None)
                self._limit_turns()
                return
        self._free += 1

    @contextmanager
    def turn(self, turns: int, end: asyncio.Timeout) -> Iterator[None]:
        """During the block, `end` expires if the turn's time is over and another picture waits for the place."""
        self._running[end] = (asyncio.get_running_loop().time() + FIRST_TURN_S * 2**turns, turns)
        self._limit_turns()
        try:
            yield
        finally:
            del self._running[end]

    def _limit_turns(self) -> None:
        """For each waiting picture, set the time limit of one running turn, beginning with the turn that ends first.
        Remove the limits of all other turns.
        """
        left = list(self._waiting)
        for end, (over_s, turns) in sorted(self._running.items(), key=lambda each: each[1]):
            is_wanted = bool(left) and left[0][0] <= turns
            if not end.expired():
                end.reschedule(over_s if is_wanted else None)
            if is_wanted:
                left.pop(0)
