"""For Starlette and FastAPI: answers to the errors that a client can cause, and a list page's records."""

import logging
import math
import time
from collections.abc import Iterable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ..core.events import event
from ..core.hidden import HiddenBytes
from ..errors import ImageNotFound, ImageTooLarge, InvalidImage, StoreBusy, StoreConflict, UploadTimeout
from ..pixstore import Pixstore

STATUS: dict[type[Exception], int] = {
    **{
        kind: kind.http_status
        for kind in (InvalidImage, ImageTooLarge, UploadTimeout, ImageNotFound, StoreConflict, StoreBusy)
    },
    # The client has left. Without an answer, each upload that a client aborts would be an error in the log.
    ClientDisconnect: 400,
}
"""HTTP status of each error that a client can cause."""

_log = logging.getLogger("pixstore_asgi")
_RETRY_AFTER_S = 1
_TOLD_EVERY_S = 5


def add_error_handlers(app: Starlette) -> None:
    """Let an application, or its FastAPI child, answer these errors with their status and `{"detail": text}`.

    InvalidImage 400, ImageTooLarge 413, UploadTimeout 408, ImageNotFound 404, StoreBusy 503 with Retry-After,
    StoreConflict 409, or 412 where the request has an If-Match header. Every other error stays a 500: the server's own
    trouble, or a wrong call. Why the store was busy is a warning in the log, at most once in 5 s.
    """
    answer = partial(_answer, _Trouble())
    for kind in STATUS:
        app.add_exception_handler(kind, answer)


_OF_RECORDS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class _RecordsResponse(JSONResponse):
    """JSON with a body that hides itself in a repr: it holds keys."""

    def render(self, content: object) -> bytes:
        return HiddenBytes(super().render(content))


async def records_response(
    pixstore: Pixstore, image_ids: Iterable[str], *, audience: str | None = None
) -> JSONResponse:
    """Return the response to a list page: fresh records by id, in the order of the ids, which nobody keeps.

    Whether the page may show these images is for the endpoint to decide, before. Ids without an image are left out.
    audience: as `get_image_record`'s. Raises as `get_image_records`.
    """
    records = await pixstore.get_image_records(image_ids, audience=audience)
    return _RecordsResponse(records, headers=_OF_RECORDS)


class _Trouble:
    """Tells the log why a store is busy, not for each of the requests that meet it."""

    def __init__(self) -> None:
        self._told_s = -math.inf

    def tell(self, error: StoreBusy) -> None:
        """Log the reason, unless one was logged just now."""
        if time.monotonic() - self._told_s >= _TOLD_EVERY_S:
            self._told_s = time.monotonic()
            _log.warning("answered 503, once or more: %s", error, extra=event("answered_503"))


async def _answer(trouble: _Trouble, request: Request, error: Exception) -> Response:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status == 409 and "if-match" in request.headers:
        status = 412
    headers = {"cache-control": "no-store"}
    if isinstance(error, StoreBusy):
        # Its text names the database's path.
        trouble.tell(error)
        headers["retry-after"] = str(_RETRY_AFTER_S)
        return JSONResponse({"detail": error.detail}, status, headers)
    return JSONResponse({"detail": str(error)}, status, headers)
