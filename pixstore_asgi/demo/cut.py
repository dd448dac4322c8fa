"""CutBodies: ends the bodies of images too early, under a length that fits them."""

from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.batch import FRAME_HEAD_BYTES, frame_head, parse_batch, parse_frame_head
from ..core.wire import encode_state
from ..errors import WireState
from .faults import Faults

_WITH_IMAGE = (WireState.SUCCESS, WireState.UPDATED)


class CutBodies:
    """Puts the cut around the application of the images, for those that come alone and those in a batch.

    With the honest length the browser itself would notice; so it is the image's tag that has to.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._faults.has_cuts or scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
            await self._app(scope, receive, send)
            return
        asked, answered = list[Message](), list[Message]()

        async def receive_and_note() -> Message:
            asked.append(await receive())
            return asked[-1]

        async def note(message: Message) -> None:
            answered.append(message)

        await self._app(scope, receive_and_note, note)
        start, body = answered[0], _joined(answered[1:])
        if scope["method"] == "POST":
            body = b"".join(self._frames(body, _joined(asked)))
        else:
            body = self._cut(body, scope["path"].rpartition("/")[2])
        sized = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        await send({**start, "headers": [*sized, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def _frames(self, body: bytes, request: bytes) -> Iterator[bytes]:
        requests = parse_batch(request) or []
        while body:
            index, status, length = parse_frame_head(body)
            end = FRAME_HEAD_BYTES + length
            frame, body = body[FRAME_HEAD_BYTES:end], body[end:]
            cut = self._cut(frame, requests[index].image_id)
            yield frame_head(index, status, len(cut)) + cut

    def _cut(self, payload: bytes, image_id: str) -> bytes:
        has_image = payload[:1] in map(encode_state, _WITH_IMAGE)
        if not has_image or not self._faults.takes_cut(image_id):
            return payload
        return payload[: (len(payload) + 1) // 2]


def _joined(messages: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)
