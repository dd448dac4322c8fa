"""What the page may break on purpose: a body that ends too early, and a server that is away for a while."""

import asyncio
from typing import Unpack

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import Pixstore, PixstoreApp
from ..asgi.app import AppOptions
from ..asgi.authorization import Refusal
from ..asgi.http import ImageRequest
from ..errors import WireState
from ..serving.payload import Payload

OUTAGE_S = 3.0
_MOST_CUT = 100
_WITH_IMAGE = (WireState.SUCCESS, WireState.UPDATED)


class Faults:
    """Breaks things for the applications that it is put around."""

    def __init__(self, pix: Pixstore, *, outage_s: float = OUTAGE_S) -> None:
        self._pix = pix
        self._outage_s = outage_s
        self._is_away = False
        self._cut: set[str] = set()
        self.store_in_use = asyncio.Lock()
        """Held by whoever writes without a request: the store is not closed meanwhile."""

    def cut_next(self, image_ids: list[str]) -> None:
        """Let the next body of each of these images end after half of its bytes."""
        self._cut.update(image_ids[: _MOST_CUT - len(self._cut)])

    def takes_cut(self, image_id: str) -> bool:
        """Tell whether this body of an image is the one to be cut; the next one is not."""
        is_due = image_id in self._cut
        self._cut.discard(image_id)
        return is_due

    def begin_outage(self) -> bool:
        """Refuse everything from now on; False where it is refused already."""
        was_away, self._is_away = self._is_away, True
        return not was_away

    async def restart(self) -> None:
        """Close the Pixstore, stay away for a while, and open it again.

        This is as near as a process comes to its own restart: connections, statements and keys are dropped and made
        again; what stays are the titles and the sessions, which a real application has in its own database.
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
        """Put the outage around an application: it is 503 for as long as that lasts."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            if self._is_away:
                headers = {"Cache-Control": "no-store", "Retry-After": "1"}
                await JSONResponse({"error": "the server is restarting"}, 503, headers=headers)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return respond


class CuttableImages(PixstoreApp):
    """The images' application, with the cut put in: alone or in a batch, a cut body has a length that fits it.

    With the honest length the browser itself would notice; so it is the image's tag that has to.
    """

    def __init__(self, pix: Pixstore, faults: Faults, **options: Unpack[AppOptions]) -> None:
        super().__init__(pix, **options)
        self._faults = faults

    async def _load(self, request: ImageRequest, refusal: Refusal, scope: Scope) -> Payload | None:
        payload = await super()._load(request, refusal, scope)
        if payload is None or payload.state not in _WITH_IMAGE or scope["method"] == "HEAD":
            return payload
        return await _halved(payload) if self._faults.takes_cut(request.image_id) else payload


async def _halved(payload: Payload) -> Payload:
    async with payload:
        body = b"".join([piece async for piece in payload])
    half = body[: (len(body) + 1) // 2]
    return Payload(payload.state, head=half, size=len(half))
