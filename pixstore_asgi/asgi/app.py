"""PixstoreApp, the mountable ASGI app."""

from collections.abc import Sequence
from typing import TypedDict

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ..core.request import ImageRequest
from ..errors import ConfigError
from ..pixstore import Pixstore, parts_of
from ..serving.headers import payload_headers
from ..serving.payload import Payload
from ..serving.proofs import EVERYBODY
from .audience import Audience, AudienceOf
from .authorization import Authorization, Authorize, AuthorizeMany
from .batch import Batch, is_batch
from .blobs import Blobs, is_blob
from .client_files import ClientFiles
from .common import CommonRequests
from .cors import CrossOrigin
from .delivery import MAX_STREAM_S, SEND_TIMEOUT_S, Delivery
from .health import HEALTH, serve_health
from .http import RESERVED, is_canonical, read_request, refuse, route_path, send_empty, without_last_slash
from .image_urls import IMAGE_URLS, refuse_without_worker
from .lifespan import run_lifespan
from .served import UNTOLD, Served, Told

_CLIENT = "/-/client"


class AppOptions(TypedDict, total=False):
    """The keyword options of PixstoreApp, for what hands them on."""

    allow_origins: Sequence[str] | None
    authorize: Authorize | None
    authorize_many: AuthorizeMany | None
    audience: AudienceOf | None
    allow_unproven: bool
    public_ciphertext: bool
    service_worker_scope: str | None
    on_served: Told | Sequence[Told] | None
    send_timeout_s: float
    max_stream_s: float


class PixstoreApp:
    """Serves the images of one Pixstore; mount it anywhere, as often as you like.

    GET and HEAD of `/{image id}` answer with a wire payload, `/-/client/` serves the browser client, `/-/live` and
    `/-/ready` tell a load balancer how it is, and `/-/blob/`, where it is wanted, serves bare ciphertext.

    allow_origins: ("*",), a list of exact origins (their pages may send credentials), or None: CORS is the host's.
    authorize: called with the ASGI scope and the image id after the proof was checked, plain or async; only True lets
        the request pass, anything else is 403.
    authorize_many: in its place, called with the scope and a list of ids, one call for a batch and a list of one for a
        single image; only ids in the list or set that it returns pass.
    audience: called with the ASGI scope, plain or async; returns the session, user or tenant that the request comes
        from, and only a proof that was made for that audience is good. Where it returns None or raises, none is.
    allow_unproven: must be True for a Pixstore with proof_window_ms=-1, which anybody may then read.
    public_ciphertext: serve the ciphertext of a version without a proof to whoever knows the version's id, for CDNs
        and other caches; see Pixstore's `ciphertext_url`. Not beside a rule or an audience.
    service_worker_scope: the path below which pages may show images by plain `<img src="…/-/image/ID">`, such as "/":
        only then the service worker that answers these is served, see `registerImageWorker` of the client.
    on_served: called with the ASGI scope, the image id, the WireState (None where `authorize` refused), the bytes sent
        and the milliseconds since the request came, once the answer to a GET, or to an image of a batch, has ended: for
        audit and metrics. A plain, quick function, or what `pixstore_asgi.integrations` has for it, or a list of those.
        It sees no picture that a browser shows out of its cache.
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
        audience: AudienceOf | None = None,
        allow_unproven: bool = False,
        public_ciphertext: bool = False,
        service_worker_scope: str | None = None,
        on_served: Told | Sequence[Told] | None = None,
        send_timeout_s: float = SEND_TIMEOUT_S,
        max_stream_s: float = MAX_STREAM_S,
    ) -> None:
        _check(pixstore, allow_unproven=allow_unproven)
        is_for_all = audience is None and authorize is None and authorize_many is None
        if public_ciphertext and not is_for_all:
            raise ConfigError(
                "public_ciphertext serves every version without asking authorize, authorize_many or audience: "
                "leave the option out, or the rule"
            )
        self._pixstore = pixstore
        parts = parts_of(pixstore)
        self._answers = parts.answers
        self._readiness = parts.readiness
        self._cross_origin = CrossOrigin(allow_origins)
        self._authorization = Authorization(authorize, authorize_many)
        self._delivery = Delivery(send_timeout_s, max_stream_s)
        self._audience = None if audience is None else Audience(audience, pixstore)
        self._served = None if on_served is None else Served(on_served, self._answers.read_times)
        is_common = is_for_all and self._served is None
        self._common = CommonRequests(self._answers if is_common else None, self._delivery, self._cross_origin)
        self._batch = Batch(
            self._answers, self._authorization, self._audience, self._served, self._delivery, self._cross_origin
        )
        self._blobs = Blobs(self._answers, self._delivery, self._cross_origin) if public_ciphertext else None
        self._client_files = ClientFiles(service_worker_scope)
        self._has_image_urls = service_worker_scope is not None

    def client_path(self, name: str = "index.js") -> str:
        """Return the path below the mount of one of the browser client's files, which browsers keep until it changes.

        For templates and import maps: `f"/pixstore-image{images.client_path()}"`. Raises InputError for a name that no
        file has.
        """
        return _CLIENT + self._client_files.versioned_path(name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = route_path(scope)
            await (self._common.response(path, scope, send) or self._serve(path, scope, receive, send))
        elif scope["type"] == "lifespan":
            await run_lifespan(self._pixstore, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "images are served over HTTP"})

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
        elif without_last_slash(path) in HEALTH and is_canonical(scope, without_last_slash(path)):
            await serve_health(without_last_slash(path), self._readiness, scope, send)
        else:
            await refuse(404, self._cross_origin.headers(scope), send)

    async def _serve_image(self, request: ImageRequest, scope: Scope, receive: Receive, send: Send) -> None:
        meter = self._served.meter(scope, send) if self._served and scope["method"] == "GET" else None
        way = meter.way(request.image_id) if meter else UNTOLD
        with way.deciding():
            terms = await self._audience.terms(scope) if self._audience and request.proof else EVERYBODY
            checked = await self._answers.check(request, terms)
            rule = way.passed(self._authorization.rule(scope))
            has_body = scope["method"] != "HEAD"
            payload = await self._answers.answer_checked(request, checked, terms=terms, rule=rule, has_body=has_body)
        with way.sending(payload):
            await self._send_answer(payload, scope, receive, meter or send)

    async def _send_answer(self, payload: Payload | None, scope: Scope, receive: Receive, send: Send) -> None:
        cross_origin = self._cross_origin.headers(scope)
        if payload is None:
            await refuse(403, cross_origin, send)
            return
        headers = [*payload_headers(payload.state, payload.size), *cross_origin]
        await self._delivery(payload, payload.status, headers, scope, receive, send)

    async def _serve_client(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._client_files({**scope, "path": path, "root_path": ""}, receive, send)
        except HTTPException as error:
            await refuse(error.status_code, self._cross_origin.headers(scope), send)


def _check(pixstore: Pixstore, *, allow_unproven: bool) -> None:
    if not isinstance(pixstore, Pixstore):
        raise ConfigError(f"pixstore must be a Pixstore, not {type(pixstore).__name__}")
    if not pixstore.checks_proofs and not allow_unproven:
        raise ConfigError(
            "this Pixstore checks no proofs (proof_window_ms=-1): anybody could read every image whose id they "
            "know; pass allow_unproven=True if that is meant"
        )


def common_requests_of(app: PixstoreApp) -> CommonRequests:
    """Return what answers the common requests of an application, for the middleware around it."""
    return app._common
