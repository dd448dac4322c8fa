"""The connections of the store's own pool."""

import asyncpg


class PooledConnection(asyncpg.Connection):
    """A connection that its pool takes back without a round trip, because operations leave no session state."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  as in asyncpg
        """End a transaction that was left open."""
        if self.is_in_transaction():
            await super().reset(timeout=timeout)
