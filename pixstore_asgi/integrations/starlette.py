"""Starlette and FastAPI: error responses for errors that a client can cause, and responses with records."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ..core.events import event
from ..core.hidden import HiddenBytes
from ..core.recipient import Recipient
from ..errors import (
    ImageNotFound,
    ImageTooLarge,
    InvalidImage,
    RecipientError,
    StoreBusy,
    StoreConflict,
    UploadTimeout,
)
from ..pixstore import Pixstore

STATUS: dict[type[Exception], int] = {
    **{
        kind: kind.http_status
        for kind in (
            InvalidImage,
            ImageTooLarge,
            UploadTimeout,
            RecipientError,
            ImageNotFound,
            StoreConflict,
            StoreBusy,
        )
    },
    # The client has disconnected. Without this handler, the log would have an error for each aborted upload.
    ClientDisconnect: 400,
}
"""HTTP status of each error that a client can cause."""

_log = logging.getLogger("pixstore_asgi")
_RETRY_AFTER_S = 1
_LOG_EVERY_S = 5


def add_error_handlers(app: Starlette) -> None:
    """Make an application answer each error that a client can cause with its status and `{"detail": text}`.

    InvalidImage and RecipientError give 400, ImageNotFound 404, UploadTimeout 408, ImageTooLarge 413, StoreBusy 503
    with Retry-After. StoreConflict gives 409, or 412 if the request has an If-Match header. Every other error stays a
    500: the server failed, or the application called a function wrongly. The reason for StoreBusy is logged as a
    warning, at most once in 5 s.

    Args:
        app: A Starlette or FastAPI application.
    """
    answer = partial(_answer, _busy_log())
    for kind in STATUS:
        app.add_exception_handler(kind, answer)


_OF_RECORDS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


async def records_response(
    pixstore: Pixstore,
    image_ids: Iterable[str],
    *,
    audience: str | None = None,
    recipient: Recipient | None = None,
) -> JSONResponse:
    """Return fresh records by id, in the order of `image_ids`, as a JSON response with Cache-Control no-store.

    Before the call, the endpoint must decide whether the page may show these images. Ids without an image are left out.

    Args:
        pixstore: The Pixstore.
        image_ids: The ids of the images.
        audience: As in `Pixstore.get_image_record`.
        recipient: As in `Pixstore.get_image_record`.

    Raises:
        RecipientError: There is no recipient, but the Pixstore's records="sealed" needs one.
        InputError: `image_ids` is one text, or the audience is invalid.
        IntegrityError: A row was changed outside this package.
        StoreError: The store failed.
    """
    records = await pixstore.get_image_records(image_ids, audience=audience, recipient=recipient)
    response = JSONResponse(records, headers=_OF_RECORDS)
    response.body = HiddenBytes(response.body)  # it holds keys
    return response


def _busy_log() -> Callable[[StoreBusy], None]:
    """Return a function that logs why the store is busy, at most once in 5 s."""
    logged_s = -math.inf

    def log(error: StoreBusy) -> None:
        nonlocal logged_s
        if time.monotonic() - logged_s >= _LOG_EVERY_S:
            logged_s = time.monotonic()
            _log.warning("answered 503, once or more: %s", error, extra=event("answered_503"))

    return log


async def _answer(log_busy: Callable[[StoreBusy], None], request: Request, error: Exception) -> Response:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status == 409 and "if-match" in request.headers:
        status = 412
    headers = {"cache-control": "no-store"}
    if isinstance(error, StoreBusy):
        # Its text names the database's path.
        log_busy(error)
        headers["retry-after"] = str(_RETRY_AFTER_S)
        return JSONResponse({"detail": error.detail}, status, headers)
    return JSONResponse({"detail": str(error)}, status, headers)
