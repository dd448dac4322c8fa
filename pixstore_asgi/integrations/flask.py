"""Flask: images, records by id, errors and streamed uploads in an application, by a few functions."""

from collections.abc import Iterable
from typing import IO, Any, Unpack

from ..asgi.app import RULE_OPTIONS, AnyASGIApp, AppOptions, PixstoreApp
from ..asgi.records import RecordsApp
from ..process import in_thread
from ..sync import SyncPixstore
from ..sync.loops import background
from .answers import NO_STORE, STATUS, ErrorAnswers
from .uploads import UNSUPPORTED_MEDIA_TYPE, refusal_of_form

try:
    from a2wsgi import ASGIMiddleware
    from flask import Flask, Response, abort, make_response, request
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.flask needs Flask and a2wsgi: pip install flask a2wsgi") from error

__all__ = ["add_error_handlers", "add_pixstore", "image_upload", "no_store"]


def add_pixstore(
    app: Flask,
    images: SyncPixstore,
    *,
    route: str = "/pixstore-image",
    records_route: str | None = None,
    **options: Unpack[AppOptions],
) -> None:
    """Serve the images of a Pixstore in a Flask application, and add the error handlers.

    The functions `authorize`, `authorize_many` and `audience` are not async. They run in a thread, in a request
    context, where `session` works. No function of `before_request` runs for images and records.

    Args:
        app: The application.
        images: The Pixstore.
        route: The path of the images.
        records_route: The path of a RecordsApp with the same rules, for the client's option `recordsUrl`. None: none.
        options: The options of PixstoreApp.

    Raises:
        ConfigError: An option has an invalid value.
    """
    rules: dict[str, Any] = {name: _in_context(app, options.get(name)) for name in RULE_OPTIONS}
    mounts: dict[str, Any] = {route: _Mount(PixstoreApp(images.pixstore, **{**options, **rules}))}
    if records_route is not None:
        mounts[records_route] = _Mount(RecordsApp(images.pixstore, **rules))
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    add_error_handlers(app)


def add_error_handlers(app: Flask) -> None:
    """Make an application answer each error that a client can cause with its status. `add_pixstore` calls it. Error
    handlers that the application registers later replace these.
    """
    answers = ErrorAnswers()

    def answer(error: Exception) -> Response:
        status, content, headers = answers.answer(error, has_if_match="if-match" in request.headers)
        return make_response(content, status, headers)

    for kind in STATUS:
        app.register_error_handler(kind, answer)


def image_upload() -> IO[bytes]:
    """Return the body of the current request, for `save_image` or `update_image`. A multipart form gets 415."""
    if refusal := refusal_of_form(request):
        abort(make_response({"detail": refusal}, UNSUPPORTED_MEDIA_TYPE))
    return request.stream


def no_store(response: Response) -> Response:
    """Forbid caches to keep a response, by `app.after_request(no_store)`, if responses contain records."""
    response.headers.update(NO_STORE)
    return response


class _Mount:
    """An ASGI application in the event loop that SyncPixstore uses, which a forked worker starts anew."""

    def __init__(self, app: AnyASGIApp) -> None:
        self._app: Any = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return ASGIMiddleware(self._app, loop=background.started())(environ, start_response)


def _in_context(app: Flask, rule: Any) -> Any:
    def ask(scope: Any, *arguments: Any) -> Any:
        with app.request_context(scope["wsgi_environ"]):
            return rule(scope, *arguments)

    async def ask_in_thread(scope: Any, *arguments: Any) -> Any:
        return await in_thread(ask, scope, *arguments)

    return ask_in_thread if callable(rule) else rule
