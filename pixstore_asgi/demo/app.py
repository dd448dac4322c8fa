"""The demo as one Starlette application: the page, its JSON API, and the images that only this page can read."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from .. import ImageNotFound, InvalidImage, Pixstore, PixstoreError
from ..errors import ImageTooLarge, UploadTimeout
from ..store.contract import ImageStore
from .api import Api, SessionApi
from .background import Background
from .faults import OUTAGE_S, CuttableImages, Faults
from .gallery import Gallery
from .guard import ALLOWED_HOSTS, SameOriginOnly, SecurityHeaders, WellFormedOnly
from .sessions import Sessions, SignedInOnly

PICTURES = 100
"""How many pictures a new gallery has."""

_STATIC = Path(__file__).parent / "static"


def create_app(
    pix: Pixstore, *, store: ImageStore | None = None, pictures: int = PICTURES, outage_s: float = OUTAGE_S
) -> Starlette:
    """Build the demo on a Pixstore; its startup opens that, paints a few pictures, and goes on painting.

    store: the Pixstore's own, if the pictures of an earlier run shall be shown again.
    outage_s: how long the restart takes that the page can ask for, in seconds.
    """
    gallery, sessions, faults = Gallery(pix, pictures), Sessions(), Faults(pix, outage_s=outage_s)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with pix.lifespan(app), background:
            await gallery.begin(store)
            background.start(gallery.paint_the_rest(faults.store_in_use))
            yield

    background = Background()
    api = Api(gallery, faults, background)
    images = CuttableImages(pix, faults, allow_origins=None, authorize=sessions.admits)
    signed_in = Middleware(SignedInOnly, sessions=sessions)
    return Starlette(
        lifespan=lifespan,
        routes=[
            Mount("/images", faults.away(images)),
            Route("/api/session", SessionApi(sessions).respond, methods=["GET", "POST", "DELETE"]),
            Mount("/api", faults.away(Router(api.routes(), middleware=[signed_in]))),
            Mount("/", StaticFiles(directory=_STATIC, html=True)),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(WellFormedOnly),
            Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS, www_redirect=False),
            Middleware(SameOriginOnly),
        ],
        exception_handlers={
            ImageNotFound: _refusal(404),
            ImageTooLarge: _refusal(413),
            UploadTimeout: _refusal(408),
            InvalidImage: _refusal(400),
            PixstoreError: _refusal(500),
            ClientDisconnect: _no_one_listens,
        },
    )


def _refusal(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def respond(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status, headers={"Cache-Control": "no-store"})

    return respond


async def _no_one_listens(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
