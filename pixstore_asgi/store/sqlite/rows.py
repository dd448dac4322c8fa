"""The SQLite store's reads and write transactions: plain functions of one sqlite3 connection.

Each runs whole on its connection's thread, so that no cancellation can leave a transaction open.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import astuple
from typing import NamedTuple

from ...core.images import StoredImage
from ...errors import StoreError
from ..contract import CHUNK_BYTES, Expected
from ..rules import check_expected, image_of_row
from .leases import Leases
from .schema import BlobState, Writer, write_transaction

_META = "version, format, iv, tag, size, sha256, wrapped_key"
_CREATED = "coalesce(created_ms, token)"  # tokens are times; before schema version 2 there was nothing else
_IMAGE = f"image.id, token, {_META}, {_CREATED}"
_CHUNK_BITS = 16
MAX_BODY_BYTES = CHUNK_BYTES << _CHUNK_BITS
_AFTER_ALL = "\x7f"  # above every id, which are ASCII
_SWEPT_CHUNKS = 256  # in one transaction
_SWEPT_MORE = 64  # blobs looked at beyond the limit: others may be using those found first
_VACUUMED_PAGES = 1024
_READ_MS = 3


def get(db: sqlite3.Connection, image_id: str) -> StoredImage | None:
    """Return one image."""
    row = db.execute(f"SELECT {_IMAGE} FROM image WHERE id = ? AND blob IS NOT NULL", (image_id,)).fetchone()
    return image_of_row(row) if row else None


def get_many(db: sqlite3.Connection, image_ids: Collection[str]) -> dict[str, StoredImage]:
    """Return the images that exist among these ids, however many: one statement, so all as of one moment."""
    query = f"SELECT {_IMAGE} FROM image WHERE id IN (SELECT value FROM json_each(?)) AND blob IS NOT NULL"
    return {row[0]: image_of_row(row) for row in db.execute(query, (json.dumps(list(image_ids)),)).fetchall()}


def list_images(db: sqlite3.Connection, after: str | None, before: str | None, limit: int) -> list[StoredImage]:
    """Return images in the order of their ids."""
    query = f"SELECT {_IMAGE} FROM image WHERE id > ? AND id < ? AND blob IS NOT NULL ORDER BY id LIMIT ?"
    return [image_of_row(row) for row in db.execute(query, (after or "", before or _AFTER_ALL, limit)).fetchall()]


def open_blob(db: sqlite3.Connection, image_id: str) -> tuple[StoredImage, int, bytes | None] | None:
    """Return an image, its blob's id and its first chunk in one query."""
    row = db.execute(
        f"SELECT {_IMAGE}, blob, data FROM image LEFT JOIN chunk ON chunk.id = blob << {_CHUNK_BITS}"
        " WHERE image.id = ? AND blob IS NOT NULL",
        (image_id,),
    ).fetchone()
    if row and not isinstance(row[-2], int):
        raise StoreError(f"the stored row of image {image_id!r} is damaged: restore the database from a backup")
    return (image_of_row(row[:-2]), row[-2], row[-1]) if row else None


def read_chunk(db: sqlite3.Connection, blob: int, number: int) -> bytes | None:
    """Return one chunk."""
    row = db.execute("SELECT data FROM chunk WHERE id = ?", (blob << _CHUNK_BITS | number,)).fetchone()
    return row[0] if row else None


def stamp(db: sqlite3.Connection) -> Hashable:
    """Return a value that changes with every commit of another connection (PRAGMA data_version).

    A database that is just busy counts as changed.
    """
    try:
        return int(db.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return object()


def key_checks(db: sqlite3.Connection) -> frozenset[bytes]:
    """Return all key-check values."""
    values = [row[0] for row in db.execute("SELECT value FROM key_check").fetchall()]
    if not all(isinstance(value, bytes) for value in values):
        raise StoreError("the database's key checks are damaged: restore it from a backup")
    return frozenset(values)


def claim_keys(db: Writer, checks: Sequence[bytes]) -> frozenset[bytes]:
    """Return the stored key-check values missing from `checks`; where none is, record the last."""
    if checks[-1] in (stored := key_checks(db)):  # nothing to record, so no write lock is needed
        return stored - set(checks)
    with write_transaction(db):
        missing = key_checks(db) - set(checks)
        if not missing:
            db.execute("INSERT OR IGNORE INTO key_check VALUES (?)", (checks[-1],))
    return missing


def stage(
    db: Writer, blob: int | None, first: int, chunks: Sequence[bytes], now_ms: int, own: Callable[[int], None]
) -> None:
    """Write chunks of a pending blob; where `blob` is None, make it and hand its id to `own` before others see it."""
    with write_transaction(db):
        _check_room(first + len(chunks))
        if blob is None:
            blob = _new_blob(db, BlobState.PENDING, now_ms)
            own(blob)
        else:
            _move_pending(db, blob, BlobState.PENDING, now_ms)
        _insert_chunks(db, blob, first, chunks)


class State(NamedTuple):
    """What a write finds of an image: last token, current blob and version, creation; None for each there is not."""

    token: int | None = None
    blob: int | None = None
    version: bytes | None = None
    created_ms: int | None = None


def find_state(db: sqlite3.Connection, image_id: str) -> State:
    """Return what there is of an image; a deleted one has its last token."""
    created = f"iif(blob IS NULL, NULL, {_CREATED})"
    row = db.execute(f"SELECT token, blob, version, {created} FROM image WHERE id = ?", (image_id,)).fetchone()
    return State(*row) if row else State()


def add_blob(db: Writer, chunks: Sequence[bytes], now_ms: int) -> int:
    """Write a whole body as a live blob and return its id."""
    blob = _new_blob(db, BlobState.LIVE, now_ms)
    _insert_chunks(db, blob, 0, chunks)
    return blob


def finish_blob(db: Writer, blob: int, first: int, chunks: Sequence[bytes], now_ms: int) -> None:
    """Write the last chunks of a pending blob and make it live. Raises StoreError, with nothing written."""
    _check_room(first + len(chunks))
    _move_pending(db, blob, BlobState.LIVE, now_ms)
    _insert_chunks(db, blob, first, chunks)


def put_image(db: sqlite3.Connection, image: StoredImage, blob: int, *, is_new: bool) -> None:
    """Point an image to a blob."""
    names = ("id", "token", "blob", *_META.split(", "), "created_ms")
    insert = f"INSERT INTO image ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    values = (image.id, image.token, blob, *astuple(image.meta), image.created_ms)
    if is_new:
        db.execute(insert, values)
    else:
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        db.execute(f"{insert} ON CONFLICT (id) DO UPDATE SET {changes}", values)


def bury(db: sqlite3.Connection, blob: int | None, now_ms: int) -> None:
    """Mark a blob dead: no image points to it any more."""
    db.execute("UPDATE blob SET state = ?, changed_ms = ? WHERE id = ?", (BlobState.DEAD, now_ms, blob))


def delete(db: Writer, image_id: str, expect: Expected, now_ms: int) -> bool:
    """Turn an image into a tombstone of its id and token, and mark its blob dead."""
    with write_transaction(db):
        state = find_state(db, image_id)
        check_expected(image_id, state.version, expect)
        if state.blob is None:
            return False
        db.note_dead_keys(are_there=True)
        columns = ", ".join(f"{name} = NULL" for name in ("blob", *_META.split(", "), "created_ms"))
        db.execute(f"UPDATE image SET {columns} WHERE id = ?", (image_id,))
        bury(db, state.blob, now_ms)
    return True


def empty_log(db: Writer) -> None:
    """Take keys of dead versions out of the write-ahead log, unless a reader is just in it: then a later call will."""
    if not db.log_has_dead_keys:
        return
    (patience_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
    # Reads of ours end within it. A longer one would hold up every writer, for the write lock is held meanwhile.
    db.execute(f"PRAGMA busy_timeout = {_READ_MS}")
    try:
        with db.exclusive():
            (is_busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            db.note_dead_keys(are_there=bool(is_busy))
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience_ms}")


def drop_pending(db: Writer, blob: int, now_ms: int) -> None:
    """Mark a blob dead whose write was given up."""
    with write_transaction(db):
        db.execute(
            "UPDATE blob SET state = ?, changed_ms = ? WHERE id = ? AND state = ?",
            (BlobState.DEAD, now_ms, blob, BlobState.PENDING),
        )


def is_live(db: sqlite3.Connection, blob: int) -> bool:
    """Tell whether a blob is an image's current one; a dead one may have lost chunks to a sweep that was cut off."""
    return db.execute("SELECT 1 FROM blob WHERE id = ? AND state = 1", (blob,)).fetchone() is not None


def sweep(db: Writer, leases: Leases, before_ms: int, limit: int) -> int:
    """Remove up to `limit` blobs that are not live since `before_ms` and nobody uses, in small steps."""
    query = "SELECT id FROM blob WHERE state <> 1 AND changed_ms < ? ORDER BY changed_ms LIMIT ?"
    removed = 0
    for (blob,) in db.execute(query, (before_ms, limit + _SWEPT_MORE)).fetchall():
        if removed < limit and leases.claim(blob):
            try:
                removed += _remove(db, blob, before_ms)
            finally:
                leases.unclaim(blob)
    return removed


def sweep_some(db: Writer, leases: Leases, before_ms: int, limit: int, keep_pages: int) -> None:
    """Sweep a little, and give some space beyond `keep_pages` back where that freed any."""
    if sweep(db, leases, before_ms, limit):
        give_space_back(db, keep_pages)


def give_space_back(db: Writer, keep_pages: int) -> bool:
    """Return some free pages beyond `keep_pages` to the file system; tell whether there are more."""
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    some = min(free - keep_pages, _VACUUMED_PAGES)
    if some > 0:
        with db.exclusive():
            # Only executescript runs this pragma to its end.
            db.executescript(f"PRAGMA incremental_vacuum({some})")
    return bool(free - keep_pages > some > 0)


def _remove(db: Writer, blob: int, before_ms: int) -> bool:
    """Remove a blob that was claimed; False where it has gone live or on since it was found."""
    first = blob << _CHUNK_BITS
    is_emptied = False
    while not is_emptied:
        with write_transaction(db):
            is_ours = db.execute(
                "UPDATE blob SET state = ? WHERE id = ? AND state <> 1 AND changed_ms < ?",
                (BlobState.DEAD, blob, before_ms),
            ).rowcount
            if not is_ours:
                return False
            removed = _delete_chunks(db, first, first + (1 << _CHUNK_BITS))
            is_emptied = removed < _SWEPT_CHUNKS
            if is_emptied:
                db.execute("DELETE FROM blob WHERE id = ?", (blob,))
    return True


def _new_blob(db: Writer, state: BlobState, now_ms: int) -> int:
    row = db.execute("INSERT INTO blob (state, changed_ms) VALUES (?, ?)", (state, now_ms)).lastrowid
    assert row is not None
    return row


def _move_pending(db: Writer, blob: int, state: BlobState, now_ms: int) -> None:
    is_pending = db.execute(
        "UPDATE blob SET state = ?, changed_ms = ? WHERE id = ? AND state = ?",
        (state, now_ms, blob, BlobState.PENDING),
    ).rowcount
    if not is_pending:
        raise StoreError("the upload stood still for too long and was swept away: save the image again")


def _check_room(chunks: int) -> None:
    if chunks > 1 << _CHUNK_BITS:
        raise StoreError("an image has at most 65536 chunks of 256 KiB")


def _insert_chunks(db: Writer, blob: int, first: int, chunks: Sequence[bytes]) -> None:
    start = (blob << _CHUNK_BITS) + first
    db.executemany("INSERT INTO chunk VALUES (?, ?)", [(start + n, data) for n, data in enumerate(chunks)])


def _delete_chunks(db: Writer, start: int, end: int) -> int:
    # Ciphertext whose key is gone needs no overwriting, which would cost about a third of the update rate.
    db.execute("PRAGMA secure_delete = OFF")
    try:
        return db.execute(
            "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ? AND id < ? LIMIT ?)",
            (start, end, _SWEPT_CHUNKS),
        ).rowcount
    finally:
        db.execute("PRAGMA secure_delete = ON")
