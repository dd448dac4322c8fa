"""Two roles of tests.stress.worker: one that changes images in every way, and one that asks for them through memory."""

import asyncio
import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.serving.entries import CachedImage
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.stress.acknowledged import Acknowledged
from tests.stress.bodies import body_of, save
from tests.stress.telling import tell
from tests.support.unchecked import unchecked_cache

_KINDS = ("update",) * 6 + ("revoke",) * 4 + ("delete", "revoke all")
_SIZES = (500, 30_000, 300_000)
_ENOUGH = 1500


async def change_all(
    store: ImageStore, stop: threading.Event, *, ids: Sequence[str], board: str, counts: bool = True
) -> None:
    """Update, revoke and delete images, two at a time, and note what is acknowledged on the board.

    counts: False for a writer to SQLite that moves no change counter.
    """
    acknowledged, done = Acknowledged(Path(board), len(ids)), Counter[str]()

    async def change_on() -> None:
        while not stop.is_set():
            number = random.randrange(len(ids))
            await _change(random.choice(_KINDS), store, acknowledged, number, ids[number])
            done["changes"] += 1
            await asyncio.sleep(random.choice((0, 0.002, 0.02)))

    with contextlib.nullcontext() if counts else _not_counting(store):
        await asyncio.gather(change_on(), change_on())
    tell(**done)


async def _change(kind: str, store: ImageStore, acknowledged: Acknowledged, number: int, image_id: str) -> None:
    state = acknowledged.state(number)
    match kind:
        case "update":
            image = await save(store, image_id, body_of(image_id, os.urandom(4).hex(), random.choice(_SIZES)))
            acknowledged.note_image(number, image)
        case "delete":
            await store.delete(image_id)
            acknowledged.note_state(number, state | 1)
        case "revoke":
            await store.raise_epoch(image_id)
        case _:
            await store.raise_epochs()
    if found := await store.get(image_id):
        acknowledged.note_image(number, found)


@contextmanager
def _not_counting(store: ImageStore) -> Iterator[None]:
    """Let a SQLite store write as one that does not count."""
    assert isinstance(store, SqliteStore)
    assert store._engine is not None
    lock = store._engine._write_lock
    mapped, lock.counters = lock.counters, None
    try:
        yield
    finally:
        lock.counters = mapped


async def watch_all(store: ImageStore, stop: threading.Event, *, ids: Sequence[str], board: str) -> None:
    """Request images through a cache, and count answers that are older than the acknowledged state.

    Tells when there have been enough answers.
    """
    acknowledged, images = Acknowledged(Path(board), len(ids)), unchecked_cache(store, 64 * 1024 * 1024)
    counts = Counter(answers=0, hot=0, stale=0)
    while not stop.is_set():
        for _ in range(100):
            number = random.randrange(len(ids))
            state, epoch = acknowledged.state(number), acknowledged.epoch(number)
            known = images._entries.get(ids[number])
            image = await _ask(images, ids[number])
            counts["answers"] += 1
            counts["hot"] += bool(known and image is known.image)
            counts["stale"] += bool(image and (2 * image.token < state or image.epoch < epoch))
        if counts["answers"] == _ENOUGH:
            tell(enough=_ENOUGH)
        await asyncio.sleep(0.005)  # otherwise the watchers take the processor from the changers
    tell(**counts)


async def _ask(images: ImageCache, image_id: str) -> StoredImage | None:
    match random.randrange(3):
        case 0:
            return (await images.get_many([image_id])).get(image_id)
        case 1:
            return await images.get(image_id)
    opened = await images.open(image_id)
    if opened is None:
        return None
    if not isinstance(opened, CachedImage):
        await opened.aclose()
    return opened.image
