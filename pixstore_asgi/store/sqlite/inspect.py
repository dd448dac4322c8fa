"""What is wrong, or unused, in a SQLite store: plain functions of one sqlite3 connection, which read no body.

Each question is one statement, so its answer is of one moment, whatever others write meanwhile.
"""

import sqlite3
from collections.abc import Sequence

from ..inspection import Fault, Unused
from .blobs import CHUNK_BITS
from .wrapped_keys import KEYS

_LENGTH = (
    "SELECT sum(length(data)) FROM chunk"
    f" WHERE chunk.id >= blob.id << {CHUNK_BITS} AND chunk.id < (blob.id + 1) << {CHUNK_BITS}"
)

LOOKS = (
    (
        "SELECT 'image ' || image.id FROM image LEFT JOIN blob ON blob.id = blob"
        " WHERE blob IS NOT NULL AND state IS NOT 1",
        "its row points to a body that is not there",
    ),
    (
        f"SELECT 'image ' || image.id FROM image JOIN blob ON blob.id = blob WHERE size < ({_LENGTH})",
        "its body is longer than its row says",
    ),
    (
        "SELECT 'body ' || id FROM blob WHERE state = 1 AND id NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)",
        "no image points to it",
    ),
    (
        "SELECT 'image ' || image.id FROM image JOIN blob ON blob.id = blob WHERE object <> version",
        "its row names another object than its version",
    ),
    (
        "SELECT 'body ' || blob FROM image WHERE blob IS NOT NULL GROUP BY blob HAVING count(*) > 1",
        "more than one image points to it",
    ),
    (
        "SELECT 'image ' || id FROM image WHERE blob IS NULL AND version IS NOT NULL",
        "its row points to no body",
    ),
    (
        f"SELECT DISTINCT 'body ' || (id >> {CHUNK_BITS}) FROM chunk"
        f" WHERE id >> {CHUNK_BITS} NOT IN (SELECT id FROM blob)",
        "there are parts of it, and no row",
    ),
    (
        f"SELECT 'body ' || of FROM ({KEYS}) WHERE of NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)",
        "it has a key, and no image points to it",
    ),
    (
        "SELECT 'image ' || id FROM image WHERE checksum <> token + epoch + coalesce(created_ms, 0)",
        "its token, time of first save or epoch is damaged",
    ),
)
"""All that is looked at beside pages: what each statement finds, and what that means."""


def ids(db: sqlite3.Connection, after: str, limit: int) -> list[str]:
    """Return ids of images in their order, whatever else is in their rows."""
    query = "SELECT id FROM image WHERE id > ? AND blob IS NOT NULL ORDER BY id LIMIT ?"
    return [str(image_id) for (image_id,) in db.execute(query, (after, limit)).fetchall()]


def damaged_pages(db: sqlite3.Connection) -> list[Fault]:
    """Return what SQLite itself finds: pages, indexes, types, checks."""
    found = [line for (lines,) in db.execute("PRAGMA integrity_check").fetchall() for line in lines.splitlines()]
    return [Fault("the database", line) for line in found if line != "ok"]


def faults(db: sqlite3.Connection, query: str, reason: str) -> list[Fault]:
    """Return what one look finds."""
    return [Fault(what, reason) for (what,) in db.execute(query).fetchall()]


def unknown_bodies(db: sqlite3.Connection, versions: Sequence[bytes]) -> list[bytes]:
    """Return those of these objects' names that no row has: none of a body, and, where that is damaged, of an image."""
    of_body, of_image = "SELECT 1 FROM blob WHERE object = ?", "SELECT 1 FROM image WHERE version = ?"
    nobodys = [version for version in versions if not db.execute(of_body, (version,)).fetchone()]
    return [version for version in nobodys if not db.execute(of_image, (version,)).fetchone()]


def unused(db: sqlite3.Connection) -> Unused:
    """Count bodies that are not current, their bytes here, and the free pages' bytes."""
    bodies, size = db.execute(f"SELECT count(*), coalesce(sum(({_LENGTH})), 0) FROM blob WHERE state <> 1").fetchone()
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return Unused(bodies, size, pages * page_bytes)
