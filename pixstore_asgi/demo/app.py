"""The demo as one Starlette application: the page, its JSON API, and images that only this page can read."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from .. import Pixstore, PixstoreApp, PixstoreError, Variant, recipient_of
from ..integrations.starlette import add_error_handlers
from ..store.connect import StoreTarget
from .faults import OUTAGE_S, Faults
from .gallery import Gallery
from .guard import ALLOWED_HOSTS, Logins, same_origin_only, signed_in_only, well_formed_only, with_security_headers

_log = logging.getLogger(__name__)

MOST_RECORDS = 100
"""The most records in one answer, so that the server sends keys only for the pictures that a page shows."""

PICTURES = 100
"""Number of pictures of a new gallery."""

THUMBNAIL = Variant("thumb", width=640, height=640)
"""The thumbnail in the gallery. Rows are up to 176 pixels high, so it is sharp with two screen pixels per CSS pixel."""

_STATIC = Path(__file__).parent / "static"
_NO_STORE = {"Cache-Control": "no-store"}
_SWITCH = {"true": True, "false": False}


def create_pixstore(target: StoreTarget) -> Pixstore:
    """Return the Pixstore of a demo. It removes metadata, and makes a thumbnail and a blurred placeholder of each
    picture.

    Raises ConfigError if the extra `demo` is not installed.
    """
    if os.name == "nt":  # Windows can't decode pictures (decoding/decoder.py), so the page shows the originals
        return Pixstore(target, strip_metadata=True)
    return Pixstore(target, strip_metadata=True, variants=(THUMBNAIL,), placeholder=True)


def create_app(pix: Pixstore, *, pictures: int = PICTURES, outage_s: float = OUTAGE_S) -> Starlette:
    """Build the demo with a Pixstore. At startup, the demo opens the store and paints a few pictures. It paints the
    rest later.

    If the store has pictures of an earlier run, the demo shows these and paints none. outage_s: the duration, in
    seconds, of a restart that the page requests.
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
    images = faults.cutting(PixstoreApp(pix, allow_origins=None, authorize=logins.admits))
    signed_in = Middleware(signed_in_only, logins=logins)
    app = Starlette(
        lifespan=lifespan,
        routes=[
            Mount("/images", faults.away(images)),
            Route("/api/session", logins.respond, methods=["GET", "POST", "DELETE"]),
            Mount("/api", faults.away(Router(api.routes(), middleware=[signed_in]))),
            Mount("/", StaticFiles(directory=_STATIC, html=True)),
        ],
        middleware=[
            Middleware(with_security_headers),
            Middleware(well_formed_only),
            Middleware(TrustedHostMiddleware, allowed_hosts=ALLOWED_HOSTS, www_redirect=False),
            Middleware(same_origin_only),
        ],
        exception_handlers={PixstoreError: _own_trouble},
    )
    add_error_handlers(app)
    return app


class Background:
    """Runs tasks until its block ends, then cancels them.

    A TaskGroup is not used, because it would turn the command line's SystemExit into an exception group.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task, and do not wait for it. If it fails, the error is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("a background task of the demo failed", exc_info=error)


class Api:
    """The routes for a page that is signed in."""

    def __init__(self, gallery: Gallery, faults: Faults, background: Background) -> None:
        self._gallery = gallery
        self._faults = faults
        self._background = background

    def routes(self) -> list[Route]:
        return [
            Route("/pictures", self.list_all, methods=["GET"]),
            Route("/pictures", self.upload, methods=["POST"]),
            Route("/pictures/{image_id}", self.update, methods=["PUT"]),
            Route("/pictures/{image_id}", self.delete, methods=["DELETE"]),
            Route("/records", self.records, methods=["GET"]),
            Route("/faults/truncation", self.truncate, methods=["POST"]),
            Route("/faults/restart", self.restart, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        return JSONResponse(self._gallery.listing(), headers=_NO_STORE)

    async def records(self, request: Request) -> Response:
        image_ids = request.query_params.getlist("id")
        if len(image_ids) > MOST_RECORDS:
            return JSONResponse({"detail": f"ask for at most {MOST_RECORDS} records at once"}, 400, headers=_NO_STORE)
        pictures = await self._gallery.with_records(image_ids, recipient_of(request))
        return JSONResponse({"pictures": pictures}, headers=_NO_STORE)

    async def upload(self, request: Request) -> Response:
        strips = _SWITCH.get(request.query_params.get("strip_metadata", "true"))
        if strips is None:
            return JSONResponse({"detail": "strip_metadata is true or false"}, 400, headers=_NO_STORE)
        # Read the body as a stream, in memory. Starlette would write an UploadFile to the disk, unencrypted.
        recipient = recipient_of(request)
        picture = await self._gallery.add(request.stream(), strip_metadata=strips, recipient=recipient)
        return _with_record(picture, status=201)

    async def update(self, request: Request) -> Response:
        return _with_record(await self._gallery.replace(_image_id(request), recipient_of(request)))

    async def delete(self, request: Request) -> Response:
        await self._gallery.remove(_image_id(request))
        return Response(status_code=204, headers=_NO_STORE)

    async def truncate(self, request: Request) -> Response:
        self._faults.cut_next(self._gallery.known(request.query_params.getlist("id")))
        return Response(status_code=204, headers=_NO_STORE)

    async def restart(self, request: Request) -> Response:
        if self._faults.begin_outage():
            self._background.start(self._faults.restart())
        return Response(status_code=202, headers=_NO_STORE)


def _image_id(request: Request) -> str:
    return str(request.path_params["image_id"])


def _with_record(picture: dict[str, object], status: int = 200) -> JSONResponse:
    # A plain record contains the image's key, so no cache may store it.
    return JSONResponse(picture, status, headers=_NO_STORE)


async def _own_trouble(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 500, headers=_NO_STORE)
