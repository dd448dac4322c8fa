"""Delivery: sends payloads to a client as ASGI messages, one piece at a time, within time limits.

PayloadResponse sends a payload in the same way, as the response of an application's own endpoint.
"""

import asyncio
import logging
import types
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator, Iterable
from contextlib import aclosing
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ..core.events import event
from ..core.hidden import HiddenBytes
from ..core.options import check_numbers
from ..errors import ConfigError, StoreBusy, StoreError
from ..serving.payload import Payload, RawHeaders, payload_headers

_log = logging.getLogger("pixstore_asgi")

SEND_TIMEOUT_S = 30.0
MAX_STREAM_S = 300.0

Frames = AsyncGenerator[tuple[bytes, Payload | None]]
"""The frames of a batch, in order. Each item is the head of a frame and its payload, or whole frames and None."""


class Delivery:
    """Sends payloads within the time limits of one application.

    send_timeout_s: limit for one piece, in seconds. max_stream_s: limit for one whole response, in seconds. Raises
    ConfigError if a limit is not a number above 0.
    """

    def __init__(self, send_timeout_s: float, max_stream_s: float) -> None:
        check_numbers(send_timeout_s=send_timeout_s, max_stream_s=max_stream_s)
        if send_timeout_s <= 0 or max_stream_s <= 0:
            raise ConfigError("send_timeout_s and max_stream_s must be above 0 seconds")
        self._max_stream_s = max_stream_s
        self._piece_limit = min((send_timeout_s, "send_timeout_s"), (max_stream_s, "max_stream_s"))

    async def __call__(
        self, payload: Payload, status: int, headers: RawHeaders, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if payload.whole is not None:
            await self.send_whole(payload.whole, status, headers, send)
            return
        start = _start(status, headers)
        async with payload:
            if scope["method"] == "HEAD":
                await self._send(send, start, _body(b"", is_last=True))
                return
            with anyio.move_on_after(self._max_stream_s) as limit:
                left = await self._send_first(payload, start, send)
                if left:
                    await self._send_rest(payload, left, receive, send)
            if limit.cancelled_caught:
                _log.info(
                    "an image was cut off: not sent within max_stream_s, %s s",
                    self._max_stream_s,
                    extra=event("image_cut_off", limit="max_stream_s"),
                )

    def send_whole(self, whole: bytes, status: int, headers: RawHeaders, send: Send) -> Awaitable[bool]:
        """Send a whole response at once. The result is False if the client is gone or does not accept it in time."""
        start = {"type": "http.response.start", "status": status, "headers": headers}
        return self._send(send, start, {"type": "http.response.body", "body": whole, "more_body": False})

    async def read_within(self, reading: Awaitable[Payload | None]) -> Payload | None:
        """Await `reading` and return its payload, if any. Raises StoreBusy if this takes longer than max_stream_s."""
        with anyio.move_on_after(self._max_stream_s):
            return await reading
        raise StoreBusy(f"not read within max_stream_s, {self._max_stream_s} s: try again, or raise it")

    async def read_body(self, receive: Receive, most: int) -> bytes:
        """Return the bytes of a body that arrive within send_timeout_s. Stop reading after more than `most` bytes."""
        body, goes_on = HiddenBytes(), True  # a batch holds proofs
        with anyio.move_on_after(self._piece_limit[0]):
            while goes_on and len(body) <= most:
                message = await receive()
                body += message.get("body", b"")
                goes_on = message.get("more_body", False)
        return body

    async def send_frames(self, frames: Frames, headers: RawHeaders, receive: Receive, send: Send) -> None:
        """Send frames one after another. If a frame can't be sent completely, end the response at that point."""
        start = _start(200, headers)
        async with aclosing(frames), anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_on_disconnect, receive, tasks.cancel_scope)
            with anyio.move_on_after(self._max_stream_s) as limit:
                is_going = await self._send(send, start)
                while is_going and (frame := await anext(frames, None)):
                    is_going = await self._send_frame(*frame, send)
                    await checkpoint()  # if nothing has suspended yet, let other tasks run and notice a disconnect
                if is_going:
                    await self._send(send, _body(b"", is_last=True))
            tasks.cancel_scope.cancel()
        if limit.cancelled_caught:
            _log.info(
                "a batch was cut off: not sent within max_stream_s, %s s",
                self._max_stream_s,
                extra=event("batch_cut_off", limit="max_stream_s"),
            )

    async def _send_frame(self, head: bytes, payload: Payload | None, send: Send) -> bool:
        if payload is None:
            return await self._send(send, _body(head, is_last=False))
        async with payload:
            left = payload.size
            while left and (piece := await self._next_piece(payload)):
                if not await self._send(send, _body(head + piece, is_last=False)):
                    return False
                head, left = b"", left - len(piece)
                if left and not payload.in_memory and not await self._has_room(send):
                    return False
            return left == 0

    async def _send_first(self, payload: Payload, start: Message, send: Send) -> int:
        """Send the response's start and its first piece. Return the number of bytes still to be sent, or 0 if the
        client is gone.
        """
        first = await self._next_piece(payload)
        left = payload.size - len(first)
        # Start and piece share one time limit: with pipelined requests, the start already waits for a slow client.
        is_sent = await self._send(send, start, _body(first, is_last=left == 0))
        return left if is_sent else 0

    async def _send_rest(self, payload: Payload, left: int, receive: Receive, send: Send) -> None:
        if payload.in_memory:
            await self._send_pieces(payload, left, send)
            return
        # Watch for a disconnect: some servers accept messages for a client that is gone, without an error.
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_on_disconnect, receive, tasks.cancel_scope)
            await self._send_pieces(payload, left, send)
            tasks.cancel_scope.cancel()

    async def _send_pieces(self, payload: Payload, left: int, send: Send) -> None:
        while (payload.in_memory or await self._has_room(send)) and (piece := await self._next_piece(payload)):
            left -= len(piece)
            if not await self._send(send, _body(piece, is_last=left == 0)) or left == 0:
                return

    async def _has_room(self, send: Send) -> bool:
        """Wait until the server takes a further message. Return False if the client is gone or too slow.

        The wait comes before the next piece is read, so that a slow client costs one piece of memory less.
        """
        return await self._send(send, _body(b"", is_last=False))

    async def _send(self, send: Send, *messages: Message) -> bool:
        """Send messages within the time limit of one piece. Return False if the client is gone or does not accept
        them in time.
        """
        limit_s, option = self._piece_limit
        try:
            is_sent = await ends_within(limit_s, _send_all(send, messages))
        except OSError:  # the client is gone (ASGI 2.4)
            return False
        if not is_sent:
            _log.info(
                "an image was cut off: the client took nothing for %s, %s s",
                option,
                limit_s,
                extra=event("image_cut_off", limit=option),
            )
        return is_sent

    async def _next_piece(self, payload: Payload) -> bytes:
        try:
            return await anext(payload, b"")
        except StoreError as error:
            _log.error("an image was cut off: %s", error, extra=event("image_cut_off"))
            return b""


class PayloadResponse(Response):
    """A payload as the response of the application's own endpoint, in Starlette, FastAPI and Litestar.

    It closes the payload even if the request fails. It sets no CORS headers, so the application must set its own.

    Args:
        payload: The payload.
        background: A task to run after the response.
        send_timeout_s: As in PixstoreApp.
        max_stream_s: As in PixstoreApp.
    """

    def __init__(
        self,
        payload: Payload,
        *,
        background: BackgroundTask | None = None,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_stream_s: float = MAX_STREAM_S,
    ) -> None:
        self.status_code, self.raw_headers = payload.status, payload_headers(payload.state, payload.size)
        self.background = background
        self._payload = payload
        self._delivery = Delivery(send_timeout_s, max_stream_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._delivery(self._payload, self.status_code, self.raw_headers, scope, receive, send)
        if self.background is not None:
            await self.background()


async def _send_all(send: Send, messages: Iterable[Message]) -> None:
    for message in messages:
        await send(message)


def _start(status: int, headers: RawHeaders) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(piece: bytes, *, is_last: bool) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": not is_last}


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    has_body = False
    while (message := await receive())["type"] != "http.disconnect":
        # A framework that replays the body repeats it without suspending, so this loop would block all other tasks.
        if has_body:
            return
        has_body = not message.get("more_body", False)
    scope.cancel()


async def ends_within(seconds: float, coroutine: Coroutine[Any, Any, None]) -> bool:
    """Run a coroutine until it ends, and return True. If it needs more than `seconds`, cancel it and return False."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return True
    # An anyio cancel scope can't be used: the coroutine may already be in one, and scopes must end in reverse order.
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await _rest_of(coroutine, waits_for)
    except TimeoutError:
        if not limit.expired():
            raise
    return not limit.expired()


@types.coroutine
def _rest_of(started: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Await the rest of a coroutine that ran until its first suspension. waits_for: the future that it awaits there."""
    while True:
        try:
            try:
                result = yield waits_for
            except BaseException as error:
                waits_for = started.throw(error)
            else:
                waits_for = started.send(result)
        except StopIteration:
            return
