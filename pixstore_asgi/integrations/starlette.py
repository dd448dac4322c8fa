"""Starlette and FastAPI: error responses for errors that a client can cause, and responses with records."""

from collections.abc import Iterable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..asgi.refused_uploads import RefusedUploads
from ..core.hidden import HiddenBytes
from ..core.recipient import Recipient
from ..pixstore import Pixstore
from .answers import RECORDS_HEADERS, STATUS, ErrorAnswers

__all__ = ["add_error_handlers", "records_response"]


def add_error_handlers(app: Starlette) -> None:
    """Make an application answer each error that a client can cause with its `http_status` and `{"detail": text}`.

    The answer to StoreBusy has Retry-After. The reasons of StoreBusy (a warning) and StoreFull (an error) are logged,
    each at most once in 5 s. StoreConflict gives 412 if the request has an If-Match header. Every other error stays a
    500: the server failed, or the application called a function wrongly.

    If an upload is refused before its end, by any status from 400 on, its rest is read first, at most 64 MiB for 30 s.
    Otherwise the client or a proxy may get no answer, because the server closes the connection.

    Args:
        app: A Starlette or FastAPI application that has not started.
    """
    app.add_middleware(RefusedUploads)
    answer = partial(_answer, ErrorAnswers())
    for kind in STATUS:
        app.add_exception_handler(kind, answer)


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
    response = JSONResponse(records, headers=RECORDS_HEADERS)
    response.body = HiddenBytes(response.body)  # it holds keys
    return response


async def _answer(answers: ErrorAnswers, request: Request, error: Exception) -> Response:
    status, content, headers = answers.answer(error, has_if_match="if-match" in request.headers)
    return JSONResponse(content, status, headers)
