"""Who is signed in: random cookies that this process knows, and forgets at sign-out."""

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_NO_STORE = {"Cache-Control": "no-store"}


class Sessions:
    """The sessions of this process. Everyone on this machine may have one: what counts here is how one ends."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def start(self, connection: HTTPConnection) -> Response:
        """Answer 204 with the cookie of a new session; the one before ends."""
        self._open.discard(_cookie_of(connection))
        session = secrets.token_urlsafe(32)
        self._open.add(session)
        response = Response(status_code=204, headers=_NO_STORE)
        response.set_cookie(_cookie_name(connection), session, httponly=True, samesite="strict")
        return response

    def end(self, connection: HTTPConnection) -> Response:
        """Answer 204; from now on the session's cookie is worth nothing, wherever there is a copy of it."""
        self._open.discard(_cookie_of(connection))
        response = Response(status_code=204, headers=_NO_STORE)
        response.delete_cookie(_cookie_name(connection), httponly=True, samesite="strict")
        return response

    def is_open(self, connection: HTTPConnection) -> bool:
        """Tell whether a request comes with the cookie of an open session."""
        return _cookie_of(connection) in self._open

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
            await JSONResponse({"error": "sign in first"}, 401, headers=_NO_STORE)(scope, receive, send)


def _cookie_of(connection: HTTPConnection) -> str:
    return connection.cookies.get(_cookie_name(connection), "")


def _cookie_name(connection: HTTPConnection) -> str:
    # Cookies know no ports: two demos on one machine would else sign each other out.
    return f"pixstore-demo-{connection.url.port or 80}"
