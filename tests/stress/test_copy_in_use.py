"""A store that others write to, copied by processes that are killed at random moments: no image is torn or lost."""

import asyncio
import random
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pixstore_asgi.store.contract_tests.steps import checks_of
from pixstore_asgi.store.contract_tests.steps import save as save_one
from pixstore_asgi.store.sqlite import SqliteStore
from tests.demo.process import run
from tests.stress.bodies import body_of, read, save
from tests.stress.processes import Worker
from tests.stress.test_kill import IDS, NOTHING_IS_LEFT
from tests.transfer.copies import content_of

pytestmark = pytest.mark.slow

KILLS, STILL = 8, 60


async def begin(path: Path) -> None:
    """Make a store that knows a secret, with images that nobody writes to."""
    store = SqliteStore(path)
    await store.open()
    await save_one(store, "first", bytes(200), key_id=b"key.", checks=await checks_of(store, b"key."))
    await store.delete("first")
    for number in range(STILL):
        await save(store, f"still-{number:02}", body_of(f"still-{number:02}", "", 2_000_000))
    await store.close()


async def read_all(path: Path) -> int:
    """Read all images of a store, which raises Torn where one is not whole, and return how many there are."""
    store = SqliteStore(path)
    await store.open()
    images = await store.list(limit=100_000)
    found = [await read(store, image.id) for image in images]
    await store.sweep(limit=100_000)
    await store.close()
    assert None not in found
    return len(images)


async def compare(source: Path, target: Path) -> None:
    """Assert that two stores have the same images, bodies and deleted ids."""
    stores = SqliteStore(source), SqliteStore(target)
    for store in stores:
        await store.open()
    assert await content_of(stores[0]) == await content_of(stores[1])
    for store in stores:
        await store.close()


def copy_and_kill(source: Path, target: Path) -> list[list[str]]:
    """Copy in a process of its own, kill it in the middle, and return the steps that it told of."""
    with Worker("copier", source, into=str(target)) as copier:
        copier.wait_for("step")
        time.sleep(random.uniform(0, 0.5))
        copier.kill()
    return copier.told("step")


def test_a_copy_follows_its_source_through_kills(tmp_path: Path) -> None:
    """After each kill all that is in the target is whole; a pass after the last write makes both the same."""
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    asyncio.run(begin(source))
    with ExitStack() as stack:
        writers = [stack.enter_context(Worker("writer", source, name=f"w{n}", ids=IDS)) for n in range(2)]
        writers[0].wait_for("saved")
        steps, found = [], []
        for _ in range(KILLS):
            steps.append(copy_and_kill(source, target))
            found.append(asyncio.run(read_all(target)))
        copier = stack.enter_context(Worker("copier", source, into=str(target)))
        copier.wait_for("passed")
        for worker in (copier, *writers):
            worker.stop()
    last = run("copy", "--from", str(source), "--to", str(target))
    assert (last.returncode, last.stderr) == (0, "")
    asyncio.run(compare(source, target))
    assert asyncio.run(read_all(target)) > STILL
    assert [step for told in (*steps, copier.told("step")) for step in told if step[2]] == []
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        left = {what: db.execute(query).fetchone()[0] for what, query in NOTHING_IS_LEFT.items()}
    assert left == dict.fromkeys(NOTHING_IS_LEFT, 0)
    print(f"\n{KILLS} kills, after so many steps: {[len(told) for told in steps]}; in the target then: {found}")
