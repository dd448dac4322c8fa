"""SIGTERM on its way through a Pixstore to the server's own handler."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pixstore_asgi import ConfigError, Pixstore
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from tests.support.samples import SECRET
from tests.support.service import until

LONG_S = 600


@pytest.fixture
def reached() -> Iterator[list[int]]:
    """The signals that reached the server's handler."""
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


def draining(seconds: float) -> Pixstore:
    return Pixstore(MemoryStore(), secret=SECRET, drain_s=seconds)


async def test_without_it_the_signal_is_left_alone(reached: list[int]) -> None:
    """By default no handler is taken, and SIGTERM reaches the server at once."""
    handler = signal.getsignal(signal.SIGTERM)
    async with draining(0):
        assert signal.getsignal(signal.SIGTERM) is handler


async def test_a_second_signal_does_not_wait(reached: list[int]) -> None:
    """A second SIGTERM ends the drain at once: it is passed on once, and the server's handler is restored."""
    handler = signal.getsignal(signal.SIGTERM)
    async with draining(LONG_S):
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is handler


async def test_a_sleeping_loop_is_woken(reached: list[int]) -> None:
    """A loop that waits for nothing but its clients hands the signal on all the same."""
    async with draining(0.01):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.to_thread(until, lambda: reached, "SIGTERM was not handed on")
    assert reached == [signal.SIGTERM]


async def test_the_end_gives_the_signal_back(reached: list[int]) -> None:
    """A close in the middle of the drain ends it, and the Pixstore that opens again is ready."""
    handler = signal.getsignal(signal.SIGTERM)
    pix = draining(0.05)
    async with pix:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)  # the drain has begun
    assert signal.getsignal(signal.SIGTERM) is handler
    async with pix:
        assert await parts_of(pix).readiness.obstacle() is None
        await asyncio.sleep(0.1)
    assert reached == []


async def test_a_later_handler_is_left_in_place(reached: list[int]) -> None:
    """A handler that was set after ours stays."""

    def later(*_: Any) -> None:
        """Do nothing."""

    async with draining(LONG_S):
        signal.signal(signal.SIGTERM, later)
    assert signal.getsignal(signal.SIGTERM) is later


def test_another_thread_has_no_signals(reached: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """Outside the main thread, as in a test client, a Pixstore works, and the log says that drain_s does not."""
    handler = signal.getsignal(signal.SIGTERM)

    async def use() -> None:
        async with draining(LONG_S):
            pass

    thread = threading.Thread(target=asyncio.run, args=(use(),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert "drain_s has no effect" in caplog.text


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_a_time_that_cannot_be_is_refused(seconds: float) -> None:
    """A drain is of no time or more, and ends."""
    with pytest.raises(ConfigError, match="drain_s must be"):
        draining(seconds)
