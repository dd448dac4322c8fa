"""The demo as one Starlette application: the page, its JSON API, and images that only this page can read."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from .. import Pixstore, PixstoreApp, PixstoreError, Variant
from ..integrations.starlette import add_error_handlers
from ..store.connect import StoreTarget
from .api import Api, LoginApi
from .background import Background
from .faults import OUTAGE_S, CutBodies, Faults
from .gallery import Gallery
from .guard import ALLOWED_HOSTS, SameOriginOnly, SecurityHeaders, WellFormedOnly
from .logins import Logins, SignedInOnly

PICTURES = 100
"""Number of pictures of a new gallery."""

THUMBNAIL = Variant("thumb", width=640, height=640)
"""The thumbnail in the gallery. Rows are up to 176 pixels high, so it also suits screens of twice the density."""

_STATIC = Path(__file__).parent / "static"


def create_pixstore(target: StoreTarget) -> Pixstore:
    """Return the Pixstore of a demo: pictures without metadata, each with a thumbnail and a blurred placeholder.

    Raises ConfigError if the extra `demo` is not installed.
    """
    if os.name == "nt":  # Windows can't decode pictures (decoding/decoder.py), so the page shows the originals
        return Pixstore(target, strip_metadata=True)
    return Pixstore(target, strip_metadata=True, variants=(THUMBNAIL,), placeholder=True)


def create_app(pix: Pixstore, *, pictures: int = PICTURES, outage_s: float = OUTAGE_S) -> Starlette:
    """Build the demo on a Pixstore. Its startup opens the store, paints a few pictures, and paints the rest later.

    If an earlier run left pictures, it shows these instead of new ones. outage_s: duration in seconds of the restart
    that the page can ask for.
    """
    gallery, logins, faults = Gallery(pix, pictures), Logins(), Faults(pix, outage_s=outage_s)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with pix.lifespan(app), background:
            await gallery.begin()
            background.start(gallery.paint_the_rest(faults.store_in_use))
            yield

    background = Background()
    api = Api(gallery, faults, background)
    images = CutBodies(PixstoreApp(pix, allow_origins=None, authorize=logins.admits), faults)
    signed_in = Middleware(SignedInOnly, logins=logins)
    app = Starlette(
        lifespan=lifespan,
        routes=[
            Mount("/images", faults.away(images)),
            Route("/api/session", LoginApi(logins).respond, methods=["GET", "POST", "DELETE"]),
            Mount("/api", faults.away(Router(api.routes(), middleware=[signed_in]))),
            Mount("/", StaticFiles(directory=_STATIC, html=True)),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(WellFormedOnly),
            Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS, www_redirect=False),
            Middleware(SameOriginOnly),
        ],
        exception_handlers={PixstoreError: _own_trouble},
    )
    add_error_handlers(app)
    return app


async def _own_trouble(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 500, headers={"Cache-Control": "no-store"})
