"""PixstoreErrors: a middleware that answers errors, and sets the headers of answers with records."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from ...asgi.refused_uploads import LONGEST_S, MOST_BYTES
from ...errors import PixstoreError
from ..answers import RECORDS_HEADERS, STATUS, ErrorAnswers

_PIECE_BYTES = 64 * 1024

_refused: WeakKeyDictionary[HttpRequest, PixstoreError] = WeakKeyDictionary()
_with_records: WeakSet[HttpRequest] = WeakSet()


def note_refusal(request: HttpRequest, error: PixstoreError) -> None:
    """Answer this request with the status of an error, even if the error breaks a middleware and not a view."""
    _refused[request] = error


def note_records(request: HttpRequest) -> None:
    """Give the answer to this request the headers of an answer with records, Cache-Control no-store above all.

    Django's cache middleware and `cache_page` do not store it. They see the answer before these headers.
    """
    _with_records.add(request)
    vars(request)["_cache_update_cache"] = False


class PixstoreErrors:
    """A middleware that answers each error that a client can cause as `add_error_handlers` of Starlette does.

    Put it first in MIDDLEWARE: `"pixstore_asgi.integrations.django.PixstoreErrors"`. It also adds Cache-Control
    no-store to every answer with records of a RecordField or of `page_records`.

    Args:
        get_response: The next middleware.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._answers = ErrorAnswers()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer a request."""
        if self._is_async:
            return self._answer_later(request)
        return self._finished(request, self._get_response(request))

    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        """Answer an error of a view. Leave an error of the server to Django."""
        return self._answer(request, error) if isinstance(error, tuple(STATUS)) else None

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        return self._finished(request, await self._get_response(request))

    def _finished(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if error := _refused.pop(request, None):
            _drop_body(request)
            response.close()
            return self._answer(request, error)
        if request in _with_records:
            for name, value in RECORDS_HEADERS.items():
                response[name] = value
        return response

    def _answer(self, request: HttpRequest, error: Exception) -> JsonResponse:
        has_if_match = "if-match" in request.headers
        status, content, headers = self._answers.answer(error, has_if_match=has_if_match)
        return JsonResponse(content, status=status, headers=cast("dict[str, Any]", headers))


def _drop_body(request: HttpRequest) -> None:
    """Read the rest of the body under WSGI. Otherwise the server closes the connection while the client still sends."""
    deadline_s, left = time.monotonic() + LONGEST_S, MOST_BYTES
    with suppress(OSError):  # the client has disconnected
        while left > 0 and time.monotonic() < deadline_s and (piece := request.read(_PIECE_BYTES)):
            left -= len(piece)
