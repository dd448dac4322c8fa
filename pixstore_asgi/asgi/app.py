"""PixstoreApp, the mountable ASGI app, and PixstoreMiddleware, which serves it at one route of an application."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypedDict, Unpack

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ..core.requests import ImageRequest
from ..errors import ConfigError
from ..pixstore import Pixstore, parts_of
from ..serving.decide import Answer, Inquiry, Wait
from ..serving.payload import Payload, payload_headers
from .authorization import Audience, AudienceOf, Authorization, Authorize, AuthorizeMany
from .batch import Batch, is_batch
from .blobs import Blobs, is_blob
from .client_files import IMAGE_URLS, ClientFiles, refuse_without_worker
from .delivery import MAX_STREAM_S, SEND_TIMEOUT_S, Delivery
from .http import (
    RESERVED,
    CrossOrigin,
    is_canonical,
    mounted,
    read_request,
    refuse,
    route_path,
    send_empty,
    send_json,
    without_last_slash,
)
from .lifespan import run_lifespan
from .served import Observer, OnServed, ServedRequest, observers_of

_CLIENT = "/-/client"
_LIVE, _READY = "/-/live", "/-/ready"

AnyASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application of any framework. It is untyped: each framework has its own types for scope and messages."""


class ServingOptions(TypedDict, total=False):
    """The keyword options of PixstoreApp that decide how images are served, as a type for callers that pass them on."""

    allow_origins: Sequence[str] | None
    service_worker_scope: str | None
    on_served: OnServed | Observer | Sequence[OnServed | Observer] | None
    send_timeout_s: float
    max_stream_s: float


class AppOptions(ServingOptions, total=False):
    """All keyword options of PixstoreApp: also those that decide which requests get images."""

    authorize: Authorize | None
    authorize_many: AuthorizeMany | None
    audience: AudienceOf | None
    allow_unproven: bool
    public_ciphertext: bool


RULE_OPTIONS = ("authorize", "authorize_many", "audience")
"""The options of PixstoreApp that RecordsApp has too."""


class PixstoreApp:
    """Serves the images of one Pixstore as an ASGI application. It can be mounted anywhere, any number of times.

    GET and HEAD of `/{image id}` answer with a wire payload. `/-/client/` serves the browser client. `/-/live` and
    `/-/ready` answer load balancers. `/-/blob/` serves bare ciphertext if `public_ciphertext` is set.

    Args:
        pixstore: The Pixstore.
        allow_origins: The origins whose pages may read responses: ("*",) for all origins, without credentials, or a
            list of exact origins, with credentials. None: the application sets the CORS headers itself.
        authorize: A plain or async function. After the app has checked the proof, it calls this function with the ASGI
            scope and the image id. For a variant, the id is that of its original. Only True admits the request; any
            other result is answered with 403.
        authorize_many: Replaces `authorize`. Called with the scope and a list of ids: once for a batch, and with one id
            for a single image. Only the ids in the returned list or set are admitted.
        audience: A plain or async function of the ASGI scope. It returns the session, user or tenant of the request.
            Only a proof for that audience is valid. If the function returns None or raises, no proof is valid.
        allow_unproven: Must be True for a Pixstore with proof_window_ms=-1. Anybody can then read its images.
        public_ciphertext: Serve ciphertext without a proof, at a URL with the version's id, for CDNs and other caches;
            see Pixstore's `ciphertext_url`. Not allowed with `authorize`, `authorize_many` or `audience`.
        service_worker_scope: The path, such as "/", below which pages may show images by plain `<img
            src="…/-/image/ID">`. None: do not serve the service worker that answers these URLs; see
            `registerImageWorker` of the client.
        on_served: A function for audit and metrics. It is called after the answer to a GET, or to an image of a batch,
            has ended. Its arguments are the ASGI scope, the image id, the WireState (None if `authorize` refused), the
            bytes sent and the milliseconds since the request arrived. It must be plain and fast. It may also be an
            observer of `pixstore_asgi.integrations`, or a list of functions and observers. Images from a browser's own
            cache are not reported.
        send_timeout_s: The longest time, in seconds, that a client may take to accept one piece. After that, the app
            ends the response.
        max_stream_s: The longest time, in seconds, that a client may take to accept a whole answer. After that, the app
            ends the response.

    Raises:
        ConfigError: An option has an invalid value.
    """

    def __init__(
        self,
        pixstore: Pixstore,
        *,
        allow_origins: Sequence[str] | None = ("*",),
        authorize: Authorize | None = None,
        authorize_many: AuthorizeMany | None = None,
        audience: AudienceOf | None = None,
        allow_unproven: bool = False,
        public_ciphertext: bool = False,
        service_worker_scope: str | None = None,
        on_served: OnServed | Observer | Sequence[OnServed | Observer] | None = None,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_stream_s: float = MAX_STREAM_S,
    ) -> None:
        _check(pixstore, allow_unproven=allow_unproven)
        is_for_all = audience is None and authorize is None and authorize_many is None
        if public_ciphertext and not is_for_all:
            raise ConfigError(
                "public_ciphertext serves every version without asking authorize, authorize_many or audience: "
                "leave out public_ciphertext, or the rule"
            )
        self._pixstore = pixstore
        parts = parts_of(pixstore)
        self._decisions = parts.decisions
        self._readiness = parts.readiness
        self._cross_origin = CrossOrigin(allow_origins)
        self._authorization = Authorization(authorize, authorize_many)
        self._delivery = Delivery(send_timeout_s, max_stream_s)
        self._audience = None if audience is None else Audience(audience, pixstore)
        self._observers = [] if on_served is None else observers_of(on_served, parts.life.read_times)
        self._is_plain = is_for_all and not self._observers
        self._batch = Batch(
            self._decisions, self._authorization, self._audience, self._observers, self._delivery, self._cross_origin
        )
        self._blobs = Blobs(parts.life, self._delivery, self._cross_origin) if public_ciphertext else None
        self._client_files = ClientFiles(service_worker_scope)
        self._has_image_urls = service_worker_scope is not None

    def client_path(self, name: str = "index.js") -> str:
        """Return the path of a file of the browser client, below the mount. Browsers cache the file until its content
        changes.

        Use it in templates and import maps: `f"/pixstore-image{images.client_path()}"`.

        Args:
            name: The name of the file.

        Returns:
            The path, with the version of the client.

        Raises:
            InputError: The client has no such file.
        """
        return _CLIENT + self._client_files.versioned_path(name)

    def client_integrity(self, mount: str = "") -> dict[str, str]:
        """Return the hashes of the browser client's files, with which a browser refuses a changed file (W3C Subresource
        Integrity).

        The result is the `integrity` of an import map. One of its values is the attribute `integrity` of a script or
        of a link that preloads a module.

        Args:
            mount: The path of the mount, such as "/pixstore-image".

        Returns:
            The SHA-384 of each file by its path: `mount`, then the path that `client_path` returns.
        """
        return {f"{mount}{_CLIENT}{path}": value for path, value in self._client_files.integrity().items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.respond(route_path(scope), scope, receive, send)
        elif scope["type"] == "lifespan":
            await run_lifespan(self._pixstore, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "images are served over HTTP"})

    def respond(self, path: str, scope: Scope, receive: Receive, send: Send, *, route: str = "") -> Awaitable[object]:
        """Return an awaitable that answers one HTTP request.

        Args:
            path: The decoded path below the mount.
            scope: The request's ASGI scope.
            receive: The server's `receive`.
            send: The server's `send`.
            route: The path of the mount, if `scope` does not contain it yet.
        """
        if not self._is_plain or scope["method"] != "GET" or path.startswith(RESERVED):
            return self._serve(path, mounted(scope, route) if route else scope, receive, send)
        inquiry = Inquiry(read_request(scope, path))
        step = self._decisions.decide(inquiry)
        if isinstance(step, Payload) and (whole := step.whole) is not None:
            headers = payload_headers(step.state, step.size) + self._cross_origin.headers(scope)
            return self._delivery.send_whole(whole, step.status, headers, send)
        return self._send_later(inquiry, step, scope, receive, send)

    async def _send_later(
        self, inquiry: Inquiry, step: Answer | Wait, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self._send_answer(await self._decisions.answer(inquiry, step), scope, receive, send)

    async def _serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        methods = ("POST", "OPTIONS") if is_batch(path) else ("GET", "HEAD", "OPTIONS")
        if scope["method"] not in methods:
            allow = (b"allow", ", ".join(methods).encode())
            await refuse(405, [allow, *self._cross_origin.headers(scope)], send)
        elif scope["method"] == "OPTIONS":
            await send_empty(204, self._cross_origin.preflight_headers(scope), send)
        elif not path.startswith(RESERVED):
            await self._serve_image(read_request(scope, path), scope, receive, send)
        elif is_batch(path):
            await self._batch(scope, receive, send)
        elif self._blobs and is_blob(path):
            await self._blobs(path, scope, receive, send)
        elif path.startswith(_CLIENT + "/"):
            await self._serve_client(without_last_slash(path).removeprefix(_CLIENT), scope, receive, send)
        elif self._has_image_urls and path.startswith(IMAGE_URLS):
            await refuse_without_worker(scope, send)
        elif (place := without_last_slash(path)) in (_LIVE, _READY) and is_canonical(scope, place):
            await self._serve_health(place, scope, send)
        else:
            await refuse(404, self._cross_origin.headers(scope), send)

    async def _serve_image(self, request: ImageRequest, scope: Scope, receive: Receive, send: Send) -> None:
        inquiry = Inquiry(request)
        if not self._observers or scope["method"] != "GET":
            await self._send_answer(await self._answer(inquiry, scope), scope, receive, send)
            return
        served = ServedRequest(self._observers, scope, send)
        with served.image(inquiry) as begin:
            answer = await self._answer(inquiry, scope)
            begin(answer)
            await self._send_answer(answer, scope, receive, served)

    async def _answer(self, inquiry: Inquiry, scope: Scope) -> Answer:
        if self._audience and inquiry.request.proof:
            inquiry.terms = await self._audience.terms(scope)
        inquiry.rule = self._authorization.rule(scope)
        inquiry.has_body = scope["method"] != "HEAD"
        return await self._decisions.answer(inquiry)

    async def _send_answer(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        cross_origin = self._cross_origin.headers(scope)
        if not isinstance(answer, Payload):
            await refuse(403, cross_origin, send)
            return
        headers = payload_headers(answer.state, answer.size) + cross_origin
        await self._delivery(answer, answer.status, headers, scope, receive, send)

    async def _serve_health(self, place: str, scope: Scope, send: Send) -> None:
        """Answer `/-/live` or `/-/ready` with 200, or with 503 and one word for the reason. No proof is needed."""
        obstacle = await self._readiness.obstacle() if place == _READY else None
        answer = {place.removeprefix("/-/"): obstacle is None} | ({"reason": obstacle} if obstacle else {})
        await send_json(503 if obstacle else 200, answer, [], scope, send)

    async def _serve_client(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._client_files({**scope, "path": path, "root_path": ""}, receive, send)
        except HTTPException as error:
            await refuse(error.status_code, self._cross_origin.headers(scope), send)


class PixstoreMiddleware:
    """Wraps an ASGI application. A PixstoreApp serves `route` and all paths below it; all other scopes go to the
    application.

    The Pixstore opens before the application's startup and closes after its shutdown.

    Starlette, FastAPI: `app.add_middleware(PixstoreMiddleware, pixstore=pix)`.
    Quart: `add_pixstore` of its integration.

    Args:
        app: The application.
        pixstore: The Pixstore.
        route: A path such as /pixstore-image.
        app_options: The options of PixstoreApp.

    Raises:
        ConfigError: An option has an invalid value.
    """

    def __init__(
        self, app: AnyASGIApp, pixstore: Pixstore, *, route: str = "/pixstore-image", **app_options: Unpack[AppOptions]
    ) -> None:
        if not route.startswith("/") or route.endswith("/"):
            raise ConfigError(f"route must start with a slash and end without one, such as /pixstore-image: {route!r}")
        self._app = app
        self._pixstore = pixstore
        self._route = route
        self._images = PixstoreApp(pixstore, **app_options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await run_lifespan(self._pixstore, scope, receive, send, inner=self._app)
        elif scope["type"] == "http" and (path := self._path_below(route_path(scope))) is not None:
            await self._images.respond(path, scope, receive, send, route=self._route)
        else:
            await self._app(scope, receive, send)

    def _path_below(self, path: str) -> str | None:
        """Return the part of a path below the route, or None if the path is not below it."""
        below = path.removeprefix(self._route)
        return below if below != path and below[:1] in ("", "/") else None


def _check(pixstore: Pixstore, *, allow_unproven: bool) -> None:
    if not isinstance(pixstore, Pixstore):
        raise ConfigError(f"pixstore must be a Pixstore, not {type(pixstore).__name__}")
    if not pixstore.checks_proofs and not allow_unproven:
        raise ConfigError(
            "this Pixstore checks no proofs (proof_window_ms=-1): anybody could read every image whose id they "
            "know; pass allow_unproven=True if that is meant"
        )
