"""An application as a proxy's rules meet it: it serves images and their ciphertext, and hands out records to everybody.

The database's path comes from PIXSTORE_TEST_DB. GET /seen lists the requests that have reached it since the last one.
"""

import os
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp, RecordsApp
from tests.support.samples import SECRET, picture

pix = Pixstore(os.environ["PIXSTORE_TEST_DB"], secret=SECRET, ciphertext_url="/pixstore-image")
_seen: list[dict[str, Any]] = []


async def save(request: Request) -> JSONResponse:
    return JSONResponse(await pix.save_image(picture(), directory="test"), headers={"cache-control": "no-store"})


async def seen(request: Request) -> JSONResponse:
    listed = [*_seen]
    _seen.clear()
    return JSONResponse(listed)


def _everybody(scope: Scope, image_id: str) -> bool:
    return True


_app = Starlette(
    routes=[
        Route("/save", save, methods=["POST"]),
        Route("/seen", seen),
        Mount("/metrics", PlainTextResponse("the application's metrics")),
        Mount("/records", RecordsApp(pix, _everybody)),
        Mount("/pixstore-image", PixstoreApp(pix, public_ciphertext=True)),
    ],
    lifespan=pix.lifespan,
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and scope["path"] != "/seen":
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = sorted(name.decode() for name, _ in scope["headers"])
        _seen.append({"method": scope["method"], "target": target.decode("latin-1"), "headers": headers})
    await _app(scope, receive, send)
