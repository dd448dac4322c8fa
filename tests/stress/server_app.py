"""The application that several server workers run on one database, PIXSTORE_TEST_DB, with its bodies in
PIXSTORE_TEST_BLOBS, if that is given; each answer names its process and the address that it came to.
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp
from pixstore_asgi.integrations.starlette import add_error_handlers

# No secret: on SQLite the workers make a key file together, at the same moment.
pix = Pixstore(
    os.environ["PIXSTORE_TEST_DB"],
    blobs=os.environ.get("PIXSTORE_TEST_BLOBS"),
    drain_s=float(os.environ.get("PIXSTORE_TEST_DRAIN_S", "0")),
    proof_window_ms=int(os.environ.get("PIXSTORE_TEST_WINDOW_MS", "20000")),
)


async def save(request: Request) -> JSONResponse:
    return JSONResponse(await pix.save_image(request.stream(), directory="test"), 201)


async def update(request: Request) -> JSONResponse:
    return JSONResponse(await pix.update_image(request.path_params["id"], request.stream()))


async def fresh_record(request: Request) -> JSONResponse:
    return JSONResponse(await pix.get_image_record(request.path_params["id"]))


def naming_the_process(inner: ASGIApp) -> ASGIApp:
    name = str(os.getpid()).encode()

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        host = str((scope.get("server") or [""])[0]).encode()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-process", name), (b"x-host", host)]
            await send(message)

        await inner(scope, receive, send_named)

    return named


routes = [
    Route("/images", save, methods=["POST"]),
    Route("/images/{id}", update, methods=["PUT"]),
    Route("/images/{id}", fresh_record, methods=["GET"]),
    Mount("/pixstore-image", PixstoreApp(pix)),
]
application = Starlette(routes=routes, lifespan=pix.lifespan)
add_error_handlers(application)
app = naming_the_process(application)
