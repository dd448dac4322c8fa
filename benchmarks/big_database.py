"""Makes databases of very many images fast: rows as the package writes them, put in by plain SQL."""

import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from pixstore_asgi import Pixstore
from pixstore_asgi.core.cipher import wrap_key
from pixstore_asgi.core.images import VERSION_BYTES, StoredImage
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.keys.find import find_ring
from pixstore_asgi.store.sqlite import SqliteStore

from .pictures import png

IMAGE_BYTES = 300
_CHUNK_BITS = 16
_BATCH = 20_000
_IMAGE_COLUMNS = "id, token, blob, version, format, iv, tag, size, sha256"


@dataclass(frozen=True, slots=True)
class BigDatabase:
    """A database of `count` images, all of which open with `secret`; `ids` are all of them, in no order."""

    path: Path
    secret: bytes
    ids: list[str]


async def make(path: Path, count: int) -> BigDatabase:
    """Save one image through the package, and put in the others as copies of it, each with a wrapped key of its own."""
    secret = secrets.token_urlsafe(32).encode()  # commands read the secret as text
    store = SqliteStore(path)
    async with Pixstore(store, secret=secret) as pix:
        first = await pix.save_image(png(IMAGE_BYTES))
        stream = await store.open_stream(first.id)
        assert stream is not None
        (chunk,) = [piece async for piece in stream]
        ring = await find_ring(store, KeyRing(secret))
    copies = _put_copies(path, ring, first.key, stream.image, chunk, count - 1)
    return BigDatabase(path, secret, [first.id, *copies])


def _put_copies(path: Path, ring: KeyRing, key: bytes, image: StoredImage, chunk: bytes, count: int) -> Iterator[str]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -1000000")
    (last,) = db.execute("SELECT max(id) FROM blob").fetchone()
    for start in range(0, count, _BATCH):
        blobs = range(last + 1 + start, last + 1 + min(start + _BATCH, count))
        rows, keys = [], []
        for blob in blobs:
            image_id = secrets.token_urlsafe(16)
            wrapped = wrap_key(ring, key, image_id, replace(image.meta, version=secrets.token_bytes(VERSION_BYTES)))
            *meta, wrapped_key = astuple(wrapped)
            rows.append((image_id, image.token, blob, *meta))
            keys.append((blob + (1 << 56), wrapped_key))
        db.execute("BEGIN IMMEDIATE")
        values = [(blob, image.token) for blob in blobs]
        db.executemany("INSERT INTO blob (id, state, changed_ms) VALUES (?, 1, ?)", values)
        db.executemany("INSERT INTO chunk VALUES (?, ?)", [(blob << _CHUNK_BITS, chunk) for blob in blobs])
        db.executemany(f"INSERT INTO image ({_IMAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany("INSERT INTO wrapped_key VALUES (?, ?)", keys)
        db.execute("COMMIT")
        yield from (row[0] for row in rows)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
