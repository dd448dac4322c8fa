"""The application behind test_image_worker: images that have addresses, for visitors who are signed in. All records are
sealed.

PIXSTORE_TEST_DB is the database.
"""

import os
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixstore_asgi import Pixstore, PixstoreApp, RecordsApp
from pixstore_asgi.asgi.client_files import client_directory
from tests.support.samples import SECRET

COOKIE = "image-worker-session"
FIRST = """<!doctype html>
<title>A picture in the HTML</title>
<img id="first" alt="" src="/images/-/image/{id}">
<script type="module" src="/plain.js"></script>
"""
OWN_WORKER = """
self.pixstoreImageWorker = { recordsUrl: "/records", endpoint: "/images" };
importScripts("/images/-/client/service-worker.js");
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.url.endsWith("/own")) event.respondWith(new Response("own"));
  else if (event.request.url.includes("/-/image/")) throw new Error("the image has an answer");
});
"""

pix = Pixstore(os.environ["PIXSTORE_TEST_DB"], secret=SECRET, records="sealed")
sessions: set[str] = set()


def session_of(scope: Scope) -> str | None:
    session = HTTPConnection(scope).cookies.get(COOKIE, "")
    return session if session in sessions else None


def may_see(scope: Scope, image_id: str) -> bool:
    return image_id.startswith("test:")


class Faults:
    """Serves the images; once told so, each body damaged, or a newer service worker."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._is_broken = False
        self._version = 0

    async def control(self, request: Request) -> Response:
        self._is_broken = request.query_params.get("bodies") == "broken"
        self._version += request.query_params.get("worker") == "newer"
        return Response(status_code=204)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_damaged(message: Message) -> None:
            if message["type"] == "http.response.body" and message["body"]:
                message = {**message, "body": message["body"][:-1] + bytes([message["body"][-1] ^ 1])}
            await send(message)

        if self._version and scope["path"].endswith("/service-worker.js"):
            text = (client_directory() / "service-worker.js").read_text() + f"// {self._version}"
            headers = {"service-worker-allowed": "/", "cache-control": "no-cache"}
            await Response(text, headers=headers, media_type="text/javascript")(scope, receive, send)
        else:
            is_image = "/-/" not in scope["path"]
            await self._app(scope, receive, send_damaged if self._is_broken and is_image else send)


async def sign_in(request: Request) -> Response:
    session = secrets.token_urlsafe(16)
    sessions.add(session)
    response = Response(status_code=204)
    response.set_cookie(COOKIE, session, httponly=True, samesite="strict")
    return response


async def expire(request: Request) -> Response:
    """End all sessions; their cookies stay where they are."""
    sessions.clear()
    return Response(status_code=204)


async def save(request: Request) -> Response:
    directory = request.query_params.get("directory", "test")
    record = await pix.save_image(request.stream(), directory=directory)
    return JSONResponse(record, headers={"cache-control": "no-store"})


async def one_picture(request: Request) -> Response:
    image_id = request.path_params["id"]
    if request.method == "PUT":
        record = await pix.update_image(image_id, request.stream())
        return JSONResponse(record, headers={"cache-control": "no-store"})
    return Response(status_code=204 if await pix.delete_image(image_id) else 404)


async def first(request: Request) -> Response:
    return HTMLResponse(FIRST.format(id=request.path_params["id"]))


async def other_worker(request: Request) -> Response:
    return Response("// nothing", media_type="text/javascript")


async def own_worker(request: Request) -> Response:
    """Return the service worker of an application, which answers one path itself and imports the images' worker."""
    return Response(OWN_WORKER, media_type="text/javascript")


images = Faults(PixstoreApp(pix, authorize=may_see, audience=session_of, service_worker_scope="/"))
app = Starlette(
    routes=[
        Route("/session", sign_in, methods=["POST"]),
        Route("/session/expired", expire, methods=["POST"]),
        Route("/faults", images.control, methods=["POST"]),
        Route("/pictures", save, methods=["POST"]),
        Route("/pictures/{id}", one_picture, methods=["PUT", "DELETE"]),
        Route("/records", RecordsApp(pix, may_see, audience=session_of)),
        Route("/first/{id}", first),
        Route("/other-worker.js", other_worker),
        Route("/own-worker.js", own_worker),
        Mount("/images", images),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True)),
    ],
    lifespan=pix.lifespan,
)
