"""Pool: decodes the pictures of one event loop, in worker processes. Pictures beyond the number of workers wait."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence

import anyio

from ..errors import StoreBusy
from .handle import ForkServerHandle, Lost, WorkerSockets
from .holding import FULL
from .messages import MAX_REPLY_BYTES, NO_FOCUS, REQUEST, End, read_reply
from .places import LAST, Places
from .task import Decoded, Focus, Refusal, Task

_READ_BYTES = 256 * 1024
_GRACE_S = 10  # extra time for a worker to end itself, and for a fork server to start
_KILL_S = 1  # do not wait longer: a fork server that was stopped (SIGSTOP) kills no worker
_ATTEMPTS = 2
_MAX_WAIT_S = 60
_ENDS = "the process that decodes images ends by itself: its standard error says why; try again"
_KILLED = "the process that decoded the image was killed, perhaps because memory ran out: try again"


class DecodingKilled(StoreBusy):
    """Something outside has killed the worker, for example because memory ran out. Another picture may need less
    memory.
    """


class Pool:
    """The fork server of one event loop, and its workers.

    A picture waits for a place for at most a minute in total. This includes its turns that ended before it was decoded.
    """

    def __init__(self, task: Task, processes: int) -> None:
        self._task = task
        self._processes = processes
        self._places = Places(processes)
        self._server: ForkServerHandle | None = None
        self._workers: set[WorkerSockets] = set()

    async def decode(
        self, pieces: Sequence[bytes | memoryview], format: str, focus: Focus | None = None
    ) -> Decoded | Refusal:
        request = REQUEST.pack(sum(map(len, pieces)), format.encode(), *(focus or NO_FOCUS))
        until_s = asyncio.get_running_loop().time() + _MAX_WAIT_S
        for turns in itertools.count():
            await self._take_place(turns, until_s)
            try:
                with contextlib.suppress(TimeoutError):  # its turn is over: start again, behind waiting pictures
                    async with asyncio.timeout(None) as end:
                        with self._places.turn(turns, end):
                            return await self._decode(request, pieces)
            finally:
                self._places.give_back()
        raise AssertionError

    async def _take_place(self, turns: int, until_s: float) -> None:
        try:
            async with asyncio.timeout_at(until_s):
                await self._places.take(turns)
        except TimeoutError:
            raise StoreBusy(FULL) from None

    async def _decode(self, request: bytes, pieces: Sequence[bytes | memoryview]) -> Decoded | Refusal:
        trouble = StoreBusy()
        for _ in range(_ATTEMPTS):
            server = self._running()
            try:
                return await self._attempt(server, request, pieces)
            except Lost:
                trouble = StoreBusy(_ENDS)
                await self._give_up(server)
            except DecodingKilled as killed:
                trouble = killed
        raise trouble

    async def close(self) -> None:
        for _ in range(self._processes):  # wait until the current pictures are decoded
            await self._places.take(LAST)
        if self._server is not None:
            await self._give_up(self._server)
        for _ in range(self._processes):
            self._places.give_back()

    def drop(self) -> None:
        """End the fork server and all its workers, without waiting. Use it after the event loop was closed."""
        self._close_workers()
        if self._server is not None:
            self._server.end()

    def abandon(self) -> None:
        """In a forked child of the application: close the copied sockets, so that the fork server sees when the
        parent ends.
        """
        self._close_workers()
        if self._server is not None:
            self._server.abandon()

    def _close_workers(self) -> None:
        for worker in self._workers:
            worker.close()

    def _running(self) -> ForkServerHandle:
        if self._server is None:
            try:
                self._server = ForkServerHandle(self._task)
            except OSError as error:
                raise _not_started(error) from None
        return self._server

    async def _give_up(self, server: ForkServerHandle) -> None:
        if self._server is server:
            self._server = None
            with anyio.CancelScope(shield=True):
                await server.close()

    async def _attempt(
        self, server: ForkServerHandle, request: bytes, pieces: Sequence[bytes | memoryview]
    ) -> Decoded | Refusal:
        try:
            worker = server.new_worker()
        except OSError as error:
            raise _not_started(error) from None
        self._workers.add(worker)
        try:
            async with asyncio.timeout(self._task.limits.max_wall_s + _GRACE_S):
                reply, end = await _exchange(worker, request, pieces)
        except TimeoutError:  # a worker ends itself earlier, so it or the fork server hangs
            await self._give_up(server)
            raise StoreBusy("the process that decodes images does not answer: try again") from None
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await _kill(worker)  # only then another picture may take its place
            raise
        finally:
            self._workers.discard(worker)
            worker.close()
        return self._outcome(reply, end)

    def _outcome(self, reply: bytearray, end: End) -> Decoded | Refusal:
        if end == End.NOT_STARTED:
            raise StoreBusy("no process can be started to decode the image: too many, or no memory; try again")
        if end == End.OUT_OF_TIME:
            return Refusal.TIME
        if end == End.KILLED:
            raise DecodingKilled(_KILLED)
        try:
            return read_reply(memoryview(reply), self._task) if end == End.WELL else Refusal.CRASH
        except ValueError:
            return Refusal.CRASH


def _not_started(error: OSError) -> StoreBusy:
    return StoreBusy(f"no process can be started to decode the image: {error.strerror}; try again")


async def _kill(worker: WorkerSockets) -> None:
    """Ask the fork server to kill a worker, and wait until it has done so."""
    with contextlib.suppress(OSError, TimeoutError):
        worker.end.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_KILL_S):
            await asyncio.get_running_loop().sock_recv(worker.end, 1)


async def _exchange(
    worker: WorkerSockets, request: bytes, pieces: Sequence[bytes | memoryview]
) -> tuple[bytearray, End]:
    """Send a picture to a worker. Return its reply, which may be incomplete, and how the worker ended. Raises Lost."""
    loop = asyncio.get_running_loop()
    reply = bytearray()
    # The worker may end at any time, so ignore errors here: the fork server reports how it ended.
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(worker.link, request)
        for piece in pieces:
            await loop.sock_sendall(worker.link, piece)
    with contextlib.suppress(ConnectionError):
        while len(reply) <= MAX_REPLY_BYTES and (received := await loop.sock_recv(worker.link, _READ_BYTES)):
            reply += received
    if len(reply) > MAX_REPLY_BYTES:
        return reply, End.CRASHED  # an honest worker sends less
    with contextlib.suppress(ConnectionError):
        if how := await loop.sock_recv(worker.end, 1):
            return reply, End(how[0])
    raise Lost
