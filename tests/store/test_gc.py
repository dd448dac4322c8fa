"""The sweep that rides on writes: it ends where its store ends, and begins again with it."""

import asyncio

import pytest

from pixstore_asgi.store.tables.gc import OccasionalGc


class Backlog:
    """A sweep that always finds more, and lets other tasks run."""

    def __init__(self) -> None:
        self.steps = 0
        self.sweep = OccasionalGc(self)

    async def __call__(self) -> int:
        self.steps += 1
        await asyncio.sleep(0)
        return 1


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixstore_asgi.store.tables.gc._EVERY_S", 0.0)


async def test_its_end_is_not_that_of_its_work() -> None:
    """A store that is closed waits for one step, and not for all that there is to sweep; opened again it goes on."""
    backlog = Backlog()
    for _ in range(2):
        backlog.sweep.soon()
        before = backlog.steps
        await asyncio.sleep(0.01)
        assert backlog.steps > before
        await asyncio.wait_for(backlog.sweep.ended(), 5)
        after = backlog.steps
        await asyncio.sleep(0.01)
        assert backlog.steps == after


async def test_one_that_is_ended_before_it_began_takes_no_step() -> None:
    """A close right behind the write that it rides on waits for no sweep."""
    backlog = Backlog()
    backlog.sweep.soon()
    await backlog.sweep.ended()
    assert backlog.steps == 0


def test_it_outlives_its_event_loop() -> None:
    """An event loop that ended just as a sweep was to begin keeps none in the next one from sweeping."""
    backlog = Backlog()

    async def begin() -> None:
        backlog.sweep.soon()
        run = backlog.sweep._runs.get()
        assert run is not None
        run.task.cancel()

    async def go_on() -> None:
        backlog.sweep.soon()
        await asyncio.sleep(0.01)
        await backlog.sweep.ended()

    asyncio.run(begin())
    assert backlog.steps == 0
    asyncio.run(go_on())
    assert backlog.steps > 0
