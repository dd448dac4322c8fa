"""Applications that tests start under real servers; the database's path comes from PIXSTORE_TEST_DB."""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware
from tests.support import SECRET, large_png, picture

pix = Pixstore(os.environ["PIXSTORE_TEST_DB"], secret=SECRET)


async def save(request: Request) -> JSONResponse:
    query: Any = request.query_params
    image = large_png(int(query["size"])) if "size" in query else picture(query.get("kind", "png"))
    saved = pix.update_image(query["id"], image) if "id" in query else pix.save_image(image, directory="test")
    return JSONResponse(await saved, headers={"cache-control": "no-store", "access-control-allow-origin": "*"})


routes = [Route("/save", save, methods=["POST"])]

# A mount gets no lifespan: the store opens on the first request and is never closed.
bare_mount = Starlette(routes=[*routes, Mount("/pixstore-image", PixstoreApp(pix))])

wrapped = PixstoreMiddleware(Starlette(routes=routes), pix)
