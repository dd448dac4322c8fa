"""Finds faults and unused space of a store without reading a body.

Each question is one statement, so its answer is a snapshot.
"""

from collections.abc import Sequence

from ..inspection import Fault
from .transaction import Transaction

LOOKS = (
    (
        "SELECT 'image ' || image.id FROM {image} LEFT JOIN {body} AS body ON body.id = image.{pointer}"
        " WHERE image.{pointer} IS NOT NULL AND coalesce(state, 0) <> 1",
        "its row points to a body that does not exist",
    ),
    (
        "SELECT 'image ' || image.id FROM {image}"
        " WHERE size < (SELECT sum(length(data)) FROM {chunk} WHERE {of_image})",
        "its body is longer than its row says",
    ),
    (
        # EXCEPT reads each table once; NOT IN and NOT EXISTS may scan a table for each row.
        "SELECT 'body ' || id FROM (SELECT id FROM {body} WHERE state = 1"
        " EXCEPT SELECT {pointer} FROM {image} WHERE {pointer} IS NOT NULL) AS lone",
        "no image points to it",
    ),
    (
        "SELECT 'image ' || image.id FROM {image} JOIN {body} AS body ON body.id = image.{pointer}"
        " WHERE object <> version",
        "its row names another object than its version",
    ),
    (
        "SELECT 'body ' || {pointer} FROM {image} WHERE {pointer} IS NOT NULL GROUP BY {pointer} HAVING count(*) > 1",
        "more than one image points to it",
    ),
    (
        "SELECT 'image ' || id FROM {image} WHERE {pointer} IS NULL AND version IS NOT NULL",
        "its row points to no body",
    ),
    (
        "SELECT 'body ' || id FROM (SELECT {body_of_chunk} AS id FROM {chunk} EXCEPT SELECT id FROM {body}) AS parted",
        "there are parts of it, and no row",
    ),
    (
        "SELECT 'image ' || id FROM {image} WHERE checksum <> token + epoch + coalesce(created_ms, 0)",
        "its token, time of first save or epoch is damaged",
    ),
)
"""Statements that find faults, each with the reason to report."""

_NAMED = (
    "SELECT object FROM {body} WHERE object = ANY($1::bytea[])",
    "SELECT version FROM {image} WHERE version = ANY($1::bytea[])",
)


async def ids(tx: Transaction, after: str, limit: int) -> list[str]:
    """Return up to `limit` ids of images above `after`, in order, even if their rows are damaged."""
    query = "SELECT id FROM {image} WHERE id > $1 AND {pointer} IS NOT NULL ORDER BY id LIMIT $2"
    return [str(image_id) for (image_id,) in await tx.all(query, after, limit)]


async def look(tx: Transaction, query: str, reason: str) -> list[Fault]:
    """Return the faults that one statement of LOOKS finds."""
    return [Fault(row[0], reason) for row in await tx.all(query)]


async def unknown_bodies(tx: Transaction, versions: Sequence[bytes]) -> Sequence[bytes]:
    """Return those of these versions that no row names. Rows of images count too, because a body's row may be
    damaged.
    """
    for query in _NAMED:
        if versions:
            known = {name for (name,) in await tx.all(query, list(versions))}
            versions = [version for version in versions if version not in known]
    return versions


async def count_unused(tx: Transaction) -> tuple[int, int]:
    """Return the number of bodies that are not current, and their bytes in the database."""
    length = "SELECT sum(length(data)) FROM {chunk} WHERE {of_body}"
    row = await tx.one(f"SELECT count(*), coalesce(sum(({length})), 0) FROM {{body}} AS body WHERE state <> 1")
    assert row is not None
    return int(row[0]), int(row[1])


async def count_outside(tx: Transaction) -> tuple[int, int]:
    """Return the number of current bodies outside the database, and the sum of their lengths."""
    row = await tx.one(
        "SELECT count(*), coalesce(sum(size), 0) FROM {image} JOIN {body} AS body ON body.id = image.{pointer}"
        " WHERE object IS NOT NULL"
    )
    assert row is not None
    return int(row[0]), int(row[1])
