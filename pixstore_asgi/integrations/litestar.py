"""Litestar: a plugin that serves images and records, answers errors, and describes records and uploads in OpenAPI."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, Unpack

from starlette.requests import ClientDisconnect

from ..asgi.app import RULE_OPTIONS, AppOptions, PixstoreApp
from ..asgi.client_files import SERVICE_WORKER, client_directory
from ..asgi.delivery import PayloadResponse
from ..asgi.http import recipient_of, route_path
from ..asgi.records import RecordsApp
from ..asgi.refused_uploads import RefusedUploads
from ..core.recipient import Recipient
from ..core.record import ImageRecord
from ..errors import ConfigError
from ..pixstore import Pixstore
from .answers import STATUS, ErrorAnswers
from .uploads import UNSUPPORTED_MEDIA_TYPE, UPLOAD_ERRORS, UploadBody, refusal_of_form

try:
    from litestar import Litestar, Request, Response, get
    from litestar.config.app import AppConfig
    from litestar.datastructures import CacheControlHeader
    from litestar.di import NamedDependency, Provide
    from litestar.enums import ScopeType
    from litestar.exceptions import ClientException, InternalServerException
    from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler, asgi
    from litestar.middleware.logging import LoggingMiddleware, LoggingMiddlewareConfig
    from litestar.openapi.datastructures import ResponseSpec
    from litestar.openapi.spec import (
        OpenAPIFormat,
        OpenAPIMediaType,
        OpenAPIResponse,
        OpenAPIType,
        Operation,
        RequestBody,
        Schema,
    )
    from litestar.params import QueryParameter, SkipValidation
    from litestar.plugins import InitPlugin, OpenAPISchemaPlugin, ReceiveRoutePlugin
    from litestar.routes import BaseRoute, HTTPRoute
    from litestar.types import Empty, ExceptionHandler, Receive, Scope, Send
    from litestar.utils.typing import instantiable_type_mapping, safe_generic_origin_map
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.litestar needs Litestar 2.23 or newer: pip install 'litestar>=2.23'"
    ) from error

__all__ = ["ImageUpload", "PageRecipient", "PixstorePlugin", "no_store"]

_UPLOAD, _RECIPIENT = "image_upload", "page_recipient"
_PROOF_HEADER = "x-pixstore-proof"
_NO_COMPRESSION = "exclude_from_compression"
# A batch is a POST that changes nothing, and its proofs are in no cookie. Ciphertext cannot be compressed.
_OPT = {"exclude_from_csrf": True, _NO_COMPRESSION: True}
_AnyRequest = Request[Any, Any, Any]

ImageUpload: TypeAlias = NamedDependency[SkipValidation[AsyncIterator[bytes]]]
"""The type of a parameter `image_upload`. It gets the request's body, for `save_image` or `update_image`. Multipart
forms get 415."""

PageRecipient: TypeAlias = NamedDependency[SkipValidation[Recipient | None]]
"""The type of a parameter `page_recipient`, for `recipient=` of a call that returns a record. OpenAPI does not list
its header."""

no_store = CacheControlHeader(no_store=True)
"""Use `cache_control=no_store` for every handler, controller or router whose responses contain a record, because a
record has a key. Do not use `cache=` there: Litestar would store the keys."""


_PAYLOAD = ResponseSpec(
    bytes,
    generate_examples=False,
    description="A wire payload; the header x-pixstore-state names its state.",
    media_type="application/octet-stream",
)


class _RecordType:
    def __class_getitem__(cls, key_and_value: Any) -> type[ImageRecord]:
        return ImageRecord


# Litestar's DTOs rebuild each mapping from the types of its keys and values. Without these entries they fail for a
# field of the type ImageRecord, a mapping without such types.
safe_generic_origin_map[ImageRecord] = _RecordType
instantiable_type_mapping[ImageRecord] = ImageRecord


class _FormRefused(ClientException):
    status_code = UNSUPPORTED_MEDIA_TYPE


class PixstorePlugin(InitPlugin, ReceiveRoutePlugin, OpenAPISchemaPlugin):
    """Serves the images of one Pixstore in a Litestar application: `Litestar(…, plugins=[PixstorePlugin(pix)])`.

    - It mounts a PixstoreApp at `route`, and a RecordsApp at `records_route`. A login by Litestar's authentication
      middleware lets the files of `/-/client/`, `/-/live` and `/-/ready` below `route` pass, because they have the opt
      `exclude_from_auth`. A guard of the whole application does not. Litestar's CSRF check and compression leave images
      out.
    - The Pixstore opens before the application's own startup, and closes after its shutdown.
    - It answers each error that a client can cause like `add_error_handlers` of Starlette, and Litestar logs no
      traceback of it. Exception handlers of the application come first.
    - Handlers may have the parameters `image_upload: ImageUpload` and `page_recipient: PageRecipient`. The limit of an
      upload is the Pixstore's `max_image_bytes`. Litestar's `request_max_body_size` applies only if the handler, its
      controller or its router sets it.
    - OpenAPI has the schema of ImageRecord, the records route, body and errors of each upload, and the response of each
      handler that returns a PayloadResponse.

    Args:
        pixstore: The Pixstore.
        route: The path of the mount.
        records_route: The path of a RecordsApp, for the client's option `recordsUrl`. It needs `authorize` or
            `authorize_many`. None: there is none.
        options: The options of PixstoreApp. `authorize`, `authorize_many` and `audience` are also those of the
            RecordsApp. They get Litestar's scope, with the user of its authentication.

    Raises:
        ConfigError: An option has an invalid value. Also at startup, if Litestar's LoggingMiddleware would log keys,
            proofs or images.
    """

    def __init__(
        self,
        pixstore: Pixstore,
        *,
        route: str = "/pixstore-image",
        records_route: str | None = None,
        **options: Unpack[AppOptions],
    ) -> None:
        self._pixstore = pixstore
        app = PixstoreApp(pixstore, **options)
        self._handlers: list[ASGIRouteHandler | HTTPRouteHandler] = [
            asgi(route, is_mount=True, copy_scope=True, opt=dict(_OPT))(app),
            _public(app, route),
        ]
        if records_route is not None:
            rule = {name: options.get(name) for name in RULE_OPTIONS}
            self._handlers.append(_records(RecordsApp(pixstore, **rule), records_route))  # type: ignore[arg-type]
        self._operation = _upload_operation(pixstore)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add routes, lifespan, error handlers and dependencies to the application. Litestar calls it."""
        if (compression := app_config.compression_config) is not None:
            compression.exclude_opt_key = compression.exclude_opt_key or _NO_COMPRESSION
            for handler in self._handlers:
                handler.opt.setdefault(compression.exclude_opt_key, _NO_COMPRESSION in handler.opt)
        app_config.route_handlers.extend(self._handlers)
        app_config.lifespan.insert(0, self._lifespan)
        app_config.dependencies.setdefault(_UPLOAD, Provide(_image_upload))
        app_config.dependencies.setdefault(_RECIPIENT, Provide(_page_recipient))
        app_config.middleware.insert(0, RefusedUploads)  # type: ignore[arg-type]
        answer = _handler_of(ErrorAnswers())
        for kind in STATUS:
            app_config.exception_handlers.setdefault(kind, answer)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Describe uploads and payloads in OpenAPI, and remove Litestar's limit for uploads. Litestar calls it."""
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if _UPLOAD in _parameters(handler):
                if all(layer.request_max_body_size is Empty for layer in handler.ownership_layers[1:]):
                    handler.request_max_body_size = None
                if handler.operation_class is Operation:
                    handler.operation_class = self._operation
            if handler.parsed_fn_signature.return_type.annotation is PayloadResponse:
                handler.responses = {200: _PAYLOAD, **(handler.responses or {})}

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Return whether this is the type ImageRecord. Litestar calls it."""
        return value is ImageRecord

    def to_openapi_schema(self, field_definition: Any, schema_creator: Any) -> Schema:
        """Return the schema of ImageRecord. Litestar calls it."""
        registry = schema_creator.schema_registry
        schema: Schema = registry.get_schema_for_field_definition(field_definition)
        own = ImageRecord.json_schema()
        own["properties"]["variants"]["additionalProperties"] = registry.get_reference_for_field_definition(
            field_definition
        )
        schema.title, schema.type, schema.required = own["title"], OpenAPIType.OBJECT, own["required"]
        schema.properties = own["properties"]
        return schema

    @asynccontextmanager
    async def _lifespan(self, app: Litestar) -> AsyncGenerator[None, None]:
        _check_logging(app)
        if (logging := app.logging_config) is not None:
            logging.disable_stack_trace.update(STATUS, [_FormRefused])
        async with self._pixstore:
            yield


def _parameters(handler: HTTPRouteHandler) -> set[str]:
    """Return the names of the parameters of a handler and of the dependencies that it needs."""
    provided, names, new = handler.resolve_dependencies(), set[str](), list(handler.parsed_fn_signature.parameters)
    while new:
        name = new.pop()
        if name in provided and name not in names:
            new.extend(provided[name].parsed_fn_signature.parameters)
        names.add(name)
    return names


async def _image_upload(request: _AnyRequest) -> AsyncIterator[bytes]:
    # The body is the image itself. Litestar would write a form's file to a temporary file, unencrypted.
    if refusal := refusal_of_form(request):
        raise _FormRefused(refusal)
    return UploadBody(request, _pieces(request))


async def _pieces(request: _AnyRequest) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
            del piece  # a traceback must not show it
    except InternalServerException:
        if not request.is_connected:  # the application has read the body before
            raise
        raise ClientDisconnect from None


async def _page_recipient(request: _AnyRequest) -> Recipient | None:
    # Not a HeaderParameter: OpenAPI would list it, and then hey-api's client refuses each other header of a call.
    return recipient_of(request)


def _handler_of(answers: ErrorAnswers) -> "ExceptionHandler[Exception]":
    def handle(request: _AnyRequest, error: Exception) -> Response[dict[str, str]]:
        status, content, headers = answers.answer(error, has_if_match="if-match" in request.headers)
        return Response(content, status_code=status, headers=headers)

    return handle


def _public(app: PixstoreApp, route: str) -> ASGIRouteHandler:
    """Return the handler of the addresses that need no login: a mount has one handler for all paths below it."""
    names = [file.name for file in client_directory().glob("*.js")]
    versioned = [app.client_path(name) for name in names if name != SERVICE_WORKER]
    paths = ["/-/live", "/-/ready", *versioned, *(f"/-/client/{name}" for name in names)]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            below = route_path(scope).partition(route)[2]  # type: ignore[arg-type]
            await app.respond(below, scope, receive, send, route=route)  # type: ignore[arg-type]
        else:
            await app(scope, receive, send)  # type: ignore[arg-type]

    return asgi([f"{route}{path}" for path in paths], copy_scope=True, opt={**_OPT, "exclude_from_auth": True})(serve)


def _records(app: RecordsApp, route: str) -> HTTPRouteHandler:
    found = ResponseSpec(dict[str, ImageRecord], generate_examples=False, description="The records, by id.")

    @get(route, summary="Records of images", responses={200: found})
    async def records(
        image_ids: Annotated[list[str], QueryParameter(name="id", description="The ids of up to 100 images.")],
        page_recipient: PageRecipient,
    ) -> RecordsApp:
        return app

    return records


def _upload_operation(pixstore: Pixstore) -> type[Operation]:
    """Return the class of OpenAPI's operations that have an image as their body."""
    image = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
    body = RequestBody(required=True, content=dict.fromkeys(pixstore.media_types, image))
    problem = OpenAPIMediaType(
        schema=Schema(
            type=OpenAPIType.OBJECT, properties={"detail": Schema(type=OpenAPIType.STRING)}, required=["detail"]
        )
    )
    refusals = {
        str(status): OpenAPIResponse(description=text, content={"application/json": problem})
        for status, text in UPLOAD_ERRORS.items()
    }

    @dataclass
    class UploadOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = body
            self.responses = {**(self.responses or {}), **refusals}

    return UploadOperation


def _check_logging(app: Litestar) -> None:
    """Raise ConfigError if Litestar's LoggingMiddleware would log keys, proofs or images."""
    for each in app.middleware:
        kind, config = getattr(each, "middleware", None), getattr(each, "kwargs", {}).get("config")
        if not (isinstance(kind, type) and issubclass(kind, LoggingMiddleware)):
            continue
        if isinstance(config, LoggingMiddlewareConfig) and _logs_secrets(config):
            raise ConfigError(
                "Litestar's LoggingMiddleware logs bodies or headers, and with them the keys and proofs of images: "
                'set its request_log_fields=("method", "path") and response_log_fields=("status_code",)'
            )


def _logs_secrets(config: LoggingMiddlewareConfig) -> bool:
    if "body" in {*config.request_log_fields, *config.response_log_fields}:
        return True
    hidden = {name.lower() for name in config.request_headers_to_obfuscate}
    return "headers" in config.request_log_fields and _PROOF_HEADER not in hidden
