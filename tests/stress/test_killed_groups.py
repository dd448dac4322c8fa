"""Saves of images with their variants cut off by kill -9: all of one version is there, or all of the one before."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import ExitStack

import pytest

from tests.stress.bodies import read
from tests.stress.groups import ids_of
from tests.stress.processes import Worker
from tests.stress.stores import left_in, store_of

pytestmark = pytest.mark.slow

IDS = [f"image-{number}" for number in range(6)]
KILLS = [
    pytest.param(8, id="short"),
    pytest.param(100, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
]


async def check_tokens(target: str) -> int:
    """Look at each group while others write to it, and return how many there are: all of one has one token and epoch,
    for every write here is of the whole group."""
    store = store_of(target)
    await store.open()
    found = 0
    for image_id in IDS * 5:
        images = await store.get_many(ids_of(image_id))
        assert len({(image.token, image.epoch, image.created_ms) for image in images.values()}) <= 1
        assert not images or image_id in images
        found += bool(images)
    await store.close()
    return found


async def check_bodies(target: str, workers: list[Worker]) -> None:
    """Read each group after its writers have ended: it equals the group of one save, and none is too old."""
    members: dict[tuple[str, str], list[str]] = {}
    tokens: defaultdict[str, list[int]] = defaultdict(list)
    deleted: set[str] = set()
    for worker in workers:
        members |= {(image_id, label): names for image_id, label, names in worker.told("saving")}
        deleted |= set(worker.told("deleting"))
        for image_id, _, token in worker.told("saved"):
            tokens[image_id].append(token)
    store = store_of(target, sweeps_all=True)
    await store.open()
    for image_id in IDS:
        found = [body for each in ids_of(image_id) if (body := await read(store, each))]
        if not found:
            assert not tokens[image_id] or image_id in deleted
            continue
        assert len({(image.token, label) for image, label in found}) == 1
        image, label = found[0]
        assert [each.id for each, _ in found] == members[image_id, label]
        assert image.token >= max(tokens[image_id], default=0)
    await store.sweep(limit=1_000_000)
    await store.close()


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_save_leaves_no_mixture(target: str, kills: int) -> None:
    """Whenever a save is cut off, an image and its variants are of one save, and one sweep removes all remains."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker("grouper", target, name=f"g{n}", ids=IDS)) for n in range(2)]
        at_work, looks = list(workers), 0
        for number in range(kills):
            killed = at_work.pop(0)
            killed.wait_for(random.choice(("opens", "saving", "saved")))
            time.sleep(random.uniform(0, 0.3))
            killed.kill()
            looks += asyncio.run(check_tokens(target))
            at_work.append(stack.enter_context(Worker("grouper", target, name=f"g{number + 2}", ids=IDS)))
            workers.append(at_work[-1])
        for worker in at_work:
            worker.wait_for("saved")
            worker.kill()
    asyncio.run(check_bodies(target, workers))
    left = asyncio.run(left_in(target))
    assert left == dict.fromkeys(left, 0)
    assert looks > 0
    print(f"\n{kills} kills, {sum(len(worker.told('saved')) for worker in workers)} groups saved")
