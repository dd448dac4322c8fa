"""The application that the browser visits: the page, its images under the client's route, and an API for records.

PIXSTORE_BENCH_DATABASE is the database, PIXSTORE_BENCH_BUNDLE the folder with npm's front end.
"""

import hashlib
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from benchmarks.pictures import png
from benchmarks.routes import IMAGES_ROUTE
from pixstore_asgi import Pixstore, PixstoreApp, RecordsApp

_NO_STORE = {"cache-control": "no-store"}
_KEPT_BYTES = 512 * 1024 * 1024

# Every contestant asks for the same images: they come from memory, so that no contestant has a disadvantage. The
# proofs outlast the longest case.
_pix = Pixstore(os.environ["PIXSTORE_BENCH_DATABASE"], cache_bytes=_KEPT_BYTES, proof_window_ms=600_000)
_ids: dict[int, list[str]] = {}


class _Counting:
    """The images, with a count of the requests for them; the client's own files do not count."""

    def __init__(self) -> None:
        self.count = 0
        self._app = PixstoreApp(_pix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "/-/client" not in scope["path"]:
            self.count += 1
        await self._app(scope, receive, send)


_images = _Counting()


async def _records(request: Request) -> Response:
    """Return fresh records of `count` images of `size` bytes, from the `first` on; those that lack are made."""
    size, first, count = (int(request.query_params[name]) for name in ("size", "first", "count"))
    ids = _ids.setdefault(size, [])
    while len(ids) < first + count:
        ids.append((await _pix.save_image(png(size), directory="bench")).id)
    found = await _pix.get_image_records(ids[first : first + count])
    if size * count <= _KEPT_BYTES // 4:
        for record in found.values():
            await _read(record.id, record.token, record.stateless_proof)
    answer = {"records": list(found.values()), "sha256": hashlib.sha256(png(size)).hexdigest()}
    return JSONResponse(answer, headers=_NO_STORE)


async def _read(image_id: str, token: int, proof: str) -> None:
    async for _ in await _pix.open_payload(image_id, token=token, proof=proof):
        pass


async def _requests(request: Request) -> Response:
    return JSONResponse(_images.count, headers=_NO_STORE)


app = Starlette(
    routes=[
        Route("/records", _records),
        Route("/fresh", RecordsApp(_pix, authorize=lambda scope, image_id: True)),
        Route("/requests", _requests),
        Mount(IMAGES_ROUTE, _images),
        Mount("/bundle", StaticFiles(directory=os.environ["PIXSTORE_BENCH_BUNDLE"])),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True)),
    ],
    lifespan=_pix.lifespan,
)
