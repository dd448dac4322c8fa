"""The faults that the page can ask for: a body that ends too early, and a server that is down for a while."""

import asyncio
from collections.abc import Iterator

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import Pixstore
from ..asgi.delivery import SEND_TIMEOUT_S, ends_within
from ..core.requests import FRAME_HEAD_BYTES, frame_head, parse_batch, parse_frame_head
from ..core.wire import encode_state
from ..errors import WireState

OUTAGE_S = 3.0
_MOST_CUT = 100
_WITH_IMAGE = tuple(map(encode_state, (WireState.SUCCESS, WireState.UPDATED)))


class Faults:
    """Wraps applications and adds faults to their responses."""

    def __init__(self, pix: Pixstore, *, outage_s: float = OUTAGE_S) -> None:
        self._pix = pix
        self._outage_s = outage_s
        self._is_away = False
        self._to_cut: set[str] = set()
        self.store_in_use = asyncio.Lock()
        """The demo holds this lock while it saves its own pictures, so that `restart` does not close the store then."""

    def cut_next(self, image_ids: list[str]) -> None:
        """For each of these images, send only half of its next body."""
        self._to_cut.update(image_ids[: _MOST_CUT - len(self._to_cut)])

    def begin_outage(self) -> bool:
        """Refuse every request from now on. Return False if an outage is already under way."""
        was_away, self._is_away = self._is_away, True
        return not was_away

    async def restart(self) -> None:
        """Close the Pixstore, wait for the time of the outage, and open it again.

        As after a restart of the process, it connects again, and derives its keys again from the same secret. Titles
        and logins stay, because a real application has them in its own database.
        """
        try:
            async with self.store_in_use:
                try:
                    await self._pix.close()
                    await anyio.sleep(self._outage_s)
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._pix.open()
        finally:
            self._is_away = False

    def away(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application. During an outage, the wrapper answers every request with 503."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            if self._is_away:
                headers = {"Cache-Control": "no-store", "Retry-After": "1"}
                await JSONResponse({"detail": "the server is restarting"}, 503, headers=headers)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return respond

    def cutting(self, app: ASGIApp) -> ASGIApp:
        """Wrap the application of the images. The wrapper halves the bodies that `cut_next` names, also in batches.

        The content-length header fits the half. With a wrong length, the browser itself would notice the fault. Here
        the check of the image's tag must reveal it.
        """

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
                await app(scope, receive, send)
                return
            asked, held = list[Message](), list[Message]()

            async def receive_and_note() -> Message:
                asked.append(await receive())
                return asked[-1]

            async def send_or_hold(message: Message) -> None:
                is_start = message["type"] == "http.response.start"
                if held or (is_start and not self._to_cut.isdisjoint(_image_ids(scope, asked))):
                    held.append(message)
                else:
                    await send(message)

            await app(scope, receive_and_note, send_or_hold)
            if held:
                await ends_within(SEND_TIMEOUT_S, self._send_cut(scope, _image_ids(scope, asked), held, send))

        return respond

    async def _send_cut(self, scope: Scope, image_ids: list[str], held: list[Message], send: Send) -> None:
        start, body = held[0], _joined(held[1:])
        cut = b"".join(self._frames(body, image_ids)) if scope["method"] == "POST" else self._cut(body, image_ids[0])
        sized = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        await send({**start, "headers": [*sized, (b"content-length", str(len(cut)).encode())]})
        await send({"type": "http.response.body", "body": cut})

    def _frames(self, body: bytes, image_ids: list[str]) -> Iterator[bytes]:
        while body:
            index, status, length = parse_frame_head(body)
            end = FRAME_HEAD_BYTES + length
            frame, body = self._cut(body[FRAME_HEAD_BYTES:end], image_ids[index]), body[end:]
            yield frame_head(index, status, len(frame)) + frame

    def _cut(self, payload: bytes, image_id: str) -> bytes:
        if payload[:1] not in _WITH_IMAGE or image_id not in self._to_cut:
            return payload
        self._to_cut.remove(image_id)  # the body after this one is sent whole
        return payload[: (len(payload) + 1) // 2]


def _image_ids(scope: Scope, asked: list[Message]) -> list[str]:
    if scope["method"] == "POST":
        return [request.image_id for request in parse_batch(_joined(asked)) or ()]
    return [scope["path"].rpartition("/")[2]]


def _joined(messages: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)
