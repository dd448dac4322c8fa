"""Who is signed in: random cookies that this process knows, and forgets at sign-out."""

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_NO_STORE = {"Cache-Control": "no-store"}


class Sessions:
    """The sessions of this process. Everyone on this machine may have one: what counts here is how one ends.

    Each has a guest, a random id which the page may know: it keeps apart what the browser caches for each of them, and
    opens nothing.
    """

    def __init__(self) -> None:
        self._guests: dict[str, str] = {}

    def start(self, connection: HTTPConnection) -> Response:
        """Answer with the guest and the cookie of a new session; the one before ends."""
        self._guests.pop(_cookie_of(connection), None)
        session, guest = secrets.token_urlsafe(32), secrets.token_urlsafe(12)
        self._guests[session] = guest
        response = JSONResponse({"guest": guest}, headers=_NO_STORE)
        response.set_cookie(_cookie_name(connection), session, httponly=True, samesite="strict")
        return response

    def end(self, connection: HTTPConnection) -> Response:
        """Answer 204; from now on the session's cookie is worth nothing, wherever there is a copy of it."""
        self._guests.pop(_cookie_of(connection), None)
        response = Response(status_code=204, headers=_NO_STORE)
        response.delete_cookie(_cookie_name(connection), httponly=True, samesite="strict")
        return response

    def is_open(self, connection: HTTPConnection) -> bool:
        """Tell whether a request comes with the cookie of an open session."""
        return self.guest(connection) is not None

    def guest(self, connection: HTTPConnection) -> str | None:
        """Return the guest of the session whose cookie a request comes with, if that is open."""
        return self._guests.get(_cookie_of(connection))

    def admits(self, scope: Scope, image_id: str) -> bool:
        """The images' `authorize`: a proof is good for no one who is signed out."""
        return self.is_open(HTTPConnection(scope))


class SignedInOnly:
    """Refuses every request that comes without an open session."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._sessions.is_open(HTTPConnection(scope)):
            await self._app(scope, receive, send)
        else:
            await JSONResponse({"detail": "sign in first"}, 401, headers=_NO_STORE)(scope, receive, send)


def _cookie_of(connection: HTTPConnection) -> str:
    return connection.cookies.get(_cookie_name(connection), "")


def _cookie_name(connection: HTTPConnection) -> str:
    # Cookies know no ports: two demos on one machine would else sign each other out.
    return f"pixstore-demo-{connection.url.port or 80}"
