"""Batch: an ASGI app that answers many images asked for in one request, each as its own GET would be."""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from ..core.batch import MAX_BODY_BYTES, MAX_FRAME_BYTES, frame_head, parse_batch
from ..core.hidden import HiddenBytes
from ..core.proof import ProofTerms
from ..core.request import ImageRequest
from ..serving.answer import Answers, Checked
from ..serving.headers import PAYLOAD_HEADERS, payload_status
from ..serving.proofs import EVERYBODY
from .audience import Audience
from .authorization import Authorization
from .cors import CrossOrigin
from .delivery import Delivery, Frames
from .http import refuse, without_last_slash
from .served import UNTOLD, Meter, Served

_PATH = "/-/batch"

_JOINED_BYTES = 128 * 1024
"""What images that are at hand are gathered up to: a thumbnail costs a server less than a send of its own."""

_Checked = Sequence[tuple[ImageRequest, Checked]]
"""The requests of a batch, each with what is known of it before its image is looked up."""


class Batch:
    """Serves the POST of a batch with the parts of one PixstoreApp."""

    def __init__(
        self,
        answers: Answers,
        authorization: Authorization,
        audience: Audience | None,
        served: Served | None,
        delivery: Delivery,
        cross_origin: CrossOrigin,
    ) -> None:
        self._answers = answers
        self._authorization = authorization
        self._audience = audience
        self._served = served
        self._delivery = delivery
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        meter = self._served.meter(scope, send) if self._served else None
        headers = self._cross_origin.headers(scope)
        if not self._cross_origin.admits(scope):
            await refuse(403, headers, send)
            return
        requests = parse_batch(await self._delivery.read_body(receive, MAX_BODY_BYTES))
        if requests is None:
            await refuse(400, headers, send)
            return
        has_proofs = any(request.proof for request in requests)
        terms = await self._audience.terms(scope) if self._audience and has_proofs else EVERYBODY
        # Now, all of them: a proof need not last until the images before its own are sent.
        answers = self._answers
        checked = [
            (request, answers.check_at_once(request, terms) or await answers.check(request, terms))
            for request in requests
        ]
        frames = self._frames(checked, terms, scope, meter)
        await self._delivery.send_frames(frames, [*PAYLOAD_HEADERS, *headers], receive, meter or send)

    async def _frames(self, checked: _Checked, terms: ProofTerms | None, scope: Scope, meter: Meter | None) -> Frames:
        mount = without_last_slash(scope["path"]).removesuffix(_PATH)
        proven = [request.image_id for request, known in checked if known.refusal is None]
        rule = await self._authorization.batch_rule(scope, mount, proven)
        may_join = rule is None and meter is None
        joined = _Joined()
        for index, (request, known) in enumerate(checked):
            if joined.size >= _JOINED_BYTES:
                yield joined.take(), None
            whole = self._answers.checked_at_once(request, known, terms) if may_join else None
            if whole is not None:
                joined.add(frame_head(index, payload_status(whole.state), len(whole.body)), whole.body)
                continue
            if joined.size:
                yield joined.take(), None
            way = meter.way(request.image_id) if meter else UNTOLD
            with way.deciding():
                payload = await self._answers.answer_checked(request, known, terms=terms, rule=way.passed(rule))
            with way.sending(payload):
                if payload is None:
                    yield frame_head(index, 403, 0), None
                elif payload.size > MAX_FRAME_BYTES:
                    await payload.aclose()
                    yield frame_head(index, 413, 0), None
                else:
                    yield frame_head(index, payload.status, payload.size), payload
        if joined.size:
            yield joined.take(), None


class _Joined:
    """Small frames that are sent together, copied once at the end: growing bytes are copied for each frame."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []

    def add(self, *pieces: bytes) -> None:
        self._pieces += pieces
        self.size += sum(map(len, pieces))

    def take(self) -> bytes:
        """Return all frames added since the last call; they may hold keys."""
        taken = HiddenBytes(b"".join(self._pieces))
        self._pieces, self.size = [], 0
        return taken


def is_batch(path: str) -> bool:
    """Tell whether the path below the mount is that of the batch."""
    return without_last_slash(path) == _PATH
