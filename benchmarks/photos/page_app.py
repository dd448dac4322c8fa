"""The application of the page: all photos of PIXSTORE_BENCH_DATABASE by their records, and a decoder of ThumbHashes."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp

from ..environment import NPM_FOLDER
from ..routes import IMAGES_ROUTE
from .ways import THUMB

_MOST_IMAGES = 1_000

# The proofs outlast the slowest page.
_pix = Pixstore(os.environ["PIXSTORE_BENCH_DATABASE"], variants=[THUMB], placeholder=True, proof_window_ms=600_000)
_app = PixstoreApp(_pix)
_asked: list[str] = []


async def _images(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve images and the client's files, and remember all other requests."""
    if scope["type"] == "http" and "/-/client" not in scope["path"]:
        _asked.append(scope["path"])
    await _app(scope, receive, send)


async def _records(request: Request) -> Response:
    ids = [image.id for image in await _pix.list_images(limit=_MOST_IMAGES)]
    found = await _pix.get_image_records(ids)
    return JSONResponse(list(found.values()), headers={"cache-control": "no-store"})


async def _requests(request: Request) -> Response:
    """Return how many requests for images there were since the last question."""
    count = len(_asked)
    _asked.clear()
    return JSONResponse(count)


app = Starlette(
    routes=[
        Route("/records", _records),
        Route("/requests", _requests),
        Mount(IMAGES_ROUTE, _images),
        Mount("/thumbhash", StaticFiles(directory=NPM_FOLDER / "thumbhash")),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True)),
    ],
    lifespan=_pix.lifespan,
)
