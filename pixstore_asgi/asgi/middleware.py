"""PixstoreMiddleware: serves images at one route of an application; everything else passes through."""

from collections.abc import Awaitable, Callable
from typing import Any, Unpack

from starlette.types import Receive, Scope, Send

from ..errors import ConfigError
from ..pixstore import Pixstore
from .app import AppOptions, PixstoreApp
from .http import route_path
from .lifespan import run_lifespan

AnyASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application of any framework: each types scope and messages in its own way."""


class PixstoreMiddleware:
    """Wraps an ASGI application: a PixstoreApp serves `route` and all paths below it; other scopes pass unchanged.

    The Pixstore opens before the application's startup and closes after its shutdown.

    Starlette, FastAPI: `app.add_middleware(PixstoreMiddleware, pixstore=pix)`.
    Quart: `app.asgi_app = PixstoreMiddleware(app.asgi_app, pix)`.

    Args:
        app: The application.
        pixstore: The Pixstore.
        route: A path such as /pixstore-image.
        app_options: The options of PixstoreApp.

    Raises:
        ConfigError: An option can't work.
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
        """Return the part of a path below the route, or None for another path."""
        below = path.removeprefix(self._route)
        return below if below != path and below[:1] in ("", "/") else None
