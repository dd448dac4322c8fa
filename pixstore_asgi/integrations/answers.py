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
    StoreFull,
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
            StoreFull,
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
    """Answers the errors of one application, and logs why the store is busy or full, each at most once in 5 s."""

    def __init__(self) -> None:
        self._logged_s: dict[int, float] = {}

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
            if self._is_due(status):
                _log.warning("answered 503, once or more: %s", error, extra=event("answered_503"))
            return status, {"detail": error.detail}, {**NO_STORE, "retry-after": str(_RETRY_AFTER_S)}
        if isinstance(error, StoreFull) and self._is_due(status):
            _log.error("answered 507, once or more: %s", error, extra=event("answered_507"))
        return status, {"detail": getattr(error, "detail", str(error))}, dict(NO_STORE)

    def _is_due(self, status: int) -> bool:
        """Return whether an answer of this status is to be logged now."""
        now_s = time.monotonic()
        is_due = now_s - self._logged_s.get(status, -math.inf) >= _LOG_EVERY_S
        if is_due:
            self._logged_s[status] = now_s
        return is_due
