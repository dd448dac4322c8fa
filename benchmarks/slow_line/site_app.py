"""The application of the pages: their HTML, records, and pictures in clear, under signed URLs and encrypted.

PIXSTORE_BENCH_DATABASE has the pictures, PIXSTORE_BENCH_BUNDLE is the folder of bundled scripts, and
PIXSTORE_BENCH_COPIES is the URL of the CDN.
"""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp, RecordsApp

from ..routes import FILES_ROUTE, IMAGES_ROUTE
from .pages import COPIES_ROUTE, RECORDS_ROUTE, SIGNED_ROUTE, page_of
from .ways import THUMB

_DATABASE, _COPIES_URL = (os.environ[f"PIXSTORE_BENCH_{name}"] for name in ("DATABASE", "COPIES"))
_BUNDLE = Path(os.environ["PIXSTORE_BENCH_BUNDLE"])
_PROOF_WINDOW_MS = 600_000  # the proofs outlast the slowest page
_SIGNED_FOR_S = 3_600
_MOST_IMAGES = 1_000
_NO_STORE = {"cache-control": "no-store"}

_pix = Pixstore(_DATABASE, variants=[THUMB], placeholder=True, proof_window_ms=_PROOF_WINDOW_MS)
_copied = Pixstore(
    _DATABASE,
    variants=[THUMB],
    placeholder=True,
    proof_window_ms=_PROOF_WINDOW_MS,
    ciphertext_url=f"{_COPIES_URL}{COPIES_ROUTE}",
)
_secret = secrets.token_bytes(32)


class _Picture(NamedTuple):
    data: bytes
    media_type: str


_in_memory: dict[str, _Picture] = {}


class _Counted:
    """Counts the requests to an application since the last question."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._count = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/requests":
            count, self._count = self._count, 0
            await JSONResponse(count)(scope, receive, send)
            return
        self._count += scope["type"] == "http"
        await self._app(scope, receive, send)


async def _records(pix: Pixstore) -> list[dict[str, Any]]:
    """Return the records of the thumbnails only, because the pages show nothing else, each with its placeholder."""
    ids = [image.id for image in await pix.list_images(limit=_MOST_IMAGES)]
    found = (await pix.get_image_records(ids)).values()
    return [{**record.variants[THUMB.name], "placeholder": record["placeholder"]} for record in found]


async def _pictures(request: Request) -> Response:
    return JSONResponse(await _records(_copied if "copies" in request.query_params else _pix), headers=_NO_STORE)


async def _page(request: Request) -> Response:
    records = await _records(_pix)
    for record in records:
        await _picture(record["id"])
    return HTMLResponse(page_of(request.path_params["name"], records, _signed), headers=_NO_STORE)


async def _in_clear(request: Request) -> Response:
    """Serve a picture out of the same store as it was before it was encrypted."""
    data, media_type = await _picture(request.path_params["id"])
    return Response(data, media_type=media_type, headers={"cache-control": "private, max-age=31536000"})


async def _picture(image_id: str) -> _Picture:
    if image_id not in _in_memory:
        found = await _pix.export_image(image_id)
        assert found is not None
        _in_memory[image_id] = _Picture(found.image.data, found.image.media_type)
    return _in_memory[image_id]


def _signed(image_id: str) -> str:
    """Return the query of a URL that is valid for an hour from now."""
    expires = int(time.time() * 1000) + _SIGNED_FOR_S * 1000
    return f"expires={expires}&signature={_signature(image_id, str(expires))}"


def _signature(image_id: str, expires: str) -> str:
    return hmac.digest(_secret, f"{image_id} {expires}".encode(), hashlib.sha256).hex()


async def _by_signature(request: Request) -> Response:
    image_id, expires = request.path_params["id"], request.query_params["expires"]
    is_signed = hmac.compare_digest(_signature(image_id, expires), request.query_params["signature"])
    if not is_signed or int(expires) < time.time() * 1000:
        return Response(status_code=403)
    return await _in_clear(request)


async def _bundled(request: Request) -> Response:
    """Serve a bundled script compressed, as the client's own files are."""
    file = _BUNDLE / f"{request.path_params['name']}.js.br"
    headers = {"content-encoding": "br", "cache-control": "no-cache"}
    return FileResponse(file, media_type="text/javascript", headers=headers)


app = _Counted(
    Starlette(
        routes=[
            Route("/page/{name}", _page),
            Route(RECORDS_ROUTE, _pictures),
            Route("/records", RecordsApp(_pix, authorize=lambda scope, image_id: True)),
            Route(f"{FILES_ROUTE}/{{id}}", _in_clear),
            Route(f"{SIGNED_ROUTE}/{{id}}", _by_signature),
            Mount(IMAGES_ROUTE, PixstoreApp(_pix, service_worker_scope="/page/")),
            Mount(COPIES_ROUTE, PixstoreApp(_copied, public_ciphertext=True)),
            Route("/bundle/{name}.js", _bundled),
        ],
        lifespan=_pix.lifespan,
    )
)
