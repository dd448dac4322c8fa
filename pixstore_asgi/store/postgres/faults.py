"""The server's version and clock.

Damaged pages are left to the server's checksums and to pg_amcheck.
"""

from ..inspection import DatabaseInfo
from .transaction import Transaction


async def database_info(tx: Transaction) -> DatabaseInfo:
    """Return the server's version and clock."""
    row = await tx.one("SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())")
    assert row is not None
    return DatabaseInfo("PostgreSQL", row[0], float(row[1]))
