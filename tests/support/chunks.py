"""Notes the chunks of bodies in SQLite that are read, on a quick or a slow disk."""

import sqlite3

import pytest

from pixstore_asgi.store.sqlite import reads
from pixstore_asgi.store.tables import bodies
from pixstore_asgi.store.tables.transaction import Transaction


class ReadChunks:
    """The numbers of the chunks that were read alone: the first chunk comes with the row of its image.

    first_three: those of a reader that holds three chunks. Only threads, which read from a slow disk, read one ahead.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, is_quick: bool) -> None:
        self.numbers: list[int] = []
        self.first_three = [1, 2] if is_quick else [1, 2, 3]
        read_chunk, chunk = bodies.read_chunk, reads.chunk

        async def on_a_thread(tx: Transaction, body: int, number: int) -> bytes | None:
            self.numbers.append(number)
            return await read_chunk(tx, body, number)

        def on_the_loop(db: sqlite3.Connection, body: int, number: int) -> bytes:
            self.numbers.append(number)
            return chunk(db, body, number)

        monkeypatch.setattr(reads.Pace, "is_quick", lambda self: is_quick)
        monkeypatch.setattr(bodies, "read_chunk", on_a_thread)
        monkeypatch.setattr(reads, "chunk", on_the_loop)
