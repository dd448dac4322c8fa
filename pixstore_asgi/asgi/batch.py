"""Batch: an ASGI app that answers one request for many images. Each image gets the answer that its own GET would
get.
"""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from ..core.hidden import HiddenBytes
from ..core.requests import MAX_BODY_BYTES, MAX_FRAME_BYTES, frame_head, parse_batch
from ..serving.decide import Answer, Decisions, Inquiry
from ..serving.payload import PAYLOAD_HEADERS, Payload
from ..serving.proofs import EVERYBODY
from .authorization import Audience, Authorization
from .delivery import Delivery, Frames
from .http import CrossOrigin, refuse, without_last_slash
from .served import Observer, ServedRequest

_PATH = "/-/batch"

_JOINED_BYTES = 128 * 1024
"""Ready frames are joined up to this many bytes, because one `send` takes longer than copying a thumbnail."""


class Batch:
    """Answers the POST of a batch. PixstoreApp creates it and passes its own parts to it."""

    def __init__(
        self,
        decisions: Decisions,
        authorization: Authorization,
        audience: Audience | None,
        observers: Sequence[Observer],
        delivery: Delivery,
        cross_origin: CrossOrigin,
    ) -> None:
        self._decisions = decisions
        self._authorization = authorization
        self._audience = audience
        self._observers = observers
        self._delivery = delivery
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._cross_origin.headers(scope)
        served = ServedRequest(self._observers, scope, send) if self._observers else None
        if not self._cross_origin.admits(scope):
            await refuse(403, headers, send)
            return
        requests = parse_batch(await self._delivery.read_body(receive, MAX_BODY_BYTES))
        if requests is None:
            await refuse(400, headers, send)
            return
        has_proofs = any(request.proof for request in requests)
        terms = await self._audience.terms(scope) if self._audience and has_proofs else EVERYBODY
        inquiries = [Inquiry(request, terms) for request in requests]
        # Check all proofs now: a later proof may expire while earlier images are sent.
        for inquiry in inquiries:
            await self._decisions.check(inquiry)
        frames = self._frames(inquiries, scope, served)
        await self._delivery.send_frames(frames, [*PAYLOAD_HEADERS, *headers], receive, served or send)

    async def _frames(self, inquiries: Sequence[Inquiry], scope: Scope, served: ServedRequest | None) -> Frames:
        mount = without_last_slash(scope["path"]).removesuffix(_PATH)
        proven = [inquiry.request.image_id for inquiry in inquiries if inquiry.refusal is None]
        rule = await self._authorization.batch_rule(scope, mount, proven)
        joined = _Joined()
        for index, inquiry in enumerate(inquiries):
            if joined.size >= _JOINED_BYTES:
                yield joined.take(), None
            inquiry.rule = rule
            step = None if served else self._decisions.decide(inquiry)
            if isinstance(step, Payload) and (whole := step.whole) is not None:
                joined.add(frame_head(index, step.status, step.size), whole)
                continue
            if joined.size:
                yield joined.take(), None
            if served is None:
                yield await _frame(index, await self._decisions.answer(inquiry, step))
                continue
            with served.image(inquiry) as begin:
                answer = await self._decisions.answer(inquiry)
                begin(answer)
                yield await _frame(index, answer)
        if joined.size:
            yield joined.take(), None


async def _frame(index: int, answer: Answer) -> tuple[bytes, Payload | None]:
    if not isinstance(answer, Payload):
        return frame_head(index, 403, 0), None
    if answer.size > MAX_FRAME_BYTES:
        await answer.aclose()
        return frame_head(index, 413, 0), None
    return frame_head(index, answer.status, answer.size), answer


class _Joined:
    """Collects small frames, to send them together. `take` copies the bytes once."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, *pieces: bytes) -> None:
        self._pieces += pieces
        self.size += sum(map(len, pieces))

    def take(self) -> bytes:
        """Return all frames since the last call, as HiddenBytes, because they may contain keys."""
        taken = HiddenBytes(b"".join(self._pieces))
        self._pieces, self.size = [], 0
        return taken


def is_batch(path: str) -> bool:
    """Return whether the path below the mount is the batch endpoint."""
    return without_last_slash(path) == _PATH
