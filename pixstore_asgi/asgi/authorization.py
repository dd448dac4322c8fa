"""The application's own rule, `authorize` or `authorize_many`: whose answers let a proven request pass."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

from starlette.types import Scope

from ..errors import ConfigError, WireState

_log = logging.getLogger("pixstore_asgi")

Refusal = WireState | Literal["forbidden"] | None
"""Why a request is refused, if it is: by the wire's states, or by the application's rule."""

Authorize = Callable[[Scope, str], bool | Awaitable[bool]]
AuthorizeMany = Callable[[Scope, list[str]], Collection[str] | Awaitable[Collection[str]]]


class Authorization:
    """Asks the rule of one PixstoreApp, if there is one. Raises ConfigError for one that can't be asked."""

    def __init__(self, authorize: Authorize | None, authorize_many: AuthorizeMany | None) -> None:
        if authorize is not None and authorize_many is not None:
            raise ConfigError(
                "give authorize or authorize_many, not both: authorize_many is asked for single images too"
            )
        for name, rule, asked in (
            ("authorize", authorize, "image id"),
            ("authorize_many", authorize_many, "a list of image ids"),
        ):
            if rule is not None and not callable(rule):
                raise ConfigError(f"{name} must be a function of scope and {asked}, not {type(rule).__name__}")
        self._authorize = authorize
        self._authorize_many = authorize_many

    @property
    def takes_many(self) -> bool:
        """Whether one call answers for all images of a request."""
        return self._authorize_many is not None

    async def ask(self, scope: Scope, image_ids: Collection[str]) -> dict[str, Refusal]:
        """Return for each image why it is refused, or None where the rule lets it pass."""
        try:
            passing = await self._passing(scope, image_ids)
        except Exception as error:  # whatever the application's own function raises
            _log.exception("authorize failed for image %s%s", ", ".join(map(repr, image_ids)), _remedy(error, scope))
            return dict.fromkeys(image_ids, WireState.INTERNAL_ERROR)
        return {image_id: None if image_id in passing else "forbidden" for image_id in image_ids}

    async def _passing(self, scope: Scope, image_ids: Collection[str]) -> Collection[str]:
        if not image_ids:
            return ()
        if self._authorize_many is not None:
            # A list of the rule's own: what it does to it changes nothing here.
            return _ids_in(await _awaited(self._authorize_many(scope, list(image_ids))))
        if self._authorize is not None:
            return [name for name in image_ids if await _awaited(self._authorize(scope, name)) is True]
        return image_ids


async def _awaited(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


def _ids_in(answer: Any) -> frozenset[Any]:
    # A mapping of ids to True and False would let all of them pass, and a text every id that is a part of it.
    ids = list(answer) if isinstance(answer, Collection) and not isinstance(answer, str | Mapping) else [None]
    if any(not isinstance(image_id, str) for image_id in ids):
        _log.error("authorize_many must return the ids that may pass, as a list or set, not %s", type(answer).__name__)
        return frozenset()
    return frozenset(ids)


def _remedy(error: Exception, scope: Scope) -> str:
    for key in ("session", "user", "auth"):
        # scope["session"] raises a KeyError, Starlette's request.session an AssertionError.
        is_missed = error.args == (key,) if isinstance(error, KeyError) else f"request.{key}" in str(error.args)
        if is_missed and key not in scope:
            return (
                f': no middleware has set scope["{key}"]; add the one that sets it after PixstoreMiddleware, or around '
                "the mount"
            )
    return ""
