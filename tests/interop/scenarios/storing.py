"""Scenarios about storage: updates, tokens, ids, keys at rest."""

import base64
import contextlib
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pixstore_asgi import ImageRecord
from tests.interop.peers import READABLE, CallError, Peer
from tests.interop.sides import Side
from tests.support.samples import large_png, picture

SUFFIX_OF_NPM = ".pixstore-image"


def failing_update(side: Side) -> str:
    """The write of an update's metadata is refused by a trigger."""
    with side.start() as peer:
        record = peer.save(picture("png"))
        database = _database(peer, side.table)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute(
                f"CREATE TRIGGER refuse BEFORE UPDATE ON {side.table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        try:
            peer.update(record.id, picture("webp"))
            update = "the update passes"
        except CallError:
            update = "the update fails"
        return f"{update}, the old image {'stays' if peer.outcome(record) == READABLE else 'is lost'}"


def reads_during_updates(side: Side) -> str:
    """A client reads an image again and again while another one updates it in a loop."""
    peer = side.shared
    record = peer.save(large_png(300_000))
    images = itertools.cycle([large_png(300_000), large_png(280_000)])
    with _repeating(lambda: peer.update(record.id, next(images))) as updates:
        reads, outcome = 0, READABLE
        while outcome == READABLE and (reads < 150 or updates() < 20):
            reads, outcome = reads + 1, peer.outcome(record)
    return "every read gives an image" if outcome == READABLE else f"reads are {outcome}"


@contextlib.contextmanager
def _repeating(work: Callable[[], object]) -> Iterator[Callable[[], int]]:
    """Repeat `work` in a thread until the block ends; yields a function that returns the number of calls so far."""
    is_over, done = threading.Event(), 0

    def loop() -> None:
        nonlocal done
        while not is_over.is_set():
            work()
            done += 1

    def done_so_far() -> int:
        if looping.done():
            looping.result()  # it failed: tell it
        return done

    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(loop)
        try:
            yield done_so_far
        finally:
            is_over.set()
        looping.result()


def parallel_updates(side: Side) -> str:
    """Three clients update one image at the same moment, image after image; then each is read at rest, twice."""
    peer = side.shared
    images = [large_png(1_200_000), large_png(700_000), picture("webp")]
    with ThreadPoolExecutor(len(images)) as pool:
        for _ in range(30):
            record = peer.save(picture("png"))
            list(pool.map(peer.update, [record.id] * len(images), images))
            if {peer.outcome(peer.record(record.id)) for _ in range(2)} != {READABLE}:
                return "leaves images undecryptable for good"
    return "leaves every image readable"


def tokens(side: Side) -> str:
    """Two updates while the clock stands still, one after it was set back by an hour."""
    peer = side.shared
    now = time.time_ns() // 1_000_000
    try:
        peer.call("freeze", now=now)
        image_id = peer.save(picture()).id
        first, second = (peer.update(image_id, picture()).token for _ in range(2))
        peer.call("freeze", now=now - 3_600_000)
        third = peer.update(image_id, picture()).token
    finally:
        peer.call("thaw")
    return f"the token {_change(first, second)}; it {_change(second, third)}"


def _change(before: int, after: int) -> str:
    return "stays the same" if after == before else "rises" if after > before else "falls"


def keys_at_rest(side: Side) -> str:
    """The key is looked for, raw and in its usual spellings, in every file of a running server."""
    peer = side.shared
    record = peer.save(picture())
    spellings = [
        record.key,
        record.key.hex().encode(),
        base64.b64encode(record.key),
        base64.urlsafe_b64encode(record.key),
    ]
    files = [path for path in peer.folder.rglob("*") if path.is_file()]
    found = [path for path in files if any(spelling in path.read_bytes() for spelling in spellings)]
    if not found:
        return "it is in none"
    readable = any(path.stat().st_mode & 0o004 for path in found)
    return f"it is in clear in a file {'that every user can read' if readable else 'of its owner'}"


def foreign_ids(side: Side) -> str:
    """An application hands ids from a request on to `delete`: one that points outside, and one with more after it."""
    peer = side.shared
    outside = peer.folder / f"outside{SUFFIX_OF_NPM}"
    outside.write_bytes(b"somebody else's")
    record = peer.save(picture(), directory="players")
    _delete(peer, "../outside")
    _delete(peer, f"{record.id}:junk")
    file = "stays" if outside.exists() else "is deleted"
    return f"deleting `../outside`: that file {file}; deleting `a:b:junk`: then `a:b` gives {peer.outcome(record)}"


def _delete(peer: Peer, image_id: str) -> None:
    with contextlib.suppress(CallError):
        peer.call("delete", id=image_id)


def disguised_upload(side: Side) -> str:
    """HTML is saved that starts as a PNG does."""
    try:
        side.shared.save(b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>")
    except CallError as error:
        return f"refused ({error})"
    return "accepted"


def predictable_ids(side: Side) -> str:
    """An id is drawn twice, from the same state of the clock and of the language's random generator."""
    peer = side.shared
    first, second = (_save_frozen(peer) for _ in range(2))
    return "the same id again" if first.id == second.id else "another id"


def _save_frozen(peer: Peer) -> ImageRecord:
    try:
        peer.call("freeze", now=time.time_ns() // 1_000_000 // 3_600_000 * 3_600_000)
        record = peer.save(picture())
        peer.call("delete", id=record.id)
    finally:
        peer.call("thaw")
    return record


def _database(peer: Peer, table: str) -> Path:
    """Return the SQLite file among a server's files that has this table."""
    for path in peer.folder.iterdir():
        if path.is_file() and path.read_bytes()[:16] == b"SQLite format 3\x00":
            with contextlib.closing(sqlite3.connect(path)) as connection:
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
                    return path
    raise LookupError(f"no database below {peer.folder} has a table {table}")
