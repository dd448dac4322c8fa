"""An application around Pixstore: the image route, an endpoint of its own, an API that tests call, and a page.

tests/js/interop/backend.mjs is the same around npm's pixstore.

Argument: JSON {"database", "blobs", "secrets", "page", "route", "window_ms", "own_endpoint", "by_cookie",
"thumb_width", "records"}; a null is
our default. Prints {"app", "endpoint"}, two URLs, when it is ready.
"""

import asyncio
import json
import random
import socket
import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pixstore_asgi import PayloadResponse, Pixstore, PixstoreError, PixstoreMiddleware, RecordsApp, Variant
from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.process import wall_clock_ms
from pixstore_asgi.store.connect import bodies_at
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore

NO_STORE = {"cache-control": "no-store"}
OPTIONS: dict[str, Any] = json.loads(sys.argv[1])
ROUTE = OPTIONS["route"] or "/pixstore-image"


class Clock:
    """The system's clock, or the moment at which a test has stopped it."""

    stopped_ms: int | None = None

    def __call__(self) -> int:
        return wall_clock_ms() if self.stopped_ms is None else self.stopped_ms


clock = Clock()
kind = PostgresStore if OPTIONS["database"].startswith("postgresql://") else SqliteStore
pix = Pixstore(
    kind(OPTIONS["database"], bodies=bodies_at(OPTIONS["blobs"]) if OPTIONS["blobs"] else None, clock_ms=clock),
    secret=OPTIONS["secrets"],
    image_formats=list(FORMAT_BYTES),
    variants=[Variant("thumb", width=OPTIONS["thumb_width"])] if OPTIONS["thumb_width"] else (),
    records=OPTIONS["records"],
    **({} if OPTIONS["window_ms"] is None else {"proof_window_ms": OPTIONS["window_ms"]}),
)


async def save(request: Request) -> object:
    return await pix.save_image(request.stream(), directory=request.query_params.get("directory"))


async def update(request: Request) -> object:
    return await pix.update_image(request.query_params["id"], request.stream())


async def delete(request: Request) -> object:
    return await pix.delete_image(request.query_params["id"])


async def exists(request: Request) -> object:
    return await pix.image_exists(request.query_params["id"])


async def record(request: Request) -> object:
    return await pix.get_image_record(request.query_params["id"], audience=request.query_params.get("audience"))


async def secret(request: Request) -> object:
    return str(OPTIONS["secrets"][-1]).encode().hex()


async def freeze(request: Request) -> object:
    clock.stopped_ms = int(request.query_params["now"])
    random.seed(0.5)
    return None


async def thaw(request: Request) -> object:
    clock.stopped_ms = None
    return None


CALLS = {call.__name__: call for call in (save, update, delete, exists, record, secret, freeze, thaw)}


async def call(request: Request) -> Response:
    try:
        result = await CALLS[request.path_params["name"]](request)
    except PixstoreError as error:
        return JSONResponse({"error": type(error).__name__})
    return JSONResponse({"result": result}, headers=NO_STORE)


async def own_endpoint(request: Request) -> Response:
    if request.headers.get("authorization") != "Bearer letmein":
        return Response(status_code=403)
    token, proof = (request.headers.get(f"x-pixstore-{name}") for name in ("token", "proof"))
    return PayloadResponse(await pix.open_payload(request.path_params["id"], token=token, proof=proof))


app = PixstoreMiddleware(
    Starlette(
        routes=[
            Route("/call/{name}", call, methods=["POST"]),
            Route("/my-images/{id}", own_endpoint),
            Route("/records", RecordsApp(pix, authorize=lambda scope, image_id: True)),
            Mount("/", StaticFiles(directory=OPTIONS["page"], html=True)),
        ]
    ),
    pix,
    route=ROUTE,
    audience=(lambda scope: Request(scope).cookies.get("visitor")) if OPTIONS["by_cookie"] else None,
)


def main() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        own = f"http://127.0.0.1:{listening.getsockname()[1]}"
        endpoint = "/my-images" if OPTIONS["own_endpoint"] else ROUTE
        print(json.dumps({"app": own, "endpoint": own + endpoint}), flush=True)
        server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=1, log_level="warning"))
        asyncio.run(server.serve([listening]))


if __name__ == "__main__":
    main()
