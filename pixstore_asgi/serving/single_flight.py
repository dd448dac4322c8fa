"""Single flight: if several callers need the same work, the first one does it and the others wait."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from ..errors import IntegrityError


class Flight:
    """The work of the first caller. has_failed: it ended with an IntegrityError."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False


class SingleFlight:
    """The work under way in one event loop, by key."""

    def __init__(self) -> None:
        self.under_way: dict[tuple[Hashable, ...], Flight] = {}

    @asynccontextmanager
    async def alone(self, *key: Hashable) -> AsyncIterator[Flight | None]:
        """Yield None to the first caller at once. Any other caller waits for the first one, and then gets its
        flight.
        """
        if other := self.under_way.get(key):
            await other.ended.wait()
            yield other
            return
        flight = self.under_way[key] = Flight()
        try:
            yield None
        except IntegrityError:
            flight.has_failed = True
            raise
        finally:
            del self.under_way[key]
            flight.ended.set()
