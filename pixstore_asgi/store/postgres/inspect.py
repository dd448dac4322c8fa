"""What is wrong, or unused, in a PostgreSQL store, without reading a body.

Each question is one statement, so its answer is of one moment, whatever others write meanwhile. Damage to pages is the
server's to notice, by its checksums and by pg_amcheck.
"""

from collections.abc import Sequence

from ..inspection import DatabaseInfo, Fault, Unused
from .transaction import Transaction

LOOKS = (
    (
        "SELECT 'image ' || image.id FROM {image} LEFT JOIN {body} ON body.id = image.body"
        " WHERE image.body IS NOT NULL AND state IS DISTINCT FROM 1",
        "its row points to a body that is not there",
    ),
    (
        "SELECT 'image ' || id FROM {image} WHERE size <"
        " (SELECT sum(length(data)) FROM {chunk} WHERE chunk.body = image.body)",
        "its body is longer than its row says",
    ),
    (
        "SELECT 'body ' || id FROM {body} WHERE state = 1"
        # NOT IN would be looked up row by row where the ids are too many for the server's memory.
        " AND NOT EXISTS (SELECT FROM {image} WHERE image.body = body.id)",
        "no image points to it",
    ),
    (
        "SELECT 'image ' || image.id FROM {image} JOIN {body} ON body.id = image.body WHERE object <> version",
        "its row names another object than its version",
    ),
    (
        "SELECT 'body ' || body FROM {image} WHERE body IS NOT NULL GROUP BY body HAVING count(*) > 1",
        "more than one image points to it",
    ),
    (
        "SELECT 'image ' || id FROM {image} WHERE body IS NULL AND version IS NOT NULL",
        "its row points to no body",
    ),
    (
        "SELECT DISTINCT 'body ' || body FROM {chunk} WHERE NOT EXISTS (SELECT FROM {body} WHERE body.id = chunk.body)",
        "there are parts of it, and no row",
    ),
    (
        "SELECT 'image ' || id FROM {image} WHERE checksum <> token + epoch + coalesce(created_ms, 0)",
        "its token, time of first save or epoch is damaged",
    ),
)
"""All that is looked at: what each statement finds, and what that means."""


async def database_info(tx: Transaction) -> DatabaseInfo:
    """Return the server's version and clock."""
    row = await tx.one("SELECT current_setting('server_version'), extract(epoch FROM clock_timestamp())")
    assert row is not None
    return DatabaseInfo("PostgreSQL", row[0], float(row[1]))


async def ids(tx: Transaction, after: str, limit: int) -> list[str]:
    """Return ids of images in their order, whatever else is in their rows."""
    query = "SELECT id FROM {image} WHERE id > $1 AND body IS NOT NULL ORDER BY id LIMIT $2"
    return [image_id for (image_id,) in await tx.all(query, after, limit)]


async def faults(tx: Transaction, query: str, reason: str) -> list[Fault]:
    """Return what one look finds."""
    return [Fault(what, reason) for (what,) in await tx.all(query)]


async def unknown_bodies(tx: Transaction, versions: Sequence[bytes]) -> list[bytes]:
    """Return those of these objects' names that no row has: none of a body, though damaged, and none of an image."""
    query = (
        "SELECT name FROM unnest($1::bytea[]) AS name WHERE NOT EXISTS (SELECT FROM {body} WHERE object = name)"
        " AND NOT EXISTS (SELECT FROM {image} WHERE version = name)"
    )
    return [name for (name,) in await tx.all(query, list(versions))]


async def unused(tx: Transaction) -> Unused:
    """Count bodies that are not current, and their bytes here."""
    found = await tx.one(
        "SELECT count(DISTINCT body.id), coalesce(sum(length(data)), 0)"
        " FROM {body} LEFT JOIN {chunk} ON chunk.body = body.id WHERE state <> 1"
    )
    assert found is not None
    return Unused(int(found[0]), int(found[1]), 0)
