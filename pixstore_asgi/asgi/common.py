"""The common request: what nearly every request is, decided and sent by plain functions in one place.

It is a GET for one image that is at hand, of an application without a rule or an audience of its own. All else goes the
long way through PixstoreApp, which sends the same messages.
"""

from collections.abc import Awaitable

from starlette.types import Scope, Send

from ..serving.answer import Answers
from ..serving.headers import payload_headers, payload_status
from .cors import CrossOrigin
from .delivery import Delivery
from .http import RESERVED, read_request


class CommonRequests:
    """Answers the common requests of one PixstoreApp with its parts. answers: None where none of its requests are."""

    def __init__(self, answers: Answers | None, delivery: Delivery, cross_origin: CrossOrigin) -> None:
        self._answers = answers
        self._delivery = delivery
        self._cross_origin = cross_origin

    def response(self, path: str, scope: Scope, send: Send) -> Awaitable[object] | None:
        """Return the response to a common request, to be awaited, or None for any other one.

        path: the decoded path below the mount.
        """
        if self._answers is None or scope["method"] != "GET" or path.startswith(RESERVED):
            return None
        payload = self._answers.answer_at_once(read_request(scope, path))
        if payload is None:
            return None
        state, body = payload
        headers = [*payload_headers(state, len(body)), *self._cross_origin.headers(scope)]
        return self._delivery.send_whole(body, payload_status(state), headers, send)
