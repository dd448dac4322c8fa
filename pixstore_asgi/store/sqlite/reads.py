"""Connections and rules for the reads that run on the event loop's own thread. That thread must not wait for the disk.

Such reads run for every request. They use the statements of `tables` without a coroutine.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from time import monotonic as _now_s

from ...core.images import StoredImage
from ..rules import image_of_row
from ..tables import images
from .connection import closed_on_error, is_busy, translated
from .transaction import CHUNK_BITS, STATEMENTS

if sys.platform == "linux":
    import resource
else:
    resource = None

_SLOW_S = 0.003
_PAUSES_PER_WAIT = 100  # so the thread waits for at most a hundredth of its time, even with a slow disk

_GET = STATEMENTS[images.GET]
_WHOLE_IMAGE = STATEMENTS[images.IMAGE_AND_CHUNKS].replace(", 0)", ", -1)")  # reads no chunk of a longer body
assert _WHOLE_IMAGE.count(", -1)") == 1


def connect_reader(path: str, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open a connection that only reads, to a database that `prepare` made ready."""
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    with closed_on_error(connection):
        connection.execute("PRAGMA mmap_size = 0")
        connection.execute("PRAGMA query_only = ON")
        connection.create_function("unhex", 1, bytes.fromhex, deterministic=True)  # SQLite has it from 3.41 on
    return connection


def get(db: sqlite3.Connection, image_id: str) -> StoredImage | None:
    """Return one image, or None."""
    row = db.execute(_GET, (image_id,)).fetchone()
    return image_of_row(row) if row else None


def whole_image(db: sqlite3.Connection, image_id: str) -> tuple[StoredImage, list[bytes]] | None:
    """Return an image with all its chunks. None if there is no image, it is longer than WHOLE_BYTES, or chunks are
    missing.
    """
    rows = db.execute(_WHOLE_IMAGE, (image_id,)).fetchall()
    if not rows:
        return None
    image, chunks = image_of_row(rows[0][:-2]), [data for *_, data in rows if data]
    return (image, chunks) if sum(map(len, chunks)) == image.meta.size else None


def chunk(db: sqlite3.Connection, body: int, number: int) -> bytes:
    """Return one chunk of a body. Raises sqlite3.OperationalError if it is missing."""
    # A SELECT would copy it once more.
    with db.blobopen("chunk", "data", body << CHUNK_BITS | number, readonly=True) as blob:
        return blob.read()


class Pace:
    """Decides whether reads may run on the event loop's thread. If a read waited for the disk, no read may run there
    for a hundred times as long as that read took.

    A read from the system's page cache takes less time than a switch to another thread. If a page is not cached, the
    read waits for the disk. The kernel counts the blocks that it reads from disk for each thread (getrusage(2),
    ru_inblock), but not on all file systems. So a slow read also counts as a wait if the thread gave up the processor
    during it.
    """

    def __init__(self) -> None:
        self._next_s = 0.0

    def is_quick(self) -> bool:
        """Return whether reads may run on this thread. Always False if the system does not count waits."""
        return resource is not None and _now_s() >= self._next_s

    def waits(self) -> tuple[int, int, float]:
        """Return this thread's counts of blocks read and of voluntary switches, and the time now in seconds."""
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        return usage.ru_inblock, usage.ru_nvcsw, _now_s()

    def has_read(self, before: tuple[int, int, float]) -> None:
        """Record a finished read. before: the result of `waits` when it began."""
        blocks, switches, now_s = self.waits()
        took_s = now_s - before[2]
        if blocks > before[0] or (took_s > _SLOW_S and switches > before[1]):
            self._next_s = now_s + _PAUSES_PER_WAIT * took_s


class DataVersion:
    """Shows whether any program has committed since the last look, by SQLite's data_version. A look never waits.

    connection: a reader used for nothing else, because it does not see its own commits. check_files: raises StoreError
    if a file was replaced. every_s: how long a look stays valid, in seconds. due: the time of the next look, by
    time.monotonic(). generation: a new object after each look that found a commit; no two DataVersions share one.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, check_files: Callable[[], object], *, every_s: float
    ) -> None:
        self.due = 0.0
        self.generation = object()
        self._path = path
        self._connection = connection
        self._check_files = check_files
        self._every_s = every_s
        self._seen: Hashable = None

    def look(self) -> None:
        """Begin a new generation if any program has committed since the last look.

        Raises StoreError if the database can't be read, or if one of its files was replaced.
        """
        begun_s = time.monotonic()
        with translated(self._path):
            self._check_files()
            found = _data_version(self._connection)
        if found != self._seen:
            self._seen, self.generation = found, object()
        self.due = begun_s + self._every_s

    def close(self) -> None:
        """Close the connection. Repeated calls do nothing."""
        self._connection.close()


def _data_version(connection: sqlite3.Connection) -> Hashable:
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise
        return object()  # a busy database counts as changed
