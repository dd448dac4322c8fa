"""RefusedUploads: reads the rest of a request's body before an error answer, so that the answer arrives."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024 * 1024
LONGEST_S, LONGEST_PAUSE_S = 30, 5  # the defaults of nginx's lingering_time and lingering_timeout
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}


class RefusedUploads:
    """ASGI middleware. Before an answer with a status from 400 on, it reads the rest of the body and drops it.

    Without it, the server closes the connection while the client still sends. nginx then answers 502, and a browser
    reports a network error. It reads at most 64 MiB for at most 30 s, and ends if nothing arrives for 5 s.

    Args:
        app: The application, with the middleware that may refuse uploads.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _WITHOUT_BODY:
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive)

        async def send_in_time(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                await body.read_rest()
            await send(message)

        await self.app(scope, body.receive, send_in_time)


class _Body:
    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        self._receive = receive
        self._readers = 0
        self._ended = asyncio.Event()
        self._bytes = 0
        # Such a client sends its body only after it is asked for by the first `receive`.
        self._is_awaited = b"expect" in headers
        if not headers.keys() & {b"content-length", b"transfer-encoding"} and scope.get("http_version", "1.1") < "2":
            self._ended.set()

    async def receive(self) -> Message:
        self._readers += 1
        self._is_awaited = False
        try:
            message = await self._receive()
        finally:
            self._readers -= 1
        self._bytes += len(message.get("body", b""))
        if not message.get("more_body"):  # the last piece, or a disconnect
            self._ended.set()
        return message

    async def read_rest(self) -> None:
        if self._is_awaited:
            return
        most = self._bytes + MOST_BYTES
        try:
            async with asyncio.timeout(LONGEST_S):
                while not self._ended.is_set() and self._bytes < most:
                    async with asyncio.timeout(LONGEST_PAUSE_S):
                        # If another task of the application reads, a second reader could wait in vain.
                        await (self._ended.wait() if self._readers else self.receive())
        except TimeoutError:  # the answer is sent in any case
            pass
