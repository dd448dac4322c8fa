"""Quart: images, records, errors and streamed uploads in an application, by a few functions."""

import inspect
from collections.abc import AsyncIterator
from typing import Any, Unpack

from starlette.types import Receive, Scope, Send

from ..asgi.app import RULE_OPTIONS, AnyASGIApp, AppOptions, PixstoreMiddleware
from ..asgi.http import route_path
from ..asgi.records import RecordsApp
from ..asgi.refused_uploads import RefusedUploads
from ..core.sizes import size_text
from ..errors import ImageTooLarge
from ..pixstore import Pixstore
from .answers import NO_STORE, STATUS, ErrorAnswers
from .uploads import UNSUPPORTED_MEDIA_TYPE, UploadBody, refusal_of_form

try:
    from quart import Quart, abort, current_app, jsonify, request
    from quart.typing import ResponseTypes
    from quart.wrappers import Request
    from werkzeug.datastructures import Headers
    from werkzeug.exceptions import RequestEntityTooLarge
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.quart needs Quart: pip install quart") from error

__all__ = ["add_error_handlers", "add_pixstore", "image_upload", "no_store"]


def add_pixstore(
    app: Quart,
    pixstore: Pixstore,
    *,
    route: str = "/pixstore-image",
    records_route: str | None = None,
    **options: Unpack[AppOptions],
) -> None:
    """Serve the images of a Pixstore in a Quart application, and add the error handlers.

    The Pixstore opens before the application's own startup, and closes after its shutdown. The functions `authorize`,
    `authorize_many` and `audience` run in a request context, so that `session` works as in a view. No function of
    `before_request` runs for images and records.

    Args:
        app: The application.
        pixstore: The Pixstore.
        route: The path of the images.
        records_route: The path of a RecordsApp, for the client's option `recordsUrl`. It needs `authorize` or
            `authorize_many`. None: there is none.
        options: The options of PixstoreApp. `authorize`, `authorize_many` and `audience` are also those of the
            RecordsApp.

    Raises:
        ConfigError: An option has an invalid value.
    """
    rules: dict[str, Any] = {name: _in_context(app, options.get(name)) for name in RULE_OPTIONS}
    inner: Any = app.asgi_app
    if records_route is not None:
        inner = _with_records(inner, records_route, RecordsApp(pixstore, **rules))
    app.asgi_app = PixstoreMiddleware(inner, pixstore, route=route, **{**options, **rules})  # type: ignore[method-assign, assignment]
    add_error_handlers(app)


def add_error_handlers(app: Quart) -> None:
    """Make an application answer each error that a client can cause as `add_error_handlers` of Starlette does.

    `add_pixstore` calls it. Error handlers that the application registers later replace these.

    Args:
        app: The application.
    """
    answers = ErrorAnswers()

    async def answer(error: Exception) -> tuple[dict[str, str], int, dict[str, str]]:
        status, content, headers = answers.answer(error, has_if_match="if-match" in request.headers)
        return content, status, headers

    for kind in STATUS:
        app.register_error_handler(kind, answer)
    app.asgi_app = RefusedUploads(app.asgi_app)  # type: ignore[method-assign, assignment, arg-type]


def image_upload() -> AsyncIterator[bytes]:
    """Return the body of the current request in pieces, for `save_image` or `update_image`.

    A multipart form gets 415. An image above Quart's own limit, the configuration MAX_CONTENT_LENGTH, raises
    ImageTooLarge. Quart reads ahead: up to this limit of each upload may be in memory.
    """
    # The body is the image itself. Quart would write a form's file to a temporary file, unencrypted.
    if refusal := refusal_of_form(request):
        response = jsonify({"detail": refusal})
        response.status_code = UNSUPPORTED_MEDIA_TYPE
        abort(response)
    return UploadBody(request, _pieces(request.body, current_app.config["MAX_CONTENT_LENGTH"]))


async def _pieces(body: AsyncIterator[bytes], limit: int | None) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            yield piece
            del piece  # a traceback must not show it
    except RequestEntityTooLarge:
        raise ImageTooLarge(
            f"the image is longer than MAX_CONTENT_LENGTH, {size_text(limit or 0)}: scale it down"
        ) from None


def no_store(response: ResponseTypes) -> ResponseTypes:
    """Forbid caches to keep a response. Use it for every application or blueprint whose responses contain a record:
    `app.after_request(no_store)`. In one view, call `after_this_request(no_store)`.

    Args:
        response: The response.
    """
    response.headers.update(NO_STORE)
    return response


def _with_records(inner: AnyASGIApp, route: str, records: RecordsApp) -> AnyASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_for_records = scope["type"] == "http" and route_path(scope) == route
        await (records if is_for_records else inner)(scope, receive, send)

    return serve


def _in_context(app: Quart, rule: Any) -> Any:
    """Return a rule that runs in a request context of its own, because images are served outside Quart's views."""
    if not callable(rule):
        return rule

    async def ask(scope: Scope, *arguments: Any) -> Any:
        async with app.request_context(_request_of(app, scope)):
            answer = rule(scope, *arguments)
            return await answer if inspect.isawaitable(answer) else answer

    return ask


def _request_of(app: Quart, scope: Any) -> Request:
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    made = app.request_class(
        scope["method"],
        scope["scheme"],
        scope["path"],
        scope["query_string"],
        headers,
        scope.get("root_path", ""),
        scope["http_version"],
        scope,
        send_push_promise=_push_nothing,
    )
    made.body.set_complete()
    return made


async def _push_nothing(path: str, headers: Headers) -> None:
    """Do nothing: a rule answers no request."""
