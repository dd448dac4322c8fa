"""CutBodies: ends the bodies of images too early, under a length that fits them."""

from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..asgi.delivery import SEND_TIMEOUT_S, ends_within
from ..core.batch import FRAME_HEAD_BYTES, frame_head, parse_batch, parse_frame_head
from ..core.wire import encode_state
from ..errors import WireState
from .faults import Faults

_WITH_IMAGE = tuple(map(encode_state, (WireState.SUCCESS, WireState.UPDATED)))


class CutBodies:
    """Puts the cut around the application of the images, for those that come alone and those in a batch.

    With the honest length the browser itself would notice; so it is the image's tag that has to.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
            await self._app(scope, receive, send)
            return
        asked, held = list[Message](), list[Message]()

        async def receive_and_note() -> Message:
            asked.append(await receive())
            return asked[-1]

        async def send_or_hold(message: Message) -> None:
            is_start = message["type"] == "http.response.start"
            if held or (is_start and any(map(self._faults.is_cut, _image_ids(scope, asked)))):
                held.append(message)
            else:
                await send(message)

        await self._app(scope, receive_and_note, send_or_hold)
        if held:
            await ends_within(SEND_TIMEOUT_S, self._send_cut(scope, _image_ids(scope, asked), held, send))

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
        if payload[:1] not in _WITH_IMAGE or not self._faults.takes_cut(image_id):
            return payload
        return payload[: (len(payload) + 1) // 2]


def _image_ids(scope: Scope, asked: list[Message]) -> list[str]:
    if scope["method"] == "POST":
        return [request.image_id for request in parse_batch(_joined(asked)) or ()]
    return [scope["path"].rpartition("/")[2]]


def _joined(messages: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)
