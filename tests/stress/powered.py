"""A process that writes to a store with files and records its calls.

Run `python -m tests.stress.powered ROOT DURABILITY WRITES FILE`. "careless" as durability is "NORMAL" without the
syncs of its log before the store makes or removes a file.
"""

import asyncio
import itertools
import math
import os
import pickle
import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from unittest import mock

from pixstore_asgi.core.images import DATABASE_ID_BYTES
from pixstore_asgi.store.files import BodyFolder, streams
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.store.sqlite.engine import Engine
from pixstore_asgi.store.tables import gc
from tests.stress.bodies import body_of, save
from tests.stress.disk import Step
from tests.stress.recorder import Recorder

IDS = [f"image-{number}" for number in range(6)]
FOLDERS = ("rows", "disk")
SMALLEST_BYTES = 4_000
_SIZES = (500, 3_000, 10_000, 40_000, 300_000)
_OPENINGS = 3
_WRITTEN_BYTES = 64 * 1024  # so that bodies arrive in several writes


def store_at(root: Path, durability: str) -> SqliteStore:
    """Return the store in FOLDERS below a root, with files for bodies from SMALLEST_BYTES, without a grace period."""
    folder = BodyFolder(root / "disk" / "bodies")
    folder.smallest_bytes = SMALLEST_BYTES
    return SqliteStore(root / "rows" / "images.db", durability=durability, sweep_grace_s=0, bodies=folder)  # type: ignore[arg-type]


async def write_all(root: Path, durability: str, writes: int, steps: list[Step]) -> None:
    """Save, update and delete images, sweep, and open the store again. Steps get a "told" before and after each."""
    numbers = itertools.count()
    for _ in range(_OPENINGS):
        store = store_at(root, durability)
        await store.open()
        for _ in range(writes // _OPENINGS // 2):
            with _reading(root) if random.random() < 0.3 else nullcontext():
                await asyncio.gather(_write(store, f"{next(numbers)}", steps), _write(store, f"{next(numbers)}", steps))
                if random.random() < 0.3:
                    await store.sweep()
        await store.close()
    steps.append(("told", {"separating": True}))
    await _separate(root, durability)


async def _separate(root: Path, durability: str) -> None:
    """Give the database a new id in a process that is killed after the commit, and open it in another process."""
    store, other = store_at(root, durability), store_at(root, durability)
    await store.open()
    with _reading(root):  # otherwise the log is emptied, and synced before that
        with mock.patch.object(Engine, "sync", _die), suppress(_Killed):
            await store.separate(os.urandom(DATABASE_ID_BYTES), b"check", lambda image: image.meta.wrapped_key)
        await other.open()
    await other.close()
    await store.close()


class _Killed(Exception):
    """Stands in for the end of a process."""


async def _die(engine: Engine) -> None:
    raise _Killed


@contextmanager
def _reading(root: Path) -> Iterator[None]:
    """Read from the database during the block, as a slow backup does: its log can't be emptied meanwhile."""
    with closing(sqlite3.connect(root / "rows" / "images.db", isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM image").fetchone()
        yield


async def _write(store: SqliteStore, label: str, steps: list[Step]) -> None:
    once = f"once-{label}"
    image_id = random.choice((*IDS, once))
    steps.append(("told", {"saving": [image_id, label]}))
    image = await save(store, image_id, body_of(image_id, label, random.choice(_SIZES)))
    steps.append(("told", {"saved": [image_id, label, image.token]}))
    if image_id == once:
        steps.append(("told", {"deleting": image_id}))
        await store.delete(image_id)
        steps.append(("told", {"deleted": image_id}))


async def _sync_nothing(engine: Engine) -> None:
    """Stand in for Engine.sync."""


def main(root: Path, durability: str, writes: int, into: Path) -> None:
    if durability == "careless":
        Engine.sync, durability = _sync_nothing, "NORMAL"  # type: ignore[assignment, method-assign]
    recorder = Recorder(root)
    with (
        recorder.recording(),
        mock.patch.object(streams, "_WRITTEN_BYTES", _WRITTEN_BYTES),
        mock.patch.object(gc, "_EVERY_S", math.inf),  # see the fixture in test_power_failure.py
    ):
        asyncio.run(write_all(root, durability, writes, recorder.steps))
    into.write_bytes(pickle.dumps(recorder.steps))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
