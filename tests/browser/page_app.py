"""The application behind the browser tests: a page that imports the client, and an API for its pictures.

PIXSTORE_TEST_DB is the database, PIXSTORE_TEST_BLOBS where its bodies are if not there, PIXSTORE_TEST_ORIGINS the other
origins that may read images, PIXSTORE_TEST_WINDOW_MS the proof window, PIXSTORE_TEST_CIPHERTEXT_URL where else
ciphertext is, PIXSTORE_TEST_VARIANTS the variants that pictures have beside a placeholder, as `name=width` or, to
cover a box, `name=widthxheight`, separated by commas,
PIXSTORE_TEST_BUILT a folder of pages that a bundler has made, PIXSTORE_TEST_RECORDS the kind of records, or "unsealed"
for plain ones in each case, PIXSTORE_TEST_TRAFFIC a file for all requests and responses. TRAFFIC.log is a log of all
records.
"""

import asyncio
import json
import logging
import math
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from html import escape
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp, Variant, recipient_of
from pixstore_asgi.core.formats import FORMAT_BYTES
from pixstore_asgi.core.recipient import CURVE, Recipient
from pixstore_asgi.process import wall_clock_ms
from tests.support.paths import ROOT
from tests.support.samples import SECRET

NO_STORE = {"cache-control": "no-store"}
RECORDS = os.environ.get("PIXSTORE_TEST_RECORDS", "plain")
VARIANTS = [each.split("=") for each in os.environ.get("PIXSTORE_TEST_VARIANTS", "").split(",") if each]


def variant_of(name: str, size: str) -> Variant:
    width, _, height = size.partition("x")
    return Variant(name, int(width), int(height), fit="cover") if height else Variant(name, int(width))


pix = Pixstore(
    os.environ["PIXSTORE_TEST_DB"],
    blobs=os.environ.get("PIXSTORE_TEST_BLOBS"),
    secret=SECRET,
    image_formats=list(FORMAT_BYTES),
    proof_window_ms=int(os.environ.get("PIXSTORE_TEST_WINDOW_MS", "20000")),
    ciphertext_url=os.environ.get("PIXSTORE_TEST_CIPHERTEXT_URL"),
    variants=[variant_of(*each) for each in VARIANTS],
    placeholder=bool(VARIANTS),
    records="sealed" if RECORDS == "sealed" else "plain",
)
images = PixstoreApp(
    pix,
    allow_origins=os.environ.get("PIXSTORE_TEST_ORIGINS", "").split(),
    public_ciphertext="PIXSTORE_TEST_CIPHERTEXT_URL" in os.environ,
    service_worker_scope="/",
)
log = logging.getLogger("page_app")
if "PIXSTORE_TEST_TRAFFIC" in os.environ:
    logging.basicConfig(level=logging.DEBUG, filename=f"{os.environ['PIXSTORE_TEST_TRAFFIC']}.log")


def page_of(request: Request) -> Recipient | None:
    return None if RECORDS == "unsealed" else recipient_of(request, cookie="rendered" in str(request.url))


async def save(request: Request) -> Response:
    return JSONResponse(await pix.save_image(request.stream(), directory="test"), headers=NO_STORE)


async def one_picture(request: Request) -> Response:
    image_id = request.path_params["id"]
    if request.method == "PUT":
        return JSONResponse(await pix.update_image(image_id, request.stream()), headers=NO_STORE)
    if request.method == "DELETE":
        return Response(status_code=204 if await pix.delete_image(image_id) else 404)
    return JSONResponse(await pix.get_image_record(image_id, recipient=page_of(request)), headers=NO_STORE)


async def sign_out(_: Request) -> Response:
    """Let the browser remove all that this origin stored (W3C Clear Site Data)."""
    return Response(status_code=204, headers={**NO_STORE, "clear-site-data": '"storage"'})


async def records(request: Request) -> Response:
    return JSONResponse(await records_for(request), headers=NO_STORE)


async def records_for(request: Request) -> dict[str, ImageRecord]:
    found = await pix.get_image_records(request.query_params.getlist("id"), recipient=page_of(request))
    log.debug("records: %s", json.dumps(found))
    return found


RENDERED = """<!doctype html>
<meta charset="utf-8" />
<title>Records in HTML</title>
<script type="module">
  import { initPixstoreFrontend } from "/images/-/client/index.js";
  import "/images/-/client/element.js";
  import "/probes.js";

  initPixstoreFrontend({ endpoint: "/images", offline: true });
</script>
"""


async def rendered(request: Request) -> Response:
    elements = [
        f'<pix-image alt="" loading="eager" record="{escape(json.dumps(record))}"></pix-image>'
        for record in (await records_for(request)).values()
    ]
    return HTMLResponse("\n".join([RENDERED, *elements]), headers=NO_STORE)


another_page = Recipient(ec.generate_private_key(CURVE).public_key())


async def records_of_another_page(request: Request) -> Response:
    """Seal to another page than the one that asks, as a broken application does."""
    image_ids = request.query_params.getlist("id")
    return JSONResponse(await pix.get_image_records(image_ids, recipient=another_page), headers=NO_STORE)


async def many(request: Request) -> Response:
    """Save an image under many ids, without the extra data that the others have."""
    image = await request.body()
    async with Pixstore(os.environ["PIXSTORE_TEST_DB"], secret=SECRET) as plain:
        saved = [await plain.save_image(image, directory="many") for _ in range(int(request.query_params["count"]))]
    return JSONResponse([record.id for record in saved])


async def expired(request: Request) -> Response:
    """Give a record as it was an hour ago."""
    database, clock = os.environ["PIXSTORE_TEST_DB"], lambda: wall_clock_ms() - 3_600_000
    async with Pixstore(database, secret=SECRET, clock_ms=clock) as earlier:
        return JSONResponse(await earlier.get_image_record(request.path_params["id"]), headers=NO_STORE)


async def storable(request: Request) -> Response:
    """Send a body back as something that the HTTP cache may keep."""
    return Response(bytes.fromhex(request.query_params["hex"]), headers={"cache-control": "max-age=600"})


class Streamed:
    """A page with an element, of which the `<img>` comes once the page has seen the element without it."""

    HEAD = """<!doctype html>
        <meta charset="utf-8" />
        <title>An image out of a stream</title>
        <script type="module" async>
          import { initPixstoreFrontend } from "/images/-/client/index.js";
          import "/images/-/client/element.js";

          initPixstoreFrontend({ recordsUrl: "/records" });
          while (!document.querySelector("pix-image > img")) await new Promise((wait) => setTimeout(wait, 5));
          globalThis.seen = document.querySelector("pix-image").outerHTML;
          await fetch("/streamed/rest", { method: "POST" });
        </script>
        <pix-image src-id="{id}">"""
    REST = '<img id="author" alt="A red one" width="100" /></pix-image>'

    def __init__(self) -> None:
        self._wanted = asyncio.Event()

    async def page(self, request: Request) -> Response:
        return StreamingResponse(self._parts(request.path_params["id"]), media_type="text/html")

    async def _parts(self, image_id: str) -> AsyncIterator[str]:
        yield self.HEAD.replace("{id}", image_id).ljust(65536)  # more than browsers wait for
        await self._wanted.wait()
        self._wanted.clear()
        yield self.REST

    async def rest(self, request: Request) -> Response:
        self._wanted.set()
        return Response(status_code=204)


class Told:
    """Serves the images, and prints each one's path and state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_tell(message: Message) -> None:
            for name, value in message.get("headers", ()):
                if name == b"x-pixstore-state":
                    print(f"{scope['path']}: {value.decode()}")
            await send(message)

        await self._app(scope, receive, send_and_tell)


class Damaged:
    """Serves the images, each body damaged on its way; the headers stay as they were. times: only the first ones."""

    def __init__(self, app: ASGIApp, damage: Callable[[bytes], bytes], times: float = math.inf) -> None:
        self._app = app
        self._damage = damage
        self._times = times
        self._served: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._served[scope["path"]] += 1
        is_damaged = self._served[scope["path"]] <= self._times

        async def send_damaged(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": self._damage(message["body"])}
            await send(message)

        await self._app(scope, receive, send_damaged if is_damaged else send)


class Traffic:
    """Serves an application, and writes the headers and bodies of all its requests and responses to a file."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    def _note(self, message: Any) -> None:
        with open(self._path, "ab") as file:
            file.writelines(name + b": " + value + b"\n" for name, value in message.get("headers", ()))
            file.write(message.get("query_string", b"") + message.get("body", b"") + b"\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted_receive() -> Message:
            message = await receive()
            self._note(message)
            return message

        async def noted_send(message: Message) -> None:
            self._note(message)
            await send(message)

        self._note(scope)
        await self._app(scope, noted_receive, noted_send)


class Held:
    """Serves the images, none before `release` is called; prints each one's path when it waits and when it has gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._released = asyncio.Event()

    async def release(self, request: Request) -> Response:
        self._released.set()
        self._released = asyncio.Event()
        return Response(status_code=204)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = [await receive()]
        while body[-1].get("more_body"):
            body.append(await receive())
        print(f"{scope['path']}: waits")
        leaving, release = asyncio.ensure_future(receive()), asyncio.ensure_future(self._released.wait())
        await asyncio.wait({leaving, release}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        if release.done():
            await self._app(scope, _again(body, receive), send)
        else:
            release.cancel()
            print(f"{scope['path']}: left")


def _again(messages: list[Message], receive: Receive) -> Receive:
    """Return a `receive` that repeats the received messages first."""

    async def receive_again() -> Message:
        return messages.pop(0) if messages else await receive()

    return receive_again


def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def flip(body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1])


held = Held(images)
streamed = Streamed()
site = Starlette(
    routes=[
        Route("/release", held.release, methods=["POST"]),
        Route("/pictures", save, methods=["POST"]),
        Route("/pictures/{id}", one_picture, methods=["GET", "PUT", "DELETE"]),
        Route("/many", many, methods=["POST"]),
        Route("/expired/{id}", expired),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/records", records),
        Route("/rendered", rendered),
        Route("/records-of-another-page", records_of_another_page),
        Route("/storable", storable),
        Route("/streamed/rest", streamed.rest, methods=["POST"]),
        Route("/streamed/{id}", streamed.page),
        Mount("/images", Told(images)),
        Mount("/held", held),
        Mount("/cut", Damaged(images, cut)),
        Mount("/flipped", Damaged(images, flip)),
        Mount("/flipped-twice", Damaged(images, flip, times=2)),
        Mount("/built", StaticFiles(directory=os.environ.get("PIXSTORE_TEST_BUILT"), check_dir=False)),
        Mount("/src", StaticFiles(directory=ROOT / "js_client" / "src")),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True)),
    ],
    lifespan=pix.lifespan,
)
app = Traffic(site, os.environ["PIXSTORE_TEST_TRAFFIC"]) if "PIXSTORE_TEST_TRAFFIC" in os.environ else site
