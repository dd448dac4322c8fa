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


def misnamed_objects(db: sqlite3.Connection) -> list[Fault]:
    """Return images whose body's row names another object than theirs, by which it is read."""
    query = "SELECT image.id FROM image JOIN blob ON blob.id = blob WHERE object <> version"
    return [Fault(f"image {name}", "its row names another object than its version") for (name,) in db.execute(query)]


def shared_bodies(db: sqlite3.Connection) -> list[Fault]:
    """Return bodies that a new version of one image would take from another one."""
    query = "SELECT blob FROM image WHERE blob IS NOT NULL GROUP BY blob HAVING count(*) > 1"
    return [Fault(f"body {blob}", "more than one image points to it") for (blob,) in db.execute(query)]


def bodiless_images(db: sqlite3.Connection) -> list[Fault]:
    """Return rows that are neither an image nor what is left of a deleted one."""
    query = "SELECT id FROM image WHERE blob IS NULL AND version IS NOT NULL"
    return [Fault(f"image {name}", "its row points to no body") for (name,) in db.execute(query)]


def stray_chunks(db: sqlite3.Connection) -> list[Fault]:
    """Return bodies of which there is nothing but chunks."""
    query = f"SELECT DISTINCT id >> {CHUNK_BITS} FROM chunk WHERE id >> {CHUNK_BITS} NOT IN (SELECT id FROM blob)"
    return [Fault(f"body {blob}", "there are parts of it, and no row") for (blob,) in db.execute(query)]


LOOKS: Sequence[Callable[[sqlite3.Connection], list[Fault]]] = (
    damaged_pages,
    lost_bodies,
    longer_bodies,
    stray_bodies,
    misnamed_objects,
    shared_bodies,
    bodiless_images,
    stray_chunks,
)
"""All that is looked at; each may raise what a damaged file makes it raise."""


def unknown_bodies(db: sqlite3.Connection, versions: Sequence[bytes]) -> list[bytes]:
    """Return those of these objects' names that no row has: none of a body, and, where that is damaged, of an image."""
    of_body, of_image = "SELECT 1 FROM blob WHERE object = ?", "SELECT 1 FROM image WHERE version = ?"
    nobodys = [version for version in versions if not db.execute(of_body, (version,)).fetchone()]
    return [version for version in nobodys if not db.execute(of_image, (version,)).fetchone()]


def unused(db: sqlite3.Connection) -> Unused:
    """Count bodies that are not current, their bytes here, and the free pages' bytes."""
    length = f"SELECT sum(length(data)) FROM chunk WHERE {_CHUNKS_OF.format('blob.id')}"
    bodies, size = db.execute(f"SELECT count(*), coalesce(sum(({length})), 0) FROM blob WHERE state <> 1").fetchone()
    (pages,), (page_bytes,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    return Unused(bodies, size, pages * page_bytes)
