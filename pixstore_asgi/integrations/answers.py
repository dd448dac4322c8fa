"""The answers of an application to errors that a request can cause. All integrations share them."""

import logging
import math
import time
from collections.abc import AsyncIterator
from typing import Self

from starlette.requests import ClientDisconnect

from ..core.events import event
from ..errors import (
    DirectoryFull,
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
            StoreBusy,
            DirectoryFull,
        )
    },
    # The client has disconnected. Without this handler, the log would have an error for each aborted upload.
    ClientDisconnect: 400,
}
"""HTTP status of each error that a client can cause."""

UNSUPPORTED_MEDIA_TYPE = 415
UPLOAD_ERRORS = {
    STATUS[InvalidImage]: "no image of an accepted format, or a damaged one",
    STATUS[UploadTimeout]: "the image did not arrive in time",
    STATUS[ImageTooLarge]: "the image is too large",
    UNSUPPORTED_MEDIA_TYPE: "a multipart form instead of the image",
    STATUS[DirectoryFull]: "the image does not fit into its directory",
}
"""The meaning of each status that refuses an upload, for OpenAPI."""

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
        detail = error.detail if isinstance(error, DirectoryFull) else str(error)
        return status, {"detail": detail}, dict(NO_STORE)

    def _log_busy(self, error: StoreBusy) -> None:
        if time.monotonic() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = time.monotonic()
            _log.warning("answered 503, once or more: %s", error, extra=event("answered_503"))


class UploadBody:
    """The pieces of a request's body. `size` is its declared length, so that a save with a limit can refuse it early.

    Args:
        pieces: The pieces.
        content_length: The header Content-Length of the request, or None.
    """

    def __init__(self, pieces: AsyncIterator[bytes], content_length: str | None) -> None:
        self.size = int(content_length) if content_length and content_length.isdecimal() else None
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)


def refusal_of_form(content_type: str | None, method: str) -> str | None:
    """Return the text of the answer 415 if an upload is a multipart form, else None.

    Frameworks write the files of a form to temporary files, unencrypted.

    Args:
        content_type: The header Content-Type of the request.
        method: The HTTP method of the request.
    """
    if not (content_type or "").lower().startswith("multipart/"):
        return None
    return (
        "send the image itself as the request's body, not a multipart form, which would be written to disk in "
        f'clear: fetch(url, {{method: "{method}", body: input.files[0]}})'
    )
