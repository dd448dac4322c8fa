"""Failures that are not the picture's fault: too many pictures, or a failing machine or fork server."""

import asyncio
import errno
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from pixstore_asgi.decoding import Decoded, Decoder, handle, places, pool
from pixstore_asgi.errors import StoreBusy
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import encoded, quarters
from tests.decoding.processes import confined_workers, fork_servers, is_alive, wait_until
from tests.decoding.test_decoder import Interrupted, signal_child

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")]

PICTURE = encoded(quarters(), "jpeg")
TOO_MANY = "too many pictures wait to be decoded: try again"


async def hold_a_place(decoder: Decoder) -> "asyncio.Task[Decoded]":
    """Return a call that has its place, with a worker that does nothing, until it is cancelled."""
    await decoder.decode([PICTURE], "jpeg")
    stopped = asyncio.Event()

    def stop() -> None:
        signal_child(signal.SIGSTOP)
        stopped.set()

    holder = asyncio.create_task(decoder.decode(Interrupted(stop), "jpeg"))
    await stopped.wait()
    return holder


@contextmanager
def descriptors(free: int) -> Iterator[None]:
    """Leave this process just so many descriptors."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + free, limits[1]))
    held: list[int] = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(free):
            os.close(held.pop())
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_waiting_for_a_place_ends(make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that waited for the longest time gets StoreBusy, and the number of places stays the same."""
    decoder = make_decoder(processes=1)
    holder = await hold_a_place(decoder)
    with monkeypatch.context() as patched:
        patched.setattr(pool, "_MAX_WAIT_S", 0.05)
        three = (decoder.decode([PICTURE], "jpeg") for _ in range(3))
        outcomes = await asyncio.wait_for(asyncio.gather(*three, return_exceptions=True), 10)
    assert [(type(each), str(each)) for each in outcomes] == [(StoreBusy, TOO_MANY)] * 3
    holder.cancel()
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_one_picture_does_not_keep_the_others_waiting(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If others wait, one that takes long is stopped, and decoded anew once they are."""
    monkeypatch.setattr(places, "FIRST_TURN_S", 0)
    decoder = make_decoder(processes=1)
    slow = await hold_a_place(decoder)
    others = (decoder.decode([PICTURE], "jpeg") for _ in range(3))
    assert await asyncio.wait_for(asyncio.gather(*others), 20) == [Decoded(60, 40)] * 3
    assert await asyncio.wait_for(slow, 20) == Decoded(60, 40)


@pytest.mark.parametrize("has_helper", [True, False])
async def test_without_descriptors_it_is_busy(make_decoder: MakeDecoder, has_helper: bool) -> None:
    """With too few of them StoreBusy is raised, none is lost, and the fork server stays."""
    decoder = make_decoder()
    if has_helper:
        await decoder.decode([PICTURE], "jpeg")
    before = fork_servers()
    opened = len(os.listdir("/proc/self/fd"))
    for free in range(4 if has_helper else 2):
        with descriptors(free), pytest.raises(StoreBusy, match=f"{os.strerror(errno.EMFILE)}; try again"):
            await decoder.decode([PICTURE], "jpeg")
        assert len(os.listdir("/proc/self/fd")) == opened
    assert fork_servers() == before
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_a_killed_child_is_not_the_picture_s_fault(make_decoder: MakeDecoder) -> None:
    """After a worker that the system ends, as for want of memory, there is one more; then StoreBusy."""
    decoder = make_decoder()
    await decoder.decode([PICTURE], "jpeg")
    before = fork_servers()
    kill = partial(signal_child, signal.SIGKILL)
    assert await decoder.decode(Interrupted(kill), "jpeg") == Decoded(60, 40)
    with pytest.raises(StoreBusy, match="was killed, perhaps because memory ran out: try again"):
        await decoder.decode(Interrupted(kill, times=2), "jpeg")
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)
    assert fork_servers() == before


@pytest.mark.slow
async def test_a_child_that_does_not_end_is_given_up(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that its own clock does not end, because it is stopped or was taken over, ends with its fork server."""
    decoder = make_decoder(max_wall_s=3)
    await decoder.decode([PICTURE], "jpeg")
    monkeypatch.setattr(pool, "_GRACE_S", 0.1)
    stopped: list[int] = []

    def stop() -> None:
        stopped.extend([*confined_workers(), *fork_servers()])
        signal_child(signal.SIGSTOP)

    with pytest.raises(StoreBusy, match="does not answer: try again"):
        await decoder.decode(Interrupted(stop), "jpeg")
    wait_until(lambda: not any(map(is_alive, stopped)))
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


@pytest.mark.slow
async def test_a_helper_that_does_nothing_is_given_up(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped fork server costs one attempt to each picture with a place; another one decodes the next."""
    decoder = make_decoder(processes=2, max_wall_s=3)
    await decoder.decode([PICTURE], "jpeg")
    (stopped,) = fork_servers()
    monkeypatch.setattr(places, "FIRST_TURN_S", 60)
    monkeypatch.setattr(pool, "_GRACE_S", 0.1)
    monkeypatch.setattr(handle, "_PATIENCE_S", 0.1)
    os.kill(stopped, signal.SIGSTOP)
    three = (decoder.decode([PICTURE], "jpeg") for _ in range(3))
    outcomes = await asyncio.gather(*three, return_exceptions=True)
    assert [type(each) for each in outcomes] == [StoreBusy, StoreBusy, Decoded]
    assert not is_alive(stopped)


async def test_a_machine_that_starts_nothing_is_busy(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no fork server can be started, or each ends at once, StoreBusy says that it can be tried again."""
    decoder = make_decoder()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nonexistent")
        with pytest.raises(StoreBusy, match="No such file"):
            await decoder.decode([PICTURE], "jpeg")
    with monkeypatch.context() as patched:
        patched.setattr(handle, "_BOOT", "raise SystemExit")
        with pytest.raises(StoreBusy, match="ends by itself"):
            await decoder.decode([PICTURE], "jpeg")
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_no_process_for_a_child_is_busy(make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a fork server can start no process, the caller gets StoreBusy."""
    boot = handle._BOOT.replace(
        "main(", "import errno, os\ndef fork(): raise OSError(errno.EAGAIN, '')\nos.fork = fork\nmain("
    )
    monkeypatch.setattr(handle, "_BOOT", boot)
    decoder = make_decoder()
    for _ in range(2):
        with pytest.raises(StoreBusy, match="try again"):
            await decoder.decode([PICTURE], "jpeg")
    assert len(fork_servers()) == 1
