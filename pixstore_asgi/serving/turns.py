"""Turns: of several callers that would do the same work, the first does it and the others wait for its end."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from ..errors import IntegrityError


class Turn:
    """The work of the first caller. has_failed: it ended with an IntegrityError."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False


class Turns:
    """The work under way in one event loop, by any key."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[Hashable, ...], Turn] = {}

    @asynccontextmanager
    async def alone(self, *key: Hashable) -> AsyncIterator[Turn | None]:
        """Yield None to the first caller at once. Any other caller waits for the first, and gets its ended turn."""
        if other := self._under_way.get(key):
            await other.ended.wait()
            yield other
            return
        turn = self._under_way[key] = Turn()
        try:
            yield None
        except IntegrityError:
            turn.has_failed = True
            raise
        finally:
            del self._under_way[key]
            turn.ended.set()
