"""One event loop's helper, and the pictures that are decoded by its children: so many at once, the others in turn."""

import asyncio
import contextlib
from collections.abc import Sequence

import anyio

from ..errors import StoreBusy
from .helper import Child, Helper, Lost
from .messages import MAX_REPLY_BYTES, REQUEST, End, read_reply
from .refusals import Refusal
from .task import Task
from .variants import Decoded

_READ_BYTES = 256 * 1024
_GRACE_S = 10  # the child ends itself in time; this is for one that does not, and for a helper that starts
_ATTEMPTS = 2


class Crew:
    """One event loop's helper and the pictures that it decodes."""

    def __init__(self, task: Task, processes: int) -> None:
        self._task = task
        self._processes = processes
        self._places = asyncio.Semaphore(processes)
        self._helper: Helper | None = None
        self._children: set[Child] = set()

    async def decode(self, pieces: Sequence[bytes], format: str) -> Decoded | Refusal:
        async with self._places:
            for _ in range(_ATTEMPTS):
                helper = self._running()
                try:
                    return await self._attempt(helper, pieces, format)
                except Lost:
                    await self._give_up(helper)
        raise StoreBusy("the process that decodes images ends by itself: its standard error says why; try again")

    async def close(self) -> None:
        for _ in range(self._processes):  # whoever decodes comes to the end of it
            await self._places.acquire()
        if self._helper is not None:
            await self._give_up(self._helper)
        for _ in range(self._processes):
            self._places.release()

    def abandon(self) -> None:
        """In a fork of this process: close what the helper must not take for the application."""
        for child in self._children:
            child.close()
        if self._helper is not None:
            self._helper.abandon()

    def _running(self) -> Helper:
        if self._helper is None:
            try:
                self._helper = Helper(self._task)
            except OSError as error:
                raise StoreBusy(f"no process can be started to decode the image: {error.strerror}; try again") from None
        return self._helper

    async def _give_up(self, helper: Helper) -> None:
        if self._helper is helper:
            self._helper = None
            with anyio.CancelScope(shield=True):
                await helper.close()

    async def _attempt(self, helper: Helper, pieces: Sequence[bytes], format: str) -> Decoded | Refusal:
        child = helper.new_child()
        self._children.add(child)
        try:
            async with asyncio.timeout(self._task.limits.max_wall_s + _GRACE_S):
                reply, end = await _exchange(child, pieces, format)
        except TimeoutError:
            return Refusal.TIME
        finally:
            self._children.discard(child)
            child.close()
        return self._outcome(reply, end)

    def _outcome(self, reply: bytearray, end: End) -> Decoded | Refusal:
        if end == End.NOT_STARTED:
            raise StoreBusy("no process can be started to decode the image: too many, or no memory; try again")
        if end == End.OUT_OF_TIME:
            return Refusal.TIME
        try:
            return read_reply(memoryview(reply), self._task) if end == End.WELL else Refusal.CRASH
        except ValueError:
            return Refusal.CRASH


async def _exchange(child: Child, pieces: Sequence[bytes], format: str) -> tuple[bytearray, End]:
    """Send a picture and return the reply, as far as there is one. Raises Lost."""
    loop = asyncio.get_running_loop()
    reply = bytearray()
    # The child may end at any time: how it did is what counts.
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(child.link, REQUEST.pack(sum(map(len, pieces)), format.encode()))
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
