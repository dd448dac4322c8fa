"""The application of the page: its records, its thumbnails encrypted and in clear, and counts of requests.

PIXSTORE_BENCH_DATABASE has the pictures, PIXSTORE_BENCH_BUNDLE is the folder of bundled scripts.
"""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp

from ..routes import FILES_ROUTE, IMAGES_ROUTE
from .ways import THUMB

_MOST_IMAGES = 1_000
_HERE = Path(__file__).parent

# The proofs outlast the slowest page.
_pix = Pixstore(os.environ["PIXSTORE_BENCH_DATABASE"], variants=[THUMB], placeholder=True, proof_window_ms=600_000)


class _Traffic:
    """Requests for images, and the bytes of the bodies that answered them, since the last question."""

    def __init__(self) -> None:
        self.requests = self.bytes = 0

    def of(self, app: ASGIApp) -> ASGIApp:
        """Return an application that counts its answers; the client's own files do not count."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_counted(message: Message) -> None:
                self.bytes += len(message.get("body", b""))
                await send(message)

            is_image = "/-/client" not in scope["path"]
            self.requests += is_image
            await app(scope, receive, send_counted if is_image else send)

        return counted

    async def tell(self, request: Request) -> Response:
        """Answer the question."""
        told = {"requests": self.requests, "bytes": self.bytes}
        self.requests = self.bytes = 0
        return JSONResponse(told)


_traffic = _Traffic()


async def _records(request: Request) -> Response:
    ids = [image.id for image in await _pix.list_images(limit=_MOST_IMAGES)]
    found = await _pix.get_image_records(ids)
    return JSONResponse(list(found.values()), headers={"cache-control": "no-store"})


async def _in_clear(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a picture out of the same store as it was before it was encrypted."""
    found = await _pix.export_image(scope["path"].rpartition("/")[2])
    assert found is not None
    response = Response(found.image.data, media_type=found.image.media_type)
    await response(scope, receive, send)


app = Starlette(
    routes=[
        Route("/records", _records),
        Route("/traffic", _traffic.tell),
        Mount(FILES_ROUTE, _traffic.of(_in_clear)),
        Mount(IMAGES_ROUTE, _traffic.of(PixstoreApp(_pix))),
        Mount("/bundle", StaticFiles(directory=os.environ["PIXSTORE_BENCH_BUNDLE"])),
        Mount("/browser", StaticFiles(directory=_HERE.parent / "browser" / "page")),
        Mount("/", StaticFiles(directory=_HERE / "page", html=True)),
    ],
    lifespan=_pix.lifespan,
)
