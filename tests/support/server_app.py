"""Applications that tests start under real servers; the database's path comes from PIXSTORE_TEST_DB.

PIXSTORE_TEST_BLOBS names the folder of long bodies, if there is one.
"""

import asyncio
import os
import threading
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware
from pixstore_asgi.store.files import BodyFolder
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.samples import SECRET, large_png, picture

blobs = os.environ.get("PIXSTORE_TEST_BLOBS")
store = SqliteStore(os.environ["PIXSTORE_TEST_DB"], bodies=BodyFolder(blobs) if blobs else None)
pix = Pixstore(store, secret=SECRET)


async def save(request: Request) -> JSONResponse:
    query: Any = request.query_params
    image = large_png(int(query["size"])) if "size" in query else picture(query.get("kind", "png"))
    saved = pix.update_image(query["id"], image) if "id" in query else pix.save_image(image, directory="test")
    return JSONResponse(await saved, headers={"cache-control": "no-store", "access-control-allow-origin": "*"})


async def delete(request: Request) -> JSONResponse:
    await pix.delete_image(request.query_params["id"])
    return JSONResponse({})


async def counts(request: Request) -> JSONResponse:
    """The resources in use by this process, for tests that look for leaks."""
    return JSONResponse(
        {
            "leases": store.in_use,
            "descriptors": len(os.listdir("/proc/self/fd")),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
        }
    )


routes = [
    Route("/save", save, methods=["POST"]),
    Route("/delete", delete, methods=["POST"]),
    Route("/counts", counts),
]

# A mount gets no lifespan: the store opens on the first request and is never closed.
bare_mount = Starlette(routes=[*routes, Mount("/pixstore-image", PixstoreApp(pix))])

wrapped = PixstoreMiddleware(Starlette(routes=routes), pix)
drained = PixstoreMiddleware(Starlette(routes=routes), Pixstore(store, secret=SECRET, drain_s=3))

# Every body is read from the store, under a lease.
uncached = Pixstore(store, secret=SECRET, cache_bytes=0)
from_store = PixstoreMiddleware(Starlette(routes=routes), uncached, public_ciphertext=True)
impatient = PixstoreMiddleware(Starlette(routes=routes), uncached, send_timeout_s=0.5, max_stream_s=3)
