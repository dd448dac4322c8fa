"""The session and the user of a request for images or records, which does not pass through Django's middleware."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from io import BytesIO
from typing import Any, TypeVar, cast

from asgiref.sync import ThreadSensitiveContext, iscoroutinefunction, sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, connections
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from starlette.types import Scope

from ...asgi.records import ids_in
from ...errors import ConfigError

_T = TypeVar("_T")
_VISITOR = "pixstore_asgi.visitor"
_WITHOUT_SESSION = "no session"

_REFUSALS = (Http404, ObjectDoesNotExist, PermissionDenied)
"""The errors by which Django's views refuse a user too."""

UserRule = Callable[[Any, str], bool | Awaitable[bool]]
"""A function of the user and an image id. It is Any, so that an application can annotate its own user model."""

UserOf = Callable[[HttpRequest], Any]
"""A plain function of a request. It returns the user, or None."""

ManyRule = Callable[[Any, list[str]], Iterable[str] | Awaitable[Iterable[str]]]
"""A function of the user and a list of image ids. It returns the ids that the user may see, also as a QuerySet."""


def audience_of(request: HttpRequest) -> str:
    """Return the audience of the records in an answer to a request: pass it as `audience=` to `get_image_record`.

    It is a hash of the session's key, and the same text for all requests without a session. It may load the session. In
    an async view, await `request.auser()` before.

    Args:
        request: The request of a view.
    """
    session = getattr(request, "session", None)
    # A session without data may not exist: its key may have come from an old cookie.
    if session is None or not session.keys() or not session.session_key:
        return _WITHOUT_SESSION
    return hashlib.sha256(f"pixstore_asgi session {session.session_key}".encode()).hexdigest()


@dataclass
class Visitor:
    """The user of a request, and the audience of its proofs and records."""

    user: Any
    audience: str = field(repr=False)
    admitted: Collection[str] | None = None


class SessionRules:
    """The rule of the images, as functions of the ASGI scope, which PixstoreApp and RecordsApp take.

    All functions load session and user once for each scope, in one step in a worker thread.

    Raises ConfigError unless exactly one of both rules is given.
    """

    def __init__(self, authorize: UserRule | None, authorize_many: ManyRule | None, user_of: UserOf) -> None:
        if (authorize is None) == (authorize_many is None):
            raise ConfigError("pass the rule of the images to pixstore_application: authorize or authorize_many")
        rule = authorize or authorize_many
        if not callable(rule):
            raise ConfigError(f"the rule of the images must be a function of user and id, not {type(rule).__name__}")
        self._authorize = authorize
        self._authorize_many = authorize_many
        self._user_of = user_of
        self._is_async = iscoroutinefunction(rule) or iscoroutinefunction(getattr(rule, "__call__", None))  # noqa: B004

    async def admitted(self, scope: Scope, image_ids: list[str]) -> Collection[str]:
        """Return the ids of the images that the user of the request may see."""
        visitor = await self._visitor_of(scope)
        if visitor.admitted is not None:
            return visitor.admitted
        if not self._is_async:
            return await self._given(await _in_thread(lambda: self._ask(visitor.user, image_ids)))
        async with ThreadSensitiveContext():  # the rule's queries run in a thread of their own, as those of a view
            try:
                return await self._given(self._ask(visitor.user, image_ids))
            finally:
                await sync_to_async(_close_connections)()

    async def audience_of_images(self, scope: Scope) -> str:
        """Return the audience of a request for images."""
        return (await self._visitor_of(scope)).audience

    async def audience_of_records(self, scope: Scope) -> str | None:
        """Return the audience of a request for records, or None if the user is not signed in and may see no image.

        Then RecordsApp answers 403. An answer without these records would tell the page to delete their pictures.
        """
        visitor = await self._visitor_of(scope)
        if not visitor.user.is_authenticated:
            visitor.admitted = await self.admitted(scope, ids_in(scope))
            if not visitor.admitted:
                return None
        return visitor.audience

    async def _visitor_of(self, scope: Scope) -> Visitor:
        visitor = scope.get(_VISITOR)
        if visitor is None:
            visitor = scope[_VISITOR] = await _in_thread(lambda: self._load_visitor(scope))
        return cast("Visitor", visitor)

    def _load_visitor(self, scope: Scope) -> Visitor:
        request = ASGIRequest({**scope, "query_string": b""}, BytesIO())  # Django refuses some queries
        SessionMiddleware(_no_view).process_request(request)
        audience = audience_of(request)
        request.session = _LoadedSession(request.session)
        return Visitor(self._user_of(request) or _anonymous(), audience)

    def _ask(self, user: Any, image_ids: list[str]) -> Any:
        """Call the rule: `authorize_many` once, `authorize` for each id. The answers may have to be awaited."""
        if self._authorize_many is not None:
            answer = self._authorize_many(user, image_ids)
            # The query of a plain function has to run in its thread.
            return list(answer) if isinstance(answer, QuerySet | Iterator) and not self._is_async else answer
        return {image_id: self._ask_one(user, image_id) for image_id in image_ids}

    def _ask_one(self, user: Any, image_id: str) -> Any:
        assert self._authorize is not None
        with suppress(*_REFUSALS):
            return self._authorize(user, image_id)
        return False

    async def _given(self, answer: Any) -> Collection[str]:
        """Return the ids in an answer of `_ask`. PixstoreApp checks the type of an answer of `authorize_many`."""
        if self._authorize_many is not None:
            answer = await _awaited(answer)
            return [image_id async for image_id in answer] if isinstance(answer, QuerySet) else answer
        return [image_id for image_id, passes in answer.items() if await _passes(passes)]


async def _awaited(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer


async def _passes(answer: Any) -> bool:
    with suppress(*_REFUSALS):
        return await _awaited(answer) is True
    return False


async def _in_thread(call: Callable[[], _T]) -> _T:
    """Call a function in a worker thread, and close expired database connections around it, as Django does around
    each request.
    """

    def call_it() -> _T:
        close_old_connections()
        try:
            return call()
        finally:
            close_old_connections()

    return await sync_to_async(call_it, thread_sensitive=False)()


def _close_connections() -> None:
    # In a test, the thread may be the test's own, which is inside a transaction.
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _anonymous() -> Any:
    from django.contrib.auth.models import AnonymousUser  # only after all applications are set up

    return AnonymousUser()


def _no_view(request: HttpRequest) -> HttpResponseBase:
    raise NotImplementedError


class _LoadedSession(SessionBase):
    """The data of a session, without its store.

    `get_user` rotates the key of a session that an older SECRET_KEY has signed, and deletes a session if the password
    was changed. Here no cookie could follow, so nothing may reach the store.
    """

    def __init__(self, session: SessionBase) -> None:
        super().__init__()
        self.update(dict(session.items()))

    def load(self) -> dict[str, Any]:
        return {}

    def create(self) -> None:
        """Keep the data under no key."""

    def delete(self, session_key: str | None = None) -> None:
        """Delete nothing."""
