"""PixstoreApp, the mountable ASGI app, and PayloadResponse, for endpoints of an application's own."""

import logging
import re
from collections.abc import Sequence
from typing import TypedDict

import anyio
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from ..core.batch import MAX_BODY_BYTES, MAX_FRAME_BYTES, frame_head, parse_batch
from ..errors import ConfigError, PixstoreError, WireState
from ..pixstore import Pixstore
from ..serving.payload import Payload
from . import http
from .authorization import Authorization, Authorize, AuthorizeMany, Refusal
from .client_files import client_directory
from .delivery import MAX_STREAM_S, SEND_TIMEOUT_S, Delivery, Frames
from .lifespan import run_lifespan

_log = logging.getLogger("pixstore_asgi")

_Checked = Sequence[tuple[http.ImageRequest, WireState | None]]
"""The requests of a batch, each with the state that refuses it or None where its proof is good."""

_CLIENT_FILE = re.compile(r"/[a-z0-9-]+\.js", re.ASCII)


class AppOptions(TypedDict, total=False):
    """The keyword options of PixstoreApp, for what hands them on."""

    allow_origins: Sequence[str] | None
    authorize: Authorize | None
    authorize_many: AuthorizeMany | None
    allow_unproven: bool
    send_timeout_s: float
    max_stream_s: float


class PixstoreApp:
    """Serves the images of one Pixstore; mount it anywhere, as often as you like.

    GET and HEAD of `/{image id}` answer with a wire payload, `/-/client/` serves the browser client.

    allow_origins: ("*",), a list of exact origins (their pages may send credentials), or None: CORS is the host's.
    authorize: called with the ASGI scope and the image id after the proof was checked, plain or async; only True lets
        the request pass, anything else is 403.
    authorize_many: in its place, called with the scope and a list of ids, one call for a batch and a list of one for a
        single image; only ids in the list or set that it returns pass.
    allow_unproven: must be True for a Pixstore with proof_window_ms=-1, which anybody may then read.
    send_timeout_s, max_stream_s: a client that takes longer for one piece, or for all, is cut off; in seconds.

    Raises ConfigError for an option that can't work.
    """

    def __init__(
        self,
        pixstore: Pixstore,
        *,
        allow_origins: Sequence[str] | None = ("*",),
        authorize: Authorize | None = None,
        authorize_many: AuthorizeMany | None = None,
        allow_unproven: bool = False,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_stream_s: float = MAX_STREAM_S,
    ) -> None:
        if not isinstance(pixstore, Pixstore):
            raise ConfigError(f"pixstore must be a Pixstore, not {type(pixstore).__name__}")
        if not pixstore.checks_proofs and not allow_unproven:
            raise ConfigError(
                "this Pixstore checks no proofs (proof_window_ms=-1): anybody could read every image whose id they "
                "know; pass allow_unproven=True if that is meant"
            )
        self._pixstore = pixstore
        self._cross_origin = http.CrossOrigin(allow_origins)
        self._authorization = Authorization(authorize, authorize_many)
        self._delivery = Delivery(send_timeout_s, max_stream_s)
        self._client_files = StaticFiles(directory=client_directory())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(self._pixstore, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "images are served over HTTP"})
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = http.route_path(scope)
        methods = http.methods_of(path)
        if scope["method"] not in methods:
            await self._refuse(405, scope, send, (b"allow", ", ".join(methods).encode()))
        elif scope["method"] == "OPTIONS":
            await _send_empty(204, self._cross_origin.preflight_headers(scope), send)
        elif path.startswith(http.CLIENT_PREFIX + "/"):
            await self._serve_client(http.client_file(path), scope, receive, send)
        elif http.is_batch(path):
            await self._serve_batch(scope, receive, send)
        elif path.startswith(http.RESERVED_PREFIX):
            await self._refuse(404, scope, send)
        else:
            await self._serve_image(http.read_request(scope, path), scope, receive, send)

    async def _serve_image(self, request: http.ImageRequest, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._check(request) or await self._ask(request, scope)
        payload = await self._load(request, refusal, scope)
        if payload is None:
            await self._refuse(403, scope, send)
            return
        headers = [*http.payload_headers(payload.state, payload.size), *self._cross_origin.headers(scope)]
        await self._delivery(payload, payload.status, headers, scope, receive, send)

    async def _serve_batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._cross_origin.admits(scope):
            await self._refuse(403, scope, send)
            return
        requests = parse_batch(await self._delivery.read_body(receive, MAX_BODY_BYTES))
        if requests is None:
            await self._refuse(400, scope, send)
            return
        headers = [*http.BATCH_HEADERS, *self._cross_origin.headers(scope)]
        # Now, all of them: a proof need not last until the images before its own are sent.
        checked = [(request, await self._check(request)) for request in requests]
        await self._delivery.send_frames(self._frames(checked, scope), headers, receive, send)

    async def _frames(self, checked: _Checked, scope: Scope) -> Frames:
        with anyio.CancelScope(shield=True):  # as in a GET, a client that leaves breaks off no rule half-way
            answers = await self._ask_for_all(checked, scope)
        for index, (request, unproven) in enumerate(checked):
            with anyio.CancelScope(shield=True):
                refusal = unproven or await self._ask_in_batch(request, scope, answers)
            payload = await self._load(request, refusal, scope)
            # An Updated payload has a new key: only for what is still proven.
            if payload and payload.state is WireState.UPDATED and (late := await self._check(request)):
                await payload.aclose()
                payload = Payload(late)
            if payload is None:
                yield frame_head(index, 403, 0), None
            elif payload.size > MAX_FRAME_BYTES:
                await payload.aclose()
                yield frame_head(index, 413, 0), None
            else:
                yield frame_head(index, payload.status, payload.size), payload

    async def _check(self, request: http.ImageRequest) -> WireState | None:
        """Return the state that refuses a request, None where its proof is good."""
        try:
            return await self._pixstore.check_request(request.image_id, token=request.token, proof=request.proof)
        except PixstoreError as error:
            _log.error("a request for image %r can't be checked: %s", request.image_id, error)
            return WireState.INTERNAL_ERROR

    async def _ask(self, request: http.ImageRequest, scope: Scope) -> Refusal:
        return (await self._authorization.ask(scope, [request.image_id]))[request.image_id]

    async def _ask_for_all(self, checked: _Checked, scope: Scope) -> dict[str, Refusal] | None:
        """Return what one call says of all proven images, or None where the rule is asked for each in its turn."""
        if not self._authorization.takes_many:
            return None
        proven = [request.image_id for request, unproven in checked if unproven is None]
        return await self._authorization.ask(scope, proven)

    async def _ask_in_batch(
        self, request: http.ImageRequest, scope: Scope, answers: dict[str, Refusal] | None
    ) -> Refusal:
        if answers is not None:
            return answers[request.image_id]
        return await self._ask(request, http.scope_of_get(scope, request))

    async def _load(self, request: http.ImageRequest, refusal: Refusal, scope: Scope) -> Payload | None:
        """Return the payload of a request that was decided on; None is for "forbidden"."""
        if refusal is None:
            has_body = scope["method"] != "HEAD"
            return await self._pixstore.load_payload(request.image_id, token=request.token, body=has_body)
        return None if refusal == "forbidden" else Payload(refusal)

    async def _serve_client(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_public(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *http.CLIENT_HEADERS]}
            await send(message)

        if _CLIENT_FILE.fullmatch(path) is None:
            await self._refuse(404, scope, send)
            return
        try:
            await self._client_files({**scope, "path": path, "root_path": ""}, receive, send_public)
        except HTTPException as error:
            await self._refuse(error.status_code, scope, send)

    async def _refuse(self, status: int, scope: Scope, send: Send, *headers: tuple[bytes, bytes]) -> None:
        fixed = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
        await _send_empty(status, [*fixed, *headers, *self._cross_origin.headers(scope)], send)


class PayloadResponse(Response):
    """A payload as a response of the application's own endpoint, in Starlette, FastAPI and Litestar.

    It closes the payload however the request ends. Cross-origin headers are the application's affair here.
    send_timeout_s, max_stream_s: as PixstoreApp's, in seconds.
    """

    def __init__(
        self,
        payload: Payload,
        *,
        background: BackgroundTask | None = None,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_stream_s: float = MAX_STREAM_S,
    ) -> None:
        self.status_code, self.raw_headers = payload.status, http.payload_headers(payload.state, payload.size)
        self.background = background
        self._payload = payload
        self._delivery = Delivery(send_timeout_s, max_stream_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._delivery(self._payload, self.status_code, self.raw_headers, scope, receive, send)
        if self.background is not None:
            await self.background()


async def _send_empty(status: int, headers: http.RawHeaders, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})
