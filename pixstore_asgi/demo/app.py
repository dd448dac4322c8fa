"""The demo as one Starlette application: the page, its JSON API, and the images that only this page can read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .. import ImageNotFound, InvalidImage, Pixstore, PixstoreApp, PixstoreError
from ..errors import ImageTooLarge
from ..store.base import ImageStore
from .gallery import Entry, Gallery
from .guard import ALLOWED_HOSTS, SameOriginOnly, SecurityHeaders

_NO_STORE = {"Cache-Control": "no-store"}
_STATIC = Path(__file__).parent / "static"


def create_app(pix: Pixstore, *, store: ImageStore | None = None) -> Starlette:
    """Build the demo on a Pixstore; its startup opens that and paints a few pictures.

    store: the Pixstore's own, if the pictures of an earlier run shall be shown again.
    """
    gallery = Gallery(pix)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with pix.lifespan(app):
            await gallery.fill(store)
            yield

    return Starlette(
        lifespan=lifespan,
        routes=[
            Mount("/images", PixstoreApp(pix, allow_origins=None)),
            Mount("/api", routes=_Api(gallery).routes()),
            Mount("/", StaticFiles(directory=_STATIC, html=True)),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS, www_redirect=False),
            Middleware(SameOriginOnly),
        ],
        exception_handlers={
            ImageNotFound: _refusal(404),
            ImageTooLarge: _refusal(413),
            InvalidImage: _refusal(400),
            PixstoreError: _refusal(500),
            ClientDisconnect: _no_one_listens,
        },
    )


class _Api:
    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def routes(self) -> list[Route]:
        return [
            Route("/pictures", self.list_all, methods=["GET"]),
            Route("/pictures", self.upload, methods=["POST"]),
            Route("/pictures/{image_id}", self.show, methods=["GET"]),
            Route("/pictures/{image_id}", self.update, methods=["PUT"]),
            Route("/pictures/{image_id}", self.delete, methods=["DELETE"]),
        ]

    async def list_all(self, request: Request) -> Response:
        entries = await self._gallery.entries()
        return JSONResponse({"pictures": [entry.as_json() for entry in entries]}, headers=_NO_STORE)

    async def upload(self, request: Request) -> Response:
        # The body goes straight into the cipher; an UploadFile would lie on the disk in clear.
        return _with_record(await self._gallery.add(request.stream()), status=201)

    async def show(self, request: Request) -> Response:
        return _with_record(await self._gallery.entry(_image_id(request)))

    async def update(self, request: Request) -> Response:
        return _with_record(await self._gallery.replace(_image_id(request)))

    async def delete(self, request: Request) -> Response:
        await self._gallery.remove(_image_id(request))
        return Response(status_code=204, headers=_NO_STORE)


def _image_id(request: Request) -> str:
    return str(request.path_params["image_id"])


def _with_record(entry: Entry, status: int = 200) -> JSONResponse:
    # A record holds the image's key: no cache between here and the page may keep it.
    return JSONResponse(entry.as_json(), status, headers=_NO_STORE)


def _refusal(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def respond(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status, headers=_NO_STORE)

    return respond


async def _no_one_listens(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
