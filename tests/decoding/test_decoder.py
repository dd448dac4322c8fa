"""Decoder: its results, and the life of its processes."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import util

import anyio.to_thread
import pytest

from pixstore_asgi.decoding import Decoded, Decoder, Variant, handle, pool
from pixstore_asgi.decoding.fork_server import ForkServer
from pixstore_asgi.decoding.messages import End
from pixstore_asgi.errors import ConfigError, InvalidImage
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import FORMATS, encoded, photo, quarters, task
from tests.decoding.processes import children, confined_workers, descendants, fork_servers, is_alive, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc"),
]

PICTURE = encoded(quarters(), "jpeg")


class Interrupted(Sequence[bytes]):
    """A picture that calls something after its first half was sent: the worker then waits for the second.

    times: at how many attempts, from the first on.
    """

    def __init__(self, between: Callable[[], object], data: bytes = PICTURE, *, times: int = 1) -> None:
        self._between = between
        self._sendings = range(2, 2 + times)  # at the first reading its length is taken
        self._halves = data[: len(data) // 2], data[len(data) // 2 :]
        self._readings = 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        return self._halves[index]

    def __iter__(self) -> Iterator[bytes]:
        self._readings += 1
        yield self._halves[0]
        if self._readings in self._sendings:
            self._between()
        yield self._halves[1]


def signal_child(number: signal.Signals) -> None:
    for pid in confined_workers():
        os.kill(pid, number)


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_picture_is_decoded_in_another_process(make_decoder: MakeDecoder, kind: str) -> None:
    """Each format decodes completely, in pieces of any size."""
    decoder = make_decoder([Variant("v", 30), Variant("w", 20, format="avif")], placeholder=True)
    data = encoded(quarters(), kind)
    outcome = await decoder.decode([data[:1], b"", data[1:20], data[20:]], kind)
    assert (outcome.width, outcome.height, list(outcome.variants)) == (60, 40, ["v", "w"])
    assert outcome.placeholder
    assert await decoder.decode([data], kind) == outcome


async def test_a_check_alone_tells_the_size(make_decoder: MakeDecoder) -> None:
    """Without variants and placeholder there are width and height alone."""
    assert await make_decoder().decode([PICTURE], "jpeg") == Decoded(60, 40)


@pytest.mark.parametrize("pieces", [[], [b""], [b"no picture"], [PICTURE[:-200]]])
async def test_what_does_not_decode_is_no_image(make_decoder: MakeDecoder, pieces: list[bytes]) -> None:
    """Nothing, something else and half a picture raise InvalidImage, and the next one is decoded."""
    decoder = make_decoder()
    with pytest.raises(InvalidImage, match="the JPEG image does not decode"):
        await decoder.decode(pieces, "jpeg")
    with pytest.raises(InvalidImage, match="does not decode"):
        await decoder.decode([PICTURE], "an-unknown-format")
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_a_decoder_that_was_never_used_is_closed() -> None:
    """Made and closed, it has started nothing, and may be closed again."""
    decoder = Decoder()
    await decoder.close()
    await decoder.close()
    assert not fork_servers()


async def test_closing_ends_the_processes(make_decoder: MakeDecoder) -> None:
    """After `close` nothing runs, and the next picture starts it again."""
    decoder = make_decoder()
    for _ in range(2):
        await decoder.decode([PICTURE], "jpeg")
        running = fork_servers()
        assert len(running) == 1
        await decoder.close()
        assert not any(map(is_alive, running))


async def test_closing_waits_for_what_is_decoded(make_decoder: MakeDecoder) -> None:
    """A picture that is on its way when `close` is called is decoded all the same."""
    decoder = make_decoder(processes=1)
    await decoder.decode([PICTURE], "jpeg")
    underway = [asyncio.create_task(decoder.decode([PICTURE], "jpeg")) for _ in range(5)]
    await asyncio.sleep(0)
    await decoder.close()
    assert await asyncio.gather(*underway) == [Decoded(60, 40)] * 5


def test_each_event_loop_has_its_own() -> None:
    """One decoder serves one event loop after another."""
    decoder = Decoder()

    async def use() -> Decoded:
        try:
            return await decoder.decode([PICTURE], "jpeg")
        finally:
            await decoder.close()

    assert [asyncio.run(use()) for _ in range(2)] == [Decoded(60, 40)] * 2
    wait_until(lambda: not descendants())


def test_a_loop_that_was_closed_leaves_no_process() -> None:
    """The processes of an event loop that was closed before them end when the decoder is used or closed again."""
    decoder, loop = Decoder(), asyncio.new_event_loop()
    loop.run_until_complete(decoder.decode([PICTURE], "jpeg"))
    loop.close()
    asyncio.run(decoder.close())
    wait_until(lambda: not descendants())


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
async def test_a_crash_is_an_invalid_image(make_decoder: MakeDecoder, number: signal.Signals) -> None:
    """A worker that a signal ends has had a bad picture; the next one is decoded, by the same fork server."""
    decoder = make_decoder()
    await decoder.decode([PICTURE], "jpeg")
    before = fork_servers()
    with pytest.raises(InvalidImage, match="crashed"):
        await decoder.decode(Interrupted(lambda: signal_child(number)), "jpeg")
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)
    assert fork_servers() == before


async def test_a_killed_helper_is_started_again(make_decoder: MakeDecoder) -> None:
    """Pictures that a fork server takes with it, and those after it, are decoded by another."""
    decoder = make_decoder(processes=2)
    await decoder.decode([PICTURE], "jpeg")
    (first,) = fork_servers()

    def kill_helper() -> None:
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_alive(first))

    both = await asyncio.gather(
        decoder.decode(Interrupted(kill_helper), "jpeg"), *(decoder.decode([PICTURE], "jpeg") for _ in range(5))
    )
    assert both == [Decoded(60, 40)] * 6
    assert first not in fork_servers()
    for pid in fork_servers():
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))  # noqa: B023
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_children_of_a_killed_helper_end(make_decoder: MakeDecoder) -> None:
    """A worker outlives its fork server no more than the application."""
    decoder = make_decoder(processes=1)
    orphans: list[int] = []

    def kill_helper() -> None:
        orphans.extend(confined_workers())
        os.kill(orphans[0], signal.SIGSTOP)
        os.kill(fork_servers()[0], signal.SIGKILL)

    assert await decoder.decode(Interrupted(kill_helper), "jpeg") == Decoded(60, 40)
    wait_until(lambda: not any(map(is_alive, orphans)))


async def test_a_cancelled_caller_leaves_no_child(make_decoder: MakeDecoder) -> None:
    """The worker of a caller that has gone is killed, even one that does nothing any more, and its place is free."""
    decoder = make_decoder(processes=1)
    await decoder.decode([PICTURE], "jpeg")
    for _ in range(3):
        stopped = asyncio.Event()

        def stop(stopped: asyncio.Event = stopped) -> None:
            signal_child(signal.SIGSTOP)
            stopped.set()

        caller = asyncio.create_task(decoder.decode(Interrupted(stop), "jpeg"))
        await stopped.wait()
        await asyncio.sleep(0.01)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        (server,) = fork_servers()
        wait_until(lambda: not children(server))  # noqa: B023
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


async def test_cancelled_callers_do_not_disturb_the_others(make_decoder: MakeDecoder) -> None:
    """Of many callers of which every other is cancelled, at any moment, all others have their answer."""
    decoder = make_decoder(processes=3)
    callers = [asyncio.create_task(decoder.decode([PICTURE], "jpeg")) for _ in range(40)]
    for number, caller in enumerate(callers):
        if number % 2:
            await asyncio.sleep(0.005)
            caller.cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert outcomes[::2] == [Decoded(60, 40)] * 20
    assert all(isinstance(each, asyncio.CancelledError) or each == Decoded(60, 40) for each in outcomes[1::2])
    (server,) = fork_servers()
    wait_until(lambda: not children(server))


@pytest.mark.parametrize("processes", [1, 3])
async def test_no_more_are_decoded_at_once_than_there_are_places(make_decoder: MakeDecoder, processes: int) -> None:
    """Callers beyond `processes` wait, and have their turn in the order in which they came."""
    decoder = make_decoder(processes=processes)
    order: list[int] = []
    seen: list[int] = []

    async def one(number: int) -> None:
        def note() -> None:
            seen.append(len(confined_workers()))
            order.append(number)

        await decoder.decode(Interrupted(note), "jpeg")

    await asyncio.gather(*(one(number) for number in range(12)))
    assert max(seen) <= processes
    assert order == list(range(12))


def test_a_helper_that_can_fork_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no process, the fork server goes on, and the application knows of it."""

    def no_fork() -> int:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(os, "fork", no_fork)
    control, servers = socket.socketpair()
    end, servers_end = socket.socketpair()
    link, childs_link = socket.socketpair()
    handler = signal.getsignal(signal.SIGCHLD)
    with control, servers, end, link:
        with servers_end, childs_link:
            socket.send_fds(control, [b"\0"], [childs_link.fileno(), servers_end.fileno()])
        control.shutdown(socket.SHUT_WR)
        try:
            ForkServer(servers, task()).serve()
        finally:
            signal.signal(signal.SIGCHLD, handler)
        assert end.recv(10) == bytes([End.NOT_STARTED])
        assert end.recv(10) == link.recv(10) == b""


async def test_a_child_that_says_too_much_is_not_listened_to(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was taken over and sends without end, or nonsense, is one that crashed."""
    for lies in ("while True: link.sendall(bytes(65536))", "link.sendall(b'nonsense' * 9)"):
        boot = handle._BOOT.replace(
            "main(",
            "from pixstore_asgi.decoding import worker\n"
            f"def live(*_):\n    import os, socket\n    link = socket.socket(fileno=0)\n    {lies}\n    os._exit(0)\n"
            "worker.live = live\nmain(",
        )
        with monkeypatch.context() as patched:
            patched.setattr(handle, "_BOOT", boot)
            patched.setattr(pool, "MAX_REPLY_BYTES", 1024 * 1024)
            with pytest.raises(InvalidImage, match="crashed"):
                await make_decoder().decode([PICTURE], "jpeg")
    for pid in fork_servers():
        wait_until(lambda: not children(pid))  # noqa: B023


async def test_a_fork_of_the_application_lets_go(make_decoder: MakeDecoder) -> None:
    """A process that the application forks does not keep its fork server, and starts one of its own."""
    decoder = make_decoder()
    await decoder.decode([PICTURE], "jpeg")
    before = set(os.listdir("/proc/self/fd"))
    pid = os.fork()
    if pid == 0:
        # The fork of a running event loop: all it may do is to use the decoder in another one, in a thread of its own.
        status = 1
        try:
            sockets = [fd for fd in before if os.path.exists(f"/proc/self/fd/{fd}")]
            is_free = len(sockets) < len(before) and not decoder._pools.values()
            status = 0 if is_free else 2
        finally:
            os._exit(status)
    _, status = await anyio.to_thread.run_sync(os.waitpid, pid, 0)
    assert status == 0
    assert await decoder.decode([PICTURE], "jpeg") == Decoded(60, 40)


def test_without_its_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Pillow or a part of it is not installed, ConfigError names the missing package."""
    from PIL import features

    with monkeypatch.context() as patched:
        find = util.find_spec
        patched.setattr("pixstore_asgi.decoding.decoder.find_spec", lambda name: None if name == "PIL" else find(name))
        with pytest.raises(ConfigError, match=r"needs Pillow: pip install '\.\[images\]'"):
            Decoder()
    with monkeypatch.context() as patched:
        patched.setattr(features, "check", lambda feature: feature != "avif")
        with pytest.raises(ConfigError, match="lacks avif"):
            Decoder()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "")
        with pytest.raises(ConfigError, match=r"sys\.executable"):
            Decoder()


@pytest.mark.slow
async def test_large_pictures_go_both_ways(make_decoder: MakeDecoder) -> None:
    """A picture, and a variant, that are longer than any buffer of a socket arrive whole."""
    data = photo(2400, 1800, "png")
    outcome = await make_decoder([Variant("same", 2400, format="png")]).decode([data], "png")
    assert len(data) > 1_000_000 < len(outcome.variants["same"].data)
