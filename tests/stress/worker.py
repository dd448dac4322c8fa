"""What runs in a process of its own, until stdin ends.

It tells what it does by lines of JSON on stdout, one system call each: what was told is not lost when it is killed.
"""

import asyncio
import contextlib
import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

from pixstore_asgi import Pixstore
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import DirectoryFull, StoreError
from pixstore_asgi.keys import rotation
from pixstore_asgi.keys.find import find_ring
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.files.copying import FolderCopy
from pixstore_asgi.store.sqlite import SqliteStore, leases
from pixstore_asgi.transfer.folder_backup import back_up_with_folder, restore_with_folder
from pixstore_asgi.transfer.store_copy import copy_store
from tests.stress import freshness, groups
from tests.stress.bodies import Torn, body_of, read, save
from tests.stress.stores import parts_of, store_of
from tests.stress.telling import tell
from tests.support.samples import SECRET, large_png

_PAUSES_S = (0, 0, 0.001)
_SEVERAL_CHUNKS = (300_000, 524_288, 800_000, 1_200_000, 1_700_000)
_ANY = (500, 30_000, 262_144, 700_000, 1_200_000, 3_000_000)
_PICTURES = (30_000, 80_000, 200_000, 500_000, 1_000_000, 2_000_000, 4_000_000)


async def read_all(
    store: ImageStore,
    stop: threading.Event,
    *,
    ids: Sequence[str],
    bodies: int = 0,
    cuts: int = 0,
    longest_s: float = 0.01,
) -> None:
    """Read random images, eight at a time, until so many bodies are read, or so many cut short, or told to stop.

    longest_s: the longest pause after a chunk, which each fourth read makes.
    """
    counts: Counter[str] = Counter(bodies=0, replaced=0, removed=0, cut=0, Torn=0, StoreError=0)
    turns = itertools.count() if bodies == 0 else iter(range(bodies))

    async def read_on() -> None:
        for _ in turns:
            if stop.is_set() or 0 < cuts <= counts["cut"]:
                return
            image_id = random.choice(ids)
            try:
                found = await read(store, image_id, pause_s=random.choice((*_PAUSES_S, longest_s)))
            except (StoreError, Torn) as error:
                counts.update((type(error).__name__, "cut"))
                tell(fault=repr(error))
                continue
            if found is None:
                await asyncio.sleep(0.01)
                continue
            counts["bodies"] += 1
            counts["replaced"] += await store.get(image_id) != found[0]
            counts["removed"] += await _is_file_removed(store, found[0])

    await asyncio.gather(*(read_on() for _ in range(8)))
    tell(**counts, in_use=getattr(store, "in_use", 0))


async def _is_file_removed(store: ImageStore, image: StoredImage) -> bool:
    folder = getattr(store, "bodies", None)
    if not isinstance(folder, BodyFolder) or image.meta.size < folder.smallest_bytes:
        return False
    return not await folder.has(image.meta.version.hex())


async def update_and_sweep(store: ImageStore, stop: threading.Event, *, ids: Sequence[str]) -> None:
    """Save every image, tell so, then replace random ones and sweep after each."""
    counts: Counter[str] = Counter()
    for number in itertools.count():
        if stop.is_set():
            break
        if number == len(ids):
            tell(saved=len(ids))
        image_id = ids[number] if number < len(ids) else random.choice(ids)
        body = body_of(image_id, str(number), random.choice(_SEVERAL_CHUNKS))
        try:
            await save(store, image_id, body)
        except StoreError as error:
            counts["StoreError"] += 1
            tell(fault=repr(error))
            continue
        counts["updates"] += 1
        await store.sweep()
    tell(**counts)


async def write_and_tell(store: ImageStore, stop: threading.Event, *, name: str, ids: Sequence[str]) -> None:
    """Write in every way, two at a time, and tell before each commit and after it; labels begin with `name`."""
    numbers = itertools.count()

    async def save_told(image_id: str, label: str) -> None:
        body = body_of(image_id, label, random.choice(_ANY))
        tell(saving=[image_id, label])
        image = await save(store, image_id, body)
        tell(saved=[image_id, label, image.token])

    async def write_on() -> None:
        while not stop.is_set():
            label = f"{name}-{next(numbers)}"
            match random.choice("uuuuuudda"):
                case "u":
                    await save_told(random.choice(ids), label)
                case "d":
                    image_id = f"once-{label}"
                    await save_told(image_id, label)
                    tell(deleting=image_id)
                    await store.delete(image_id)
                    tell(deleted=image_id)
                case _:
                    async with await store.begin_write("given-up", os.urandom(16)) as writer:
                        await writer.write(bytes(1_500_000))

    await asyncio.gather(write_on(), write_on())


async def sweep_on(store: ImageStore, stop: threading.Event) -> None:
    """Sweep again and again; sometimes close the store and open it, as a process that starts anew."""
    while not stop.is_set():
        await store.sweep(limit=random.choice((1, 4, 100)))
        if random.random() < 0.05:
            await store.close()
            await store.open()
        await asyncio.sleep(random.uniform(0, 0.01))


async def save_marked(store: ImageStore, stop: threading.Event, *, ids: Sequence[str]) -> None:
    """Save pictures of mixed sizes and tell when each save began and ended, by the clock that all processes share."""
    marks: list[tuple[float, float]] = []
    size = 0
    while not stop.is_set():
        image_id = random.choice(ids)
        body = body_of(image_id, str(len(marks)), random.choice(_PICTURES))
        begun = time.monotonic()
        await save(store, image_id, body)
        marks.append((begun, time.monotonic()))
        size += len(body)
    tell(saves=marks, bytes=size)


async def rewrap(store: ImageStore, stop: threading.Event, *, secrets: Sequence[str]) -> None:
    """Wrap all keys anew under the last secret, each in a transaction of its own, and tell of each."""

    def show(done: int, _: int) -> None:
        tell(done=done)
        time.sleep(random.choice((0, 0.005)))

    ring = await find_ring(store, KeyRing(secrets))
    with mock.patch.object(rotation, "_BATCH", 1):
        await rotation.rewrap_keys(store, ring, show)


async def recall(store: ImageStore, stop: threading.Event, *, ids: Sequence[str], secret: str) -> None:
    """Revoke images and give them other keys, one by one, and tell of each."""
    async with Pixstore(store, secret=secret) as pix:
        while not stop.is_set():
            image_id = random.choice(ids)
            await pix.revoke(image_id)
            revoked = await store.get(image_id)
            assert revoked is not None
            tell(revoked=[image_id, revoked.epoch])
            resealed = await pix.reseal_image(image_id)
            tell(resealed=[image_id, resealed.token])


async def copy_on(store: ImageStore, stop: threading.Event, *, into: str) -> None:
    """Copy the store into another one, pass after pass, and tell of each step and each pass."""
    target = store_of(into)
    await target.open()
    while not stop.is_set():
        async for step in copy_store(store, target):
            tell(step=[step.image_id, step.outcome.value, step.reason])
        tell(passed=True)
    await target.close()


async def change_pictures(store: ImageStore, stop: threading.Event, *, images: int) -> None:
    """Save, replace and delete real images, about so many at a time, and tell of each change."""
    ids: list[str] = []
    async with Pixstore(store, secret=SECRET) as pix:
        while not stop.is_set():
            image = large_png(random.choice(_SEVERAL_CHUNKS))
            with contextlib.suppress(StoreError):  # on a slow machine a sweep may take the upload
                if len(ids) < images:
                    ids.append((await pix.save_image(image)).id)
                elif random.random() < 0.3:
                    await pix.delete_image(ids.pop(random.randrange(images)))
                else:
                    await pix.update_image(random.choice(ids), image)
                tell(changed=len(ids))


async def fill(store: ImageStore, stop: threading.Event, *, limit: int, refusals: int) -> None:
    """Save into one directory with a limit, two at a time, until so many saves are refused. Sometimes delete one."""
    counts: Counter[str] = Counter(saved=0, deleted=0, refused=0)
    async with Pixstore(store, secret=SECRET) as pix:

        async def save_one() -> str | None:
            image = large_png(random.choice((500, 30_000, 1_200_000)))
            try:
                image_id = (await pix.save_image(image, directory="ada", max_directory_images=limit)).id
            except DirectoryFull:
                counts["refused"] += 1
                return None
            counts["saved"] += 1
            return image_id

        async def fill_on() -> None:
            while counts["refused"] < refusals and not stop.is_set():
                image_id = await save_one()
                if image_id and random.random() < 0.5:
                    is_deleted = await pix.delete_image(image_id)
                    counts["deleted"] += is_deleted

        await asyncio.gather(fill_on(), fill_on())
        while await save_one():  # the last delete may have come after the last save
            pass
    tell(**counts)


async def back_up(store: ImageStore, stop: threading.Event, *, into: str) -> None:
    """Back up a store with a folder, by copies as to another disk. Tell of each step and of the end."""
    assert isinstance(store, SqliteStore)
    assert isinstance(store.bodies, BodyFolder)
    rows, folder, _ = parts_of(into)
    with mock.patch.object(FolderCopy, "_link", return_value=False):
        async for step in back_up_with_folder(store.path, Path(rows), FolderCopy(folder, store.bodies)):
            tell(step=[step.image_id, step.outcome.value, step.reason])
    tell(done=True)


async def restore(store: ImageStore, stop: threading.Event, *, into: str) -> None:
    """Restore this backup with a folder into another store, by copies. Tell of the end."""
    assert isinstance(store, SqliteStore)
    assert isinstance(store.bodies, BodyFolder)
    rows, folder, _ = parts_of(into)
    with mock.patch.object(FolderCopy, "_link", return_value=False):
        async for _ in restore_with_folder(store.path, Path(rows), FolderCopy(folder, store.bodies)):
            pass
    tell(done=True)


ROLES = {
    "reader": read_all,
    "updater": update_and_sweep,
    "writer": write_and_tell,
    "grouper": groups.save_and_tell,
    "sweeper": sweep_on,
    "saver": save_marked,
    "rewrapper": rewrap,
    "recaller": recall,
    "copier": copy_on,
    "picturer": change_pictures,
    "filler": fill,
    "backer": back_up,
    "restorer": restore,
    "changer": freshness.change_all,
    "watcher": freshness.watch_all,
}


def stop_at_end_of_input() -> threading.Event:
    """Return an event that is set when the parent closes our stdin, or ends."""
    stop = threading.Event()

    def wait() -> None:
        os.read(0, 1)
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    return stop


async def run(
    role: str, target: str, *, without_leases: bool = False, grace_s: float | None = None, **options: object
) -> None:
    stop = stop_at_end_of_input()
    with mock.patch.object(leases, "fcntl", None) if without_leases else contextlib.nullcontext():
        store = store_of(target, sweeps_all=without_leases, grace_s=grace_s)
        tell(opens=True)
        await store.open()
        tell(ready=True)
        try:
            await ROLES[role](store, stop, **options)  # type: ignore[operator]
        finally:
            await store.close()


def main(
    until: Connection,
    says: Connection,
    environment: Mapping[str, str],
    role: str,
    target: str,
    options: Mapping[str, Any],
) -> None:
    """Run in a new process until one pipe ends, and tell on the other one."""
    os.environ.update(environment)
    for connection, descriptor in ((until, 0), (says, 1)):
        os.dup2(connection.fileno(), descriptor)
        connection.close()
    asyncio.run(run(role, target, **options))
