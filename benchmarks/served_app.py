"""The ASGI applications that the servers run.

They serve the store of PIXSTORE_BENCH_DATABASE, a path or URL, and, where they are set, PIXSTORE_BENCH_BLOBS and
PIXSTORE_BENCH_FILES. Pixstore's memory is PIXSTORE_BENCH_CACHE_BYTES, or its default.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware

from .routes import FILES_ROUTE, IMAGES_ROUTE

_database = os.environ["PIXSTORE_BENCH_DATABASE"]
_blobs = os.environ.get("PIXSTORE_BENCH_BLOBS")
_files = os.environ.get("PIXSTORE_BENCH_FILES")
_cache_bytes = os.environ.get("PIXSTORE_BENCH_CACHE_BYTES")

_pix = (
    Pixstore(_database, blobs=_blobs, cache_bytes=int(_cache_bytes))
    if _cache_bytes
    else Pixstore(_database, blobs=_blobs)
)

pixstore = Starlette(routes=[Mount(IMAGES_ROUTE, PixstoreApp(_pix))], lifespan=_pix.lifespan)

middleware = PixstoreMiddleware(Starlette(), _pix, route=IMAGES_ROUTE)

_uncached = Pixstore(_database, blobs=_blobs, cache_bytes=0)

uncached = Starlette(routes=[Mount(IMAGES_ROUTE, PixstoreApp(_uncached))], lifespan=_uncached.lifespan)

alone = PixstoreApp(_pix)

static = Starlette(routes=[Mount(FILES_ROUTE, StaticFiles(directory=_files))])

_bodies = {f"{FILES_ROUTE}/{path.name}": path.read_bytes() for path in Path(_files).iterdir()} if _files else {}


async def floor(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Send a file's bytes from memory as one piece: the cost of the server itself."""
    if scope["type"] != "http":
        return
    body = _bodies[scope["path"]]
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
