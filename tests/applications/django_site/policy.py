"""A strict Content-Security-Policy for every page."""

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

POLICY = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'"


@sync_and_async_middleware
def strict_policy(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], object]:
    if not iscoroutinefunction(get_response):
        return lambda request: _with_policy(get_response(request))

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        return _with_policy(await get_response(request))

    return middleware


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response["content-security-policy"] = POLICY
    return response
