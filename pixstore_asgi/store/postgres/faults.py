"""The server's version and clock, and objects without a row.

Damaged pages are left to the server's checksums and to pg_amcheck.
"""

from collections.abc import Sequence

from ..inspection import DatabaseInfo
from .transaction import Transaction


async def database_info(tx: Transaction) -> DatabaseInfo:
    """Return the server's version and clock."""
    row = await tx.one("SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())")
    assert row is not None
    return DatabaseInfo("PostgreSQL", row[0], float(row[1]))


async def unknown_bodies(tx: Transaction, versions: Sequence[bytes]) -> list[bytes]:
    """Return the object names of this list that no row has: neither a body's row, nor an image's if that one is
    damaged.
    """
    query = (
        "SELECT name FROM unnest($1::bytea[]) AS name WHERE NOT EXISTS (SELECT FROM {body} WHERE object = name)"
        " AND NOT EXISTS (SELECT FROM {image} WHERE version = name)"
    )
    return [name for (name,) in await tx.all(query, list(versions))]
