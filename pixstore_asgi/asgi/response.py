"""PayloadResponse: a payload as the response of an application's own endpoint."""

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..serving.payload import Payload, payload_headers
from .delivery import MAX_STREAM_S, SEND_TIMEOUT_S, Delivery


class PayloadResponse(Response):
    """A payload as the response of the application's own endpoint, in Starlette, FastAPI and Litestar.

    It closes the payload even if the request fails. It sets no cross-origin headers; the application does.

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
