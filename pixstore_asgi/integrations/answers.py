"""The answers of an application to errors that a request can cause, and the headers of answers with records."""

import logging
import math
import time

from starlette.requests import ClientDisconnect

from ..core.events import event
from ..errors import (
    DirectoryFull,
    ImageExists,
    ImageNotFound,
    ImageTooLarge,
    InvalidImage,
    RecipientError,
    StoreBusy,
    StoreConflict,
    UploadTimeout,
)

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
            ImageExists,
            StoreBusy,
            DirectoryFull,
        )
    },
    # The client has disconnected. Without this handler, the log would have an error for each aborted upload.
    ClientDisconnect: 400,
}
"""HTTP status of each error that a client can cause."""

NO_STORE = {"cache-control": "no-store"}
RECORDS_HEADERS = {**NO_STORE, "cross-origin-resource-policy": "same-origin", "x-content-type-options": "nosniff"}
"""The headers of a response with records."""

_log = logging.getLogger("pixstore_asgi")
_RETRY_AFTER_S = 1
_LOG_EVERY_S = 5


class ErrorAnswers:
    """Answers the errors of one application, and logs why the store is busy, at most once in 5 s."""

    def __init__(self) -> None:
        self._logged_s = -math.inf

    def answer(self, error: Exception, *, has_if_match: bool) -> tuple[int, dict[str, str], dict[str, str]]:
        """Return the status, the JSON content and the headers of the answer to an error of `STATUS`.

        Args:
            error: The error.
            has_if_match: Whether the request has the header If-Match.
        """
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        if status == 409 and has_if_match:
            status = 412
        if isinstance(error, StoreBusy):
            # Its text names the database's path.
            self._log_busy(error)
            return status, {"detail": error.detail}, {**NO_STORE, "retry-after": str(_RETRY_AFTER_S)}
        return status, {"detail": getattr(error, "detail", str(error))}, dict(NO_STORE)

    def _log_busy(self, error: StoreBusy) -> None:
        if time.monotonic() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = time.monotonic()
            _log.warning("answered 503, once or more: %s", error, extra=event("answered_503"))
