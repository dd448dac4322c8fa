"""Eight processes that save into one directory with a limit: together they fill it exactly, and never exceed it."""

import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.stress.processes import Worker
from tests.stress.stores import store_of

pytestmark = pytest.mark.slow

LIMIT = 20


async def largest_usage(target: str, workers: list[Worker]) -> int:
    """Ask for the usage of the directory until all processes have told their counts. Return the most images."""
    store, largest = store_of(target), 0
    await store.open()
    try:
        while not all(worker.told("refused") for worker in workers):
            largest = max(largest, (await store.usage(after="ada:", before="ada;")).images)
            await asyncio.sleep(0.005)
        assert (await store.usage(after="ada:", before="ada;")).images == LIMIT
    finally:
        await store.close()
    return largest


@pytest.mark.parametrize(
    "refusals",
    [pytest.param(4, id="short"), pytest.param(1000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_processes_share_the_room_of_a_directory(target: str, refusals: int) -> None:
    """At no moment are there more images than the limit. At the end there are exactly as many."""
    with ExitStack() as stack:
        fillers = [stack.enter_context(Worker("filler", target, limit=LIMIT, refusals=refusals)) for _ in range(8)]
        largest = asyncio.run(largest_usage(target, fillers))
        counts = sum((Counter(filler.stop()) for filler in fillers), Counter())
    print(f"\n{dict(counts)}, at most {largest} images at a time")
    assert largest <= LIMIT
    assert counts["saved"] - counts["deleted"] == LIMIT
    assert counts["refused"] >= 8 * refusals
