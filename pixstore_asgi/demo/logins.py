"""Logins: random cookies, which this process remembers until sign-out."""

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_NO_STORE = {"Cache-Control": "no-store"}


class Logins:
    """The logins of this process. Every user of this machine may sign in; the demo shows how a login ends.

    Each login has a guest, a random public id. It separates the browser caches of the logins, and grants no access.
    """

    def __init__(self) -> None:
        self._guests: dict[str, str] = {}

    def start(self, connection: HTTPConnection) -> Response:
        """Answer with the guest and the cookie of a new login. End this browser's earlier login."""
        self._guests.pop(_cookie_of(connection), None)
        session, guest = secrets.token_urlsafe(32), secrets.token_urlsafe(12)
        self._guests[session] = guest
        response = JSONResponse({"guest": guest}, headers=_NO_STORE)
        response.set_cookie(_cookie_name(connection), session, httponly=True, samesite="strict")
        return response

    def end(self, connection: HTTPConnection) -> Response:
        """Answer 204 and end the login. Copies of its cookie are invalid from now on."""
        self._guests.pop(_cookie_of(connection), None)
        response = Response(status_code=204, headers=_NO_STORE)
        response.delete_cookie(_cookie_name(connection), httponly=True, samesite="strict")
        return response

    def is_open(self, connection: HTTPConnection) -> bool:
        """Return whether a request has the cookie of an open login."""
        return self.guest(connection) is not None

    def guest(self, connection: HTTPConnection) -> str | None:
        """Return the guest of the request's open login, or None."""
        return self._guests.get(_cookie_of(connection))

    def admits(self, scope: Scope, image_id: str) -> bool:
        """Authorize an image request: a proof is valid only with an open login."""
        return self.is_open(HTTPConnection(scope))


class SignedInOnly:
    """Refuses every request without an open login."""

    def __init__(self, app: ASGIApp, logins: Logins) -> None:
        self._app = app
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._logins.is_open(HTTPConnection(scope)):
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": "sign in first"}, 401, headers=_NO_STORE)(scope, receive, send)


def _cookie_of(connection: HTTPConnection) -> str:
    return connection.cookies.get(_cookie_name(connection), "")


def _cookie_name(connection: HTTPConnection) -> str:
    # Cookies ignore ports: otherwise two demos on one machine would sign each other out.
    return f"pixstore-demo-{connection.url.port or 80}"
