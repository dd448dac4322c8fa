"""One event loop's helper, and the pictures that are decoded by its children: so many at once, the others in turn."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence

import anyio

from ..errors import StoreBusy
from .helper import Child, Helper, Lost
from .holding import FULL
from .messages import MAX_REPLY_BYTES, REQUEST, End, read_reply
from .places import LAST, Places
from .refusals import Refusal
from .task import Task
from .variants import Decoded

_READ_BYTES = 256 * 1024
_GRACE_S = 10  # the child ends itself in time; this is for one that does not, and for a helper that starts
_KILL_S = 1  # a helper that is stopped kills nothing
_ATTEMPTS = 2
_MAX_WAIT_S = 60
_ENDS = "the process that decodes images ends by itself: its standard error says why; try again"
_KILLED = "the process that decoded the image was killed, perhaps for want of memory: try again"


class Killed(Exception):
    """The child was ended from outside, as where the system has no memory left: that tells nothing of the picture."""


class DecodingKilled(StoreBusy):
    """The process that decoded the picture was killed, the next one too: another picture may need less memory."""


class Crew:
    """One event loop's helper and the pictures that it decodes.

    Each waits for a place for at most a minute, the turns in which it was not decoded included.
    """

    def __init__(self, task: Task, processes: int) -> None:
        self._task = task
        self._processes = processes
        self._places = Places(processes)
        self._helper: Helper | None = None
        self._children: set[Child] = set()

    async def decode(self, pieces: Sequence[bytes | memoryview], format: str) -> Decoded | Refusal:
        request = REQUEST.pack(sum(map(len, pieces)), format.encode())
        until_s = asyncio.get_running_loop().time() + _MAX_WAIT_S
        for turns in itertools.count():
            await self._take_place(turns, until_s)
            try:
                with contextlib.suppress(TimeoutError):  # its turn is over: it starts anew behind those that wait
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
            helper = self._running()
            try:
                return await self._attempt(helper, request, pieces)
            except Lost:
                trouble = StoreBusy(_ENDS)
                await self._give_up(helper)
            except Killed:
                trouble = DecodingKilled(_KILLED)
        raise trouble

    async def close(self) -> None:
        for _ in range(self._processes):  # whoever decodes comes to the end of it
            await self._places.take(LAST)
        if self._helper is not None:
            await self._give_up(self._helper)
        for _ in range(self._processes):
            self._places.give_back()

    def drop(self) -> None:
        """End the helper and all its children, after the event loop was closed."""
        self._close_children()
        if self._helper is not None:
            self._helper.end()

    def abandon(self) -> None:
        """In a fork of this process: close what the helper must not take for the application."""
        self._close_children()
        if self._helper is not None:
            self._helper.abandon()

    def _close_children(self) -> None:
        for child in self._children:
            child.close()

    def _running(self) -> Helper:
        if self._helper is None:
            try:
                self._helper = Helper(self._task)
            except OSError as error:
                raise _not_started(error) from None
        return self._helper

    async def _give_up(self, helper: Helper) -> None:
        if self._helper is helper:
            self._helper = None
            with anyio.CancelScope(shield=True):
                await helper.close()

    async def _attempt(self, helper: Helper, request: bytes, pieces: Sequence[bytes | memoryview]) -> Decoded | Refusal:
        try:
            child = helper.new_child()
        except OSError as error:
            raise _not_started(error) from None
        self._children.add(child)
        try:
            async with asyncio.timeout(self._task.limits.max_wall_s + _GRACE_S):
                reply, end = await _exchange(child, request, pieces)
        except TimeoutError:  # the child would have ended itself: it, or the helper, does nothing any more
            await self._give_up(helper)
            raise StoreBusy("the process that decodes images does not answer: try again") from None
        except asyncio.CancelledError:
            with anyio.CancelScope(shield=True):
                await _kill(child)  # its place is free once it is gone
            raise
        finally:
            self._children.discard(child)
            child.close()
        return self._outcome(reply, end)

    def _outcome(self, reply: bytearray, end: End) -> Decoded | Refusal:
        if end == End.NOT_STARTED:
            raise StoreBusy("no process can be started to decode the image: too many, or no memory; try again")
        if end == End.OUT_OF_TIME:
            return Refusal.TIME
        if end == End.KILLED:
            raise Killed
        try:
            return read_reply(memoryview(reply), self._task) if end == End.WELL else Refusal.CRASH
        except ValueError:
            return Refusal.CRASH


def _not_started(error: OSError) -> StoreBusy:
    return StoreBusy(f"no process can be started to decode the image: {error.strerror}; try again")


async def _kill(child: Child) -> None:
    """Have the fork server kill a child, and wait until it has."""
    with contextlib.suppress(OSError, TimeoutError):
        child.end.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_KILL_S):
            await asyncio.get_running_loop().sock_recv(child.end, 1)


async def _exchange(child: Child, request: bytes, pieces: Sequence[bytes | memoryview]) -> tuple[bytearray, End]:
    """Send a picture and return the reply, as far as there is one. Raises Lost."""
    loop = asyncio.get_running_loop()
    reply = bytearray()
    # The child may end at any time: how it did is what counts.
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(child.link, request)
        for piece in pieces:
            await loop.sock_sendall(child.link, piece)
    with contextlib.suppress(ConnectionError):
        while len(reply) <= MAX_REPLY_BYTES and (received := await loop.sock_recv(child.link, _READ_BYTES)):
            reply += received
    if len(reply) > MAX_REPLY_BYTES:
        return reply, End.CRASHED  # a child that is not taken over stays below
    with contextlib.suppress(ConnectionError):
        if how := await loop.sock_recv(child.end, 1):
            return reply, End(how[0])
    raise Lost
