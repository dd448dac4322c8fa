"""What the page may break on purpose: a body that ends too early, and a server that is away for a while."""

import asyncio

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import Pixstore

OUTAGE_S = 3.0
_MOST_CUT = 100


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

    def is_cut(self, image_id: str) -> bool:
        """Tell whether the next body of this image is to be cut."""
        return image_id in self._cut

    def takes_cut(self, image_id: str) -> bool:
        """Tell whether this body of an image is the one to be cut; the next one is not."""
        is_due = self.is_cut(image_id)
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
                await JSONResponse({"detail": "the server is restarting"}, 503, headers=headers)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return respond
