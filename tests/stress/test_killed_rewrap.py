"""A rewrapping that is killed again and again: every image opens after each kill, and the next run goes on."""

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from tests.stress.conftest import BLOBS
from tests.stress.processes import Worker
from tests.stress.stores import store_of
from tests.support.samples import OTHER_SECRET, SECRET, picture

pytestmark = pytest.mark.slow

BOTH = [SECRET, OTHER_SECRET]
LENGTHS = [
    pytest.param(300, 5, id="short"),
    pytest.param(2000, 20, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


async def save_all(target: str, count: int) -> dict[str, bytes]:
    images = [picture(seed=number % 256, size=16) for number in range(count)]
    async with Pixstore(store_of(target), secret=SECRET) as pix:
        return {(await pix.save_image(image)).id: image for image in images}


async def check_all(target: str, secrets: str | Sequence[str], images: dict[str, bytes]) -> tuple[int, int]:
    """Assert that every image opens; return how many are under the first and the last of two secrets, if two."""
    async with Pixstore(store_of(target), secret=secrets, cache_bytes=0) as pix:
        for image_id, image in images.items():
            found = await pix.read_image(image_id)
            assert found is not None
            assert found.data == image
        states = await pix.key_status()
    return states[0].images, states[-1].images


def kill_one(target: str) -> None:
    """Begin a rewrapping and kill it soon after its begin, or in the middle of its work."""
    with Worker("rewrapper", target, secrets=BOTH) as worker:
        worker.wait_for(random.choice(("opens", "done", "done", "done")))
        time.sleep(random.uniform(0, 0.05))
        worker.kill()


@pytest.mark.parametrize(("count", "kills"), LENGTHS)
@pytest.mark.parametrize("blobs", BLOBS)
async def test_a_killed_rewrapping_costs_no_image(tmp_path: Path, count: int, kills: int, blobs: str) -> None:
    """After each kill all images open, no key that was done is undone, and a last run does the rest."""
    path = tmp_path / "pixstore.db"
    target = f"{path}{blobs.format(tmp_path)}"
    images = await save_all(target, count)
    done = 0
    for _ in range(kills):
        kill_one(target)
        old, new = await check_all(target, BOTH, images)
        assert old + new == count
        assert new >= done
        done = new
        if done > count // 2:  # begin anew, or there would be nothing left to be killed at
            async with Pixstore(store_of(target), secret=BOTH[::-1]) as pix:
                await pix.rewrap_keys()
            done = 0
    with Worker("rewrapper", target, secrets=BOTH) as worker:
        worker.wait(60)
    assert await check_all(target, BOTH, images) == (0, count)
    async with Pixstore(store_of(target), secret=BOTH) as pix:
        old_status, _ = await pix.key_status()
        await pix.retire_key(old_status.key_id)
    assert await check_all(target, OTHER_SECRET, images) == (count, count)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_two_rewrappings_at_once_are_one(tmp_path: Path) -> None:
    """Two processes that rewrap the same database at once both end well, with every image under the new secret."""
    path = str(tmp_path / "pixstore.db")
    images = await save_all(path, 300)
    with Worker("rewrapper", path, secrets=BOTH) as one, Worker("rewrapper", path, secrets=BOTH) as other:
        one.wait(60)
        other.wait(60)
    assert await check_all(path, BOTH, images) == (0, 300)
