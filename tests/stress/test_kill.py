"""Processes killed at random moments: acknowledged writes stay, and leftovers are swept."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import ExitStack
from typing import Any

import pytest

from tests.stress.bodies import read
from tests.stress.conftest import WITH_FILES
from tests.stress.processes import Worker
from tests.stress.stores import at_rest, left_in, store_of

pytestmark = pytest.mark.slow

IDS = [f"image-{number}" for number in range(20)]
ROLES = ("writer", "writer", "reader", "reader", "sweeper")


def start(role: str, number: int, target: str) -> Worker:
    options: dict[str, dict[str, object]] = {
        "writer": {"name": f"w{number}", "ids": IDS},
        "reader": {"ids": IDS},
        "sweeper": {},
    }
    return Worker(role, target, **options[role])


def kill_at_random(target: str, kills: int) -> list[Worker]:
    """Keep five processes at work and kill so many, in the end all at once; return all that ever ran."""
    with ExitStack() as stack:
        started = [stack.enter_context(start(role, number, target)) for number, role in enumerate(ROLES)]
        at_work = list(started)
        at_work[0].wait_for("saved")
        for number in range(kills - len(ROLES)):
            slot = random.randrange(len(ROLES))
            at_work[slot].wait_for("opens")
            time.sleep(random.uniform(0, 0.3))
            at_work[slot].kill()
            at_work[slot] = stack.enter_context(start(ROLES[slot], len(ROLES) + number, target))
            started.append(at_work[slot])
        for worker in at_work:
            worker.wait_for("opens")
        time.sleep(random.uniform(0, 0.3))
        for worker in at_work:
            worker.kill()
    return started


class History:
    """All messages of the writers: the acknowledged versions of an image, and those that may have been committed."""

    def __init__(self, reports: list[dict[str, Any]]) -> None:
        self.begun: defaultdict[str, set[str]] = defaultdict(set)
        self.saved: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.maybe_deleted = {report["deleting"] for report in reports if "deleting" in report}
        self.deleted = {report["deleted"] for report in reports if "deleted" in report}
        for image_id, label in (report["saving"] for report in reports if "saving" in report):
            self.begun[image_id].add(label)
        for image_id, label, token in (report["saved"] for report in reports if "saved" in report):
            self.saved[image_id][label] = token

    def check(self, image_id: str, token: int | None, label: str | None) -> None:
        """Assert that an image may end in this state: `label` with `token`, or None if there is none."""
        saved = self.saved[image_id]
        if image_id in self.deleted:
            assert token is None, f"{image_id} was deleted"
        elif token is None:
            assert not saved or image_id in self.maybe_deleted, f"{image_id} is lost"
        else:
            assert label in self.begun[image_id], f"{image_id} is {label}, which nobody wrote"
            assert token >= max(saved.values(), default=0), f"{image_id} is {label}, older than what was acknowledged"
            assert saved.get(label, token) == token, f"{image_id} is {label} with another token"
            assert label in saved or token not in saved.values(), f"{image_id} is {label}, with a token used before"


async def check_images(target: str, history: History) -> int:
    """Read every image that was ever written, sweep once, and return how many blobs that removed."""
    store = store_of(target, sweeps_all=True)
    await store.open()
    try:
        for image_id in history.begun:
            found = await read(store, image_id)
            image, label = found or (None, None)
            assert await store.get(image_id) == image
            history.check(image_id, image.token if image else None, label)
        known = {image.id for image in await store.list(limit=1_000_000)}
        assert known <= set(history.begun)
        return await store.sweep(limit=1_000_000)
    finally:
        await store.close()


@pytest.mark.parametrize("target", WITH_FILES, indirect=True)
@pytest.mark.parametrize(
    "kills",
    [pytest.param(12, id="short"), pytest.param(220, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])],
)
def test_a_killed_process_loses_and_leaves_nothing(target: str, kills: int) -> None:
    """Every acknowledged image is there and whole, readers saw whole bodies only, and one sweep removes all remains."""
    workers = kill_at_random(target, kills)
    assert [fault for worker in workers for fault in worker.told("fault")] == []
    history = History([report for worker in workers for report in worker.reports])
    asyncio.run(at_rest(target))
    swept = asyncio.run(check_images(target, history))
    left = asyncio.run(left_in(target))
    assert left == dict.fromkeys(left, 0)
    acknowledged = sum(len(saved) for saved in history.saved.values())
    assert acknowledged > kills
    print(
        f"\n{kills} kills, {acknowledged} acknowledged saves, {len(history.deleted)} deletes, {swept} bodies left over"
    )
