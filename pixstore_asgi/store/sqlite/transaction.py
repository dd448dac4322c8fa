"""Transaction: the operations of `tables` on one sqlite3 connection.

Its coroutines never suspend, so `run` runs an operation to its end on the connection's thread. No cancellation can
leave a transaction open.

Wrapped keys have their own table, because a dead version's key must not stay in the file. `PRAGMA secure_delete`
overwrites a deleted row. But it does not overwrite the copies of living rows that SQLite leaves in a page that it
rebuilds (btree.c, rebuildPage). SQLite rebuilds a page if rows of several lengths have left gaps that no new row fits
in. So all rows of this table have the same length: a value of 52 bytes, and a number that takes nine. Any new row fits
the gap of a deleted one. The image's `details` has the rest of a wrapped key, which is useless without the 52 bytes.
"""

import json
import re
import sqlite3
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from ...core.images import KEY_ID_BYTES, WRAPPED_KEY_BYTES, RewrappedKey
from ..contract import CHUNK_BYTES, WHOLE_BYTES
from ..tables.keys import REPLACE
from ..tables.transaction import BodyState, Statements

R = TypeVar("R")

CHUNK_BITS = 16
"""A chunk's id is its body's id, shifted left by this many bits, plus the chunk's number."""

_NINE_BYTES = 1 << 56
_OF_POINTER = f"blob + {_NINE_BYTES}"  # the number of the key of an image's current version

KEYS = f"SELECT number - {_NINE_BYTES} AS of FROM wrapped_key"
"""Selects the ids of all bodies that have a wrapped key, as `of`."""

_PUT_KEY = f"INSERT INTO wrapped_key VALUES (? + {_NINE_BYTES}, ?)"
_DROP_KEY = f"DELETE FROM wrapped_key WHERE number = ? + {_NINE_BYTES}"
_REPLACE_KEY = (
    f"INSERT INTO wrapped_key SELECT {_OF_POINTER}, ? FROM image WHERE id = ? AND blob IS NOT NULL"
    " ON CONFLICT (number) DO UPDATE SET value = excluded.value"
)

_NAMES = {
    "image": "image",
    "images": f"image LEFT JOIN wrapped_key ON number = image.{_OF_POINTER}",
    "body": "blob",
    "chunk": "chunk",
    "key_check": "key_check",
    "store": "database_id",
    "database_id": "value",
    "pointer": "blob",
    "created": "coalesce(created_ms, token)",  # tokens are times; schema version 1 had nothing else
    "wrapped_key": "iif(details IS NULL, value, CAST(value || details AS BLOB))",
    "key_id": f"substr(value, 1, {KEY_ID_BYTES})",
    "key_column": "details",
    "own_key": f"(SELECT value FROM wrapped_key WHERE number = {_OF_POINTER})",
    "new_keys": "(SELECT $1 AS id, $2 AS version, $3 AS in_row, $4 AS epoch, $5 AS was)",
    "changed": "changed_ms",
    "now": "now_ms()",
    "grace_ago": "now_ms() - CAST($1 * 1000 AS INTEGER)",
    "chunk_columns": "id, data",
    "chunk_address": f"$1 << {CHUNK_BITS} | $2",
    "chunk_number": "chunk.id",
    "this_chunk": f"id = ($1 << {CHUNK_BITS} | $2)",
    "previous_chunk": f"id = ($1 << {CHUNK_BITS} | $3) - 1",
    "body_of_chunk": f"id >> {CHUNK_BITS}",
    "of_image": f"chunk.id >= blob << {CHUNK_BITS} AND chunk.id < (blob + 1) << {CHUNK_BITS}",
    "of_body": f"chunk.id >= body.id << {CHUNK_BITS} AND chunk.id < (body.id + 1) << {CHUNK_BITS}",
    "first_chunks": f"chunk.id BETWEEN blob << {CHUNK_BITS}"
    f" AND (blob << {CHUNK_BITS}) + iif(size <= {WHOLE_BYTES}, (size - 1) / {CHUNK_BYTES}, 0)",
}


def _translated(statement: str) -> str:
    statement = re.sub(r"= ANY\((\$\d+)::bytea\[\]\)", r"IN (SELECT unhex(value) FROM json_each(\1))", statement)
    statement = re.sub(r"= ANY\((\$\d+)::\w+\[\]\)", r"IN (SELECT value FROM json_each(\1))", statement)
    statement = re.sub(r"( ORDER BY id)? FOR UPDATE$| FOR UPDATE SKIP LOCKED$", "", statement)
    # Two ranges of one index take SQLite twice as long by OR.
    statement = re.sub(r"^(SELECT .*) WHERE (id = \$1) OR \((.*)\)$", r"\1 WHERE \2 UNION ALL \1 WHERE \3", statement)
    return statement.replace("greatest(", "max(").replace("strpos(", "instr(").replace("$", "?")


STATEMENTS = Statements(_NAMES, _translated)
_REMOVE_CHUNKS = "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ? AND id < ? LIMIT ?)"
_ADD_ROW = "INSERT INTO blob (state, changed_ms, object) VALUES (?, now_ms(), ?)"


def run(operation: Coroutine[Any, Any, R]) -> R:
    """Run an operation on a Transaction to its end, without an event loop."""
    try:
        operation.send(None)
    except StopIteration as ended:
        result: R = ended.value
        return result
    operation.close()
    raise RuntimeError("a SQLite operation awaited something")


class Transaction:
    """The Transaction of `tables` on one sqlite3 connection. The write lock excludes other writers, so other locks do
    nothing.

    changed: the ids of all images that the operation may change. None means any image.
    """

    __slots__ = ("changed", "db")

    most_chunks = 1 << CHUNK_BITS

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db: Any = db
        self.changed: set[str] | None = set()

    async def all(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        if args and type(args[0]) is list:  # a statement takes an array as $1
            args = (json.dumps(args[0], default=bytes.hex), *args[1:])
        rows: list[tuple[Any, ...]] = self.db.execute(STATEMENTS[statement], args).fetchall()
        return rows

    async def one(self, statement: str, *args: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self.db.execute(STATEMENTS[statement], args).fetchone()
        return row

    async def run(self, statement: str, *args: object) -> int:
        if args and type(args[0]) is list:
            args = (json.dumps(args[0]), *args[1:])
        written: int = self.db.execute(STATEMENTS[statement], args).rowcount
        return written

    async def each(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self.db.executemany(STATEMENTS[statement], rows)

    async def lock(self, name: str, *, shared: bool = False) -> None:
        pass

    async def try_lock(self, name: str) -> bool:
        return True

    async def lock_group(self, original: str) -> None:
        if self.changed is not None:
            self.changed.add(original)

    async def lock_images(self, image_ids: Sequence[str]) -> None:
        if self.changed is not None:
            self.changed.update(image_ids)

    async def lock_rows(self, which: str, *args: object) -> None:
        self.changed = None

    async def remove_chunks(self, bodies: Sequence[int], most: int) -> int:
        # Ciphertext without its key needs no overwriting, which would cost about a third of the update rate.
        self.db.execute("PRAGMA secure_delete = OFF")
        try:
            removed = 0
            for body in bodies:
                chunks = (body << CHUNK_BITS, (body + 1) << CHUNK_BITS, most - removed)
                removed += self.db.execute(_REMOVE_CHUNKS, chunks).rowcount
            return removed
        finally:
            self.db.execute("PRAGMA secure_delete = ON")

    async def add_row(self, state: BodyState, version: bytes | None = None) -> int:
        row: int = self.db.execute(_ADD_ROW, (int(state), version)).lastrowid
        return row

    def key_in_row(self, wrapped_key: bytes) -> bytes | None:
        return wrapped_key[WRAPPED_KEY_BYTES:] or None

    async def put_key(self, body: int, wrapped_key: bytes) -> None:
        self.db.execute(_PUT_KEY, (body, wrapped_key[:WRAPPED_KEY_BYTES]))

    async def drop_keys(self, bodies: Sequence[int]) -> None:
        self.db.note_dead_keys(are_there=True)
        self.db.executemany(_DROP_KEY, [(body,) for body in bodies])

    async def replace_keys(self, keys: Sequence[RewrappedKey]) -> int:
        self.db.note_dead_keys(are_there=True)
        replaced = 0
        for key in keys:
            # The first 52 bytes of a wrapped key authenticate the rest, so comparing them is enough.
            was = key.was and key.was[:WRAPPED_KEY_BYTES]
            in_row = self.key_in_row(key.wrapped_key)
            if await self.run(REPLACE, key.image_id, key.version, in_row, key.epoch, was):
                self.db.execute(_REPLACE_KEY, (key.wrapped_key[:WRAPPED_KEY_BYTES], key.image_id))
                replaced += 1
        return replaced
