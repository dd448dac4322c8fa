"""What is wrong, or unused, in a SQLite store: plain functions of one sqlite3 connection, which read no body.

Each question is one statement, so its answer is of one moment, whatever others write meanwhile.
"""

import sqlite3
from collections.abc import Callable, Sequence

from ..inspection import Fault, Unused
from .blobs import CHUNK_BITS

_CHUNKS_OF = f"chunk.id >= {{0}} << {CHUNK_BITS} AND chunk.id < ({{0}} + 1) << {CHUNK_BITS}"


def ids(db: sqlite3.Connection, after: str, limit: int) -> list[str]:
    """Return ids of images in their order, whatever else is in their rows."""
    query = "SELECT id FROM image WHERE id > ? AND blob IS NOT NULL ORDER BY id LIMIT ?"
    return [str(image_id) for (image_id,) in db.execute(query, (after, limit)).fetchall()]


def damaged_pages(db: sqlite3.Connection) -> list[Fault]:
    """Return what SQLite itself finds: pages, indexes, types, checks."""
    found = [line for (line,) in db.execute("PRAGMA integrity_check").fetchall()]
    return [Fault("the database", line) for line in found if line != "ok"]


def lost_bodies(db: sqlite3.Connection) -> list[Fault]:
    """Return images whose body has no row, or one that says that it is dead."""
    query = "SELECT image.id FROM image LEFT JOIN blob ON blob.id = blob WHERE blob IS NOT NULL AND state IS NOT 1"
    return [Fault(f"image {name}", "its row points to a body that is not there") for (name,) in db.execute(query)]


def longer_bodies(db: sqlite3.Connection) -> list[Fault]:
    """Return images whose body is longer than their row says; one that is shorter is noticed when it is read."""
    length = f"SELECT sum(length(data)) FROM chunk WHERE {_CHUNKS_OF.format('blob')}"
    query = f"SELECT image.id FROM image WHERE blob IS NOT NULL AND size < ({length})"
    return [Fault(f"image {name}", "its body is longer than its row says") for (name,) in db.execute(query)]


def stray_bodies(db: sqlite3.Connection) -> list[Fault]:
    """Return bodies that no sweep takes away and no image has."""
    query = "SELECT id FROM blob WHERE state = 1 AND id NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)"
    return [Fault(f"body {blob}", "no image points to it") for (blob,) in db.execute(query)]


def stray_chunks(db: sqlite3.Connection) -> list[Fault]:
    """Return bodies of which there is nothing but chunks."""
    query = f"SELECT DISTINCT id >> {CHUNK_BITS} FROM chunk WHERE id >> {CHUNK_BITS} NOT IN (SELECT id FROM blob)"
    return [Fault(f"body {blob}", "there are parts of it, and no row") for (blob,) in db.execute(query)]


LOOKS: Sequence[Callable[[sqlite3.Connection], list[Fault]]] = (
    damaged_pages,
    lost_bodies,
    longer_bodies,
    stray_bodies,
    stray_chunks,
)
"""All that is looked at; each may raise what a damaged file makes it raise."""


def unknown_bodies(db: sqlite3.Connection, versions: Sequence[bytes]) -> list[bytes]:
    """Return those of these objects' names that no row has."""
    query = "SELECT 1 FROM blob WHERE object = ?"
    return [version for version in versions if not db.execute(query, (version,)).fetchone()]


def unused(db: sqlite3.Connection) -> Unused:
    """Count bodies that are not current, their bytes here, and the free pages' bytes."""
    length = f"SELECT sum(length(data)) FROM chunk WHERE {_CHUNKS_OF.format('blob.id')}"
    bodies, size = db.execute(f"SELECT count(*), coalesce(sum(({length})), 0) FROM blob WHERE state <> 1").fetchone()
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return Unused(bodies, size, pages * page_bytes)
