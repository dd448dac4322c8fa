"""Protects the demo from other pages: only its own page may change anything, and that page runs no foreign code."""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
"""The only host names that the demo accepts: another page may point its own name at 127.0.0.1 (DNS rebinding)."""

_NO_STORE = {"Cache-Control": "no-store"}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types default"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def same_origin_only(app: ASGIApp) -> ASGIApp:
    """Refuse a request that changes something, unless the browser's headers say that it comes from the demo's own
    page.
    """

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE_METHODS and not _is_same_origin(scope):
            refusal = JSONResponse({"detail": "only the demo's own page may change its pictures"}, 403, _NO_STORE)
            await refusal(scope, receive, send)
        else:
            await app(scope, receive, send)

    return respond


def well_formed_only(app: ASGIApp) -> ASGIApp:
    """Refuse a request with an invalid port in Host or a null character in the path. Both would raise ValueError."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_well_formed(scope):
            await Response(status_code=400)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return respond


def with_security_headers(app: ASGIApp) -> ASGIApp:
    """Add a strict security policy to every response, and `no-cache` to each response without Cache-Control."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_with_headers)

    return respond


class Logins:
    """The logins of this process. Every user of this machine may sign in: the demo only shows how a login ends.

    Each login has a guest: a random public id. It keeps the browser caches of different logins apart, and grants no
    access.
    """

    def __init__(self) -> None:
        self._guests: dict[str, str] = {}

    async def respond(self, request: Request) -> Response:
        """Answer GET with the guest of the page's login, or null. POST signs in, and DELETE signs out."""
        if request.method == "POST":
            return self.start(request)
        if request.method == "DELETE":
            return self.end(request)
        return JSONResponse({"guest": self.guest(request)}, headers=_NO_STORE)

    def start(self, connection: HTTPConnection) -> Response:
        """Begin a new login. Answer with its guest and its cookie. The earlier login of this browser ends."""
        self._guests.pop(_cookie_of(connection), None)
        session, guest = secrets.token_urlsafe(32), secrets.token_urlsafe(12)
        self._guests[session] = guest
        response = JSONResponse({"guest": guest}, headers=_NO_STORE)
        response.set_cookie(_cookie_name(connection), session, httponly=True, samesite="strict")
        return response

    def end(self, connection: HTTPConnection) -> Response:
        """End the login and answer 204. From now on, copies of its cookie are invalid."""
        self._guests.pop(_cookie_of(connection), None)
        response = Response(status_code=204, headers=_NO_STORE)
        response.delete_cookie(_cookie_name(connection), httponly=True, samesite="strict")
        return response

    def is_open(self, connection: HTTPConnection) -> bool:
        """Return whether the request has the cookie of a login that has not ended."""
        return self.guest(connection) is not None

    def guest(self, connection: HTTPConnection) -> str | None:
        """Return the guest of the request's login, or None if it has no open login."""
        return self._guests.get(_cookie_of(connection))

    def admits(self, scope: Scope, image_id: str) -> bool:
        """Return whether the image request has an open login. PixstoreApp calls this as its `authorize`."""
        return self.is_open(HTTPConnection(scope))


def signed_in_only(app: ASGIApp, logins: Logins) -> ASGIApp:
    """Wrap an application, so that it refuses every request without an open login."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if logins.is_open(HTTPConnection(scope)):
            await app(scope, receive, send)
        else:
            await JSONResponse({"detail": "sign in first"}, 401, _NO_STORE)(scope, receive, send)

    return respond


def _is_well_formed(scope: Scope) -> bool:
    try:
        _ = HTTPConnection(scope).url.port
    except ValueError:
        return False
    return "\0" not in scope["path"]


def _is_same_origin(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return origin == f"{scope['scheme']}://{headers.get('host')}"


def _cookie_of(connection: HTTPConnection) -> str:
    return connection.cookies.get(_cookie_name(connection), "")


def _cookie_name(connection: HTTPConnection) -> str:
    # Name the cookie by the port. Cookies ignore ports, so two demos on one machine would sign each other out.
    return f"pixstore-demo-{connection.url.port or 80}"
