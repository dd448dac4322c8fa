"""Images changed in every way, by processes that are killed: no other process ever gives an outdated answer."""

import asyncio
import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stress.bodies import body_of, save
from tests.stress.processes import Worker
from tests.stress.stores import store_of

pytestmark = pytest.mark.slow

IDS = [f"image-{number}" for number in range(30)]


async def save_all(target: str) -> None:
    store = store_of(target)
    await store.open()
    for image_id in IDS:
        await save(store, image_id, body_of(image_id, "first", 500))
    await store.close()


def watch(target: str, board: Path, kills: int, *, counts: bool) -> Counter[str]:
    """Let two processes change images and two ask for them, kill so many that write, and sum it up."""
    asyncio.run(save_all(target))
    found: Counter[str] = Counter()
    with ExitStack() as stack:

        def start() -> Worker:
            worker = stack.enter_context(Worker("changer", target, ids=IDS, board=str(board), counts=counts))
            worker.wait_for("ready")
            return worker

        watchers = [stack.enter_context(Worker("watcher", target, ids=IDS, board=str(board))) for _ in range(2)]
        changers = [start(), start()]
        for _ in range(kills):
            time.sleep(random.uniform(0.05, 0.5))
            slot = random.randrange(len(changers))
            changers[slot].kill()
            changers[slot] = start()
        for watcher in watchers:
            watcher.wait_for("enough")
        for worker in (*changers, *watchers):
            found.update(worker.stop())
    print(f"\n{dict(found)}")
    return found


@pytest.mark.parametrize(
    "kills",
    [pytest.param(8, id="short"), pytest.param(150, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(300)])],
)
def test_no_answer_is_older_than_what_was_acknowledged(target: str, tmp_path: Path, kills: int) -> None:
    """While writers are killed at random moments, no answer is stale; of SQLite's most come out of memory."""
    found = watch(target, tmp_path / "board", kills, counts=True)
    assert found["stale"] == 0
    assert found["answers"] > 2000
    assert "://" in target or found["hot"] > found["answers"] / 2
    assert found["changes"]


def test_writers_that_do_not_count_are_noticed_by_this_test(tmp_path: Path) -> None:
    """The same with writers that move no counters finds stale answers, or it would prove nothing."""
    assert watch(str(tmp_path / "images.db"), tmp_path / "board", 3, counts=False)["stale"] > 0
