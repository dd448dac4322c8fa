"""Turns: of several callers that would do the same work, the first does it and the others wait for its end."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from ..errors import IntegrityError
from ..store.clock import running_loop


class Turn:
    """The work of the first caller. has_failed: it ended with an IntegrityError."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False


class Turns:
    """The work under way, by any key and by event loop: work that one loop left unfinished must not stop another."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[Hashable, ...], Turn] = {}

    @asynccontextmanager
    async def alone(self, *key: Hashable) -> AsyncIterator[Turn | None]:
        """Yield None to the first caller at once. Any other caller waits for the first, and gets its ended turn."""
        key = running_loop(), *key
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
