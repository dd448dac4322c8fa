"""The stores under stress. A target is a text of up to three words: the rows, the bodies, the smallest of these bodies.

rows: a path for SQLite, or a PostgreSQL URL with a schema. bodies: if they are not with the rows, s3://bucket/prefix or
a folder for long bodies. smallest: the length in bytes from which on bodies go to the folder, or 250,000.
"""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import obstore

from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from pixstore_asgi.store.sqlite import SqliteStore

_REST_S = 2.0
_SMALLEST_BYTES = "250000"  # of a file: these tests write bodies on both sides of it
GRACE_S = 15.0
"""How long a body stays where no lease keeps it: longer than any of these readers and uploads takes, also on a machine
that has much else to do."""

_LEFT_IN_SQLITE = {
    "rows damaged": "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "rows that refer to none": "SELECT count(*) FROM pragma_foreign_key_check",
    "chunks of no body": "SELECT count(*) FROM chunk WHERE id >> 16 NOT IN (SELECT id FROM blob)",
    "bodies dead or pending": "SELECT count(*) FROM blob WHERE state <> 1",
    "bodies not of exactly one image": "SELECT count(*) FROM blob"
    " WHERE (SELECT count(*) FROM image WHERE image.blob = blob.id) <> 1",
    "images of no live body": "SELECT count(*) FROM image"
    " WHERE blob IS NOT NULL AND blob NOT IN (SELECT id FROM blob WHERE state = 1)",
    "images without a key": "SELECT count(*) FROM image"
    f" WHERE blob IS NOT NULL AND blob + {1 << 56} NOT IN (SELECT number FROM wrapped_key)",
    "keys of no image": "SELECT count(*) FROM wrapped_key"
    f" WHERE number - {1 << 56} NOT IN (SELECT blob FROM image WHERE blob IS NOT NULL)",
}
_FILES_OF_IMAGES = "SELECT lower(hex(object)) FROM image JOIN blob ON image.blob = blob.id WHERE object IS NOT NULL"
_LEFT_IN_POSTGRES = {
    "chunks of no body": "SELECT count(*) FROM {0}.chunk WHERE body NOT IN (SELECT id FROM {0}.body)",
    "bodies dead or pending": "SELECT count(*) FROM {0}.body WHERE state <> 1",
    "bodies not of exactly one image": "SELECT count(*) FROM {0}.body AS body"
    " WHERE (SELECT count(*) FROM {0}.image AS image WHERE image.body = body.id) <> 1",
    "images of no live body": "SELECT count(*) FROM {0}.image"
    " WHERE body IS NOT NULL AND body NOT IN (SELECT id FROM {0}.body WHERE state = 1)",
}


def store_of(
    target: str, *, sweeps_all: bool = False, grace_s: float | None = None, bodies: S3Bucket | BodyFolder | None = None
) -> SqliteStore | PostgresStore:
    """Return the store that is told of, closed.

    sweeps_all: keep no grace period, as where nobody reads any more. grace_s, bodies: in place of what is usual here.
    """
    rows, blobs, smallest = parts_of(target)
    if grace_s is None:
        grace_s = 0 if sweeps_all else GRACE_S
    if bodies is None and blobs.startswith("s3:"):
        bodies = S3Bucket(blobs, busy_timeout_s=30)
    elif bodies is None and blobs:
        bodies = BodyFolder(blobs)
        bodies.smallest_bytes = smallest
    if not rows.startswith("postgresql://"):
        return SqliteStore(rows, busy_timeout_s=30, sweep_grace_s=grace_s if blobs else 0, bodies=bodies)
    url, schema = _parted(rows)
    return PostgresStore(url, schema=schema, pool_size=4, busy_timeout_s=30, sweep_grace_s=grace_s, bodies=bodies)


def parts_of(target: str) -> tuple[str, str, int]:
    """Return the rows, the place of the bodies or "", and the length of the smallest body in a folder."""
    rows, blobs, smallest = [*target.split(" "), "", ""][:3]
    return rows, blobs, int(smallest or _SMALLEST_BYTES)


async def bodies_of(target: str) -> int:
    """Return how many bodies a store has, those that are dead or pending with them."""
    rows = target.partition(" ")[0]
    return (await _counts(rows, {"": "SELECT count(*) FROM blob"}, {"": "SELECT count(*) FROM {0}.body"}))[""]


async def left_in(target: str) -> dict[str, int]:
    """Return the amount of unneeded data in a store, by kind."""
    rows, blobs, _ = parts_of(target)
    counts = await _counts(rows, _LEFT_IN_SQLITE, _LEFT_IN_POSTGRES)
    if blobs and not blobs.startswith("s3:"):
        return counts | _left_in_folder(rows, Path(blobs))
    if blobs:
        store = store_of(target)
        await store.open()
        needed = {image.meta.version.hex() for image in await store.list(limit=1_000_000)}
        await store.close()
        found = await _objects(blobs)
        counts |= {"objects of no image": len(found - needed), "images of no object": len(needed - found)}
    return counts


def _left_in_folder(rows: str, folder: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(rows)) as db:
        needed = {name for (name,) in db.execute(_FILES_OF_IMAGES)}
    parts = list((folder / "parts").iterdir())
    found = {path.name for path in folder.glob("*/*")} - {part.name for part in parts}
    return {
        "files of no image": len(found - needed),
        "images of no file": len(needed - found),
        "unfinished parts": len(parts),
    }


async def at_rest(target: str) -> None:
    """Wait until the uploads of killed processes have arrived in the bucket, or never will."""
    _, blobs, _ = parts_of(target)
    before: set[str] | None = None
    while blobs.startswith("s3:") and (now := await _objects(blobs)) != before:
        before = now
        await asyncio.sleep(_REST_S)


async def _objects(blobs: str) -> set[str]:
    bucket = S3Bucket(blobs)
    await bucket.open()
    assert bucket._opened() is not None
    return {item["path"] for item in await obstore.list(bucket._opened()._store).collect_async()}


async def _counts(target: str, in_sqlite: dict[str, str], in_postgres: dict[str, str]) -> dict[str, int]:
    if target.startswith("postgresql://"):
        url, schema = _parted(target)
        connection = await asyncpg.connect(url)
        try:
            return {what: await connection.fetchval(query.format(schema)) for what, query in in_postgres.items()}
        finally:
            await connection.close()
    with contextlib.closing(sqlite3.connect(target)) as db:
        return {what: db.execute(query).fetchone()[0] for what, query in in_sqlite.items()}


def _parted(target: str) -> tuple[str, str]:
    return target.partition("?")[0], parse_qs(urlsplit(target).query)["schema"][0]
