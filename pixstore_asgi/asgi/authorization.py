"""Authorization and audience: calls the application's own functions that decide about access.

Authorization calls the rule, `authorize` or `authorize_many`, which decides whether a request may get an image.
PixstoreApp calls the rule after it has checked the proof, and RecordsApp before it makes a proof. Audience calls
`audience`, which returns the session, user or tenant of the request. PixstoreApp accepts only proofs that are bound to
this audience, and RecordsApp binds its new proofs to it.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.types import Scope

from ..core.events import event
from ..core.ids import original_of
from ..core.proof import ProofTerms, terms_of
from ..errors import ConfigError, WireState
from ..pixstore import Pixstore
from ..serving.decide import FORBIDDEN, Refusal, Rule
from .http import scope_of_get

_log = logging.getLogger("pixstore_asgi")

# The scope is Any, so that an application can annotate it with its framework's own type.
Authorize = Callable[[Any, str], bool | Awaitable[bool]]
AuthorizeMany = Callable[[Any, list[str]], Collection[str] | Awaitable[Collection[str]]]

AudienceOf = Callable[[Any], str | Awaitable[str | None] | None]
"""Returns the session, user or tenant that a request comes from, or None."""


class Authorization:
    """Calls the `authorize` or `authorize_many` function of one application, if there is one.

    Raises ConfigError if both are given, or if one is not a function.
    """

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

    def rule(self, scope: Scope) -> Rule | None:
        """Return the rule for one GET, or None if the application has no rule."""
        if self._authorize is None and self._authorize_many is None:
            return None

        async def ask(image_id: str) -> Refusal:
            return (await self._ask(scope, [image_id]))[image_id]

        return ask

    async def batch_rule(self, scope: Scope, mount: str, image_ids: Collection[str]) -> Rule | None:
        """Return the rule for the images of a batch, or None if the application has no rule.

        If the rule is `authorize_many`, this method calls it once for all images.

        mount: the path of the mount. image_ids: the ids of the requests with a valid proof.
        """
        if self._authorize_many is not None:
            with anyio.CancelScope(shield=True):  # a disconnect must not cancel the rule, as in a GET
                answers = await self._ask(scope, image_ids)

            async def look_up(image_id: str) -> Refusal:
                return answers[image_id]

            return look_up
        if self._authorize is None:
            return None

        async def ask(image_id: str) -> Refusal:
            with anyio.CancelScope(shield=True):
                answers = await self._ask(scope_of_get(scope, mount, image_id), [image_id])
            await checkpoint()  # the rules may run without a suspension, so let other tasks run here
            return answers[image_id]

        return ask

    async def admitted(self, scope: Scope, image_ids: Collection[str]) -> list[str] | None:
        """Return the ids that the rule admits: an empty list if there is no rule, and None if the rule raised an
        error.
        """
        answers = await self._ask(scope, image_ids)
        if WireState.INTERNAL_ERROR in answers.values():
            return None
        return [image_id for image_id, refusal in answers.items() if refusal is None]

    async def _ask(self, scope: Scope, image_ids: Collection[str]) -> dict[str, Refusal]:
        """Ask the rule about the originals of these images. Return the refusal of each image, or None if the rule
        admits it.
        """
        originals = list(dict.fromkeys(map(original_of, image_ids)))
        try:
            passing = await self._passing(scope, originals)
        except Exception as error:  # of the application's function
            _log.exception(
                "authorize failed for image %s%s",
                ", ".join(map(repr, originals)),
                _remedy(error, scope),
                extra=event("authorize_failed", image_ids=originals),
            )
            return dict.fromkeys(image_ids, WireState.INTERNAL_ERROR)
        return {image_id: None if original_of(image_id) in passing else FORBIDDEN for image_id in image_ids}

    async def _passing(self, scope: Scope, image_ids: Collection[str]) -> Collection[str]:
        if not image_ids:
            return ()
        if self._authorize_many is not None:
            # Pass a copy, because the rule may change its list.
            return _ids_in(await _awaited(self._authorize_many(scope, list(image_ids))))
        rule = self._authorize
        return [name for name in image_ids if rule is not None and await _awaited(rule(scope, name)) is True]


class Audience:
    """Calls the `audience` function of one application.

    Raises ConfigError if it is not a function, or if the Pixstore checks no proofs.
    """

    def __init__(self, audience_of: AudienceOf, pixstore: Pixstore) -> None:
        if not callable(audience_of):
            raise ConfigError(f"audience must be a function of scope, not {type(audience_of).__name__}")
        if not pixstore.checks_proofs:
            raise ConfigError(
                "audience has no effect, because this Pixstore checks no proofs (proof_window_ms=-1): leave it out"
            )
        self._audience_of = audience_of

    async def terms(self, scope: Scope) -> ProofTerms | None:
        """Return the terms that the request's proof must match, or None to refuse every proof."""
        return terms_of(await self._asked(scope))

    async def name(self, scope: Scope) -> str | None:
        """Return the audience of the request, or None if it has none."""
        answer = await self._asked(scope)
        return answer if terms_of(answer) else None

    async def _asked(self, scope: Scope) -> Any:
        try:
            return await _awaited(self._audience_of(scope))
        except Exception as error:  # of the application's function
            _log.exception("audience failed%s", _remedy(error, scope), extra=event("audience_failed"))
            return None


async def _awaited(answer: Any) -> Any:
    """Return the result of an application's function, which may be plain or async."""
    return await answer if inspect.isawaitable(answer) else answer


def _ids_in(answer: Any) -> frozenset[Any]:
    # A dict would admit every key, and a str every substring: refuse both.
    ids = list(answer) if isinstance(answer, Collection) and not isinstance(answer, str | Mapping) else [None]
    if any(not isinstance(image_id, str) for image_id in ids):
        _log.error(
            "authorize_many must return the ids that may pass, as a list or set, not %s",
            type(answer).__name__,
            extra=event("authorize_failed"),
        )
        return frozenset()
    return frozenset(ids)


def _remedy(error: Exception, scope: Scope) -> str:
    """Return advice if the function failed because no middleware has set a key of the scope, else an empty text."""
    for key in ("session", "user", "auth"):
        # A missing scope["session"] raises KeyError. Starlette's request.session raises AssertionError instead.
        texts = [text for text in error.args if isinstance(text, str)]
        is_missed = texts == [key] if isinstance(error, KeyError) else any(f"request.{key}" in text for text in texts)
        if is_missed and key not in scope:
            return (
                f': no middleware has set scope["{key}"]; add the one that sets it after PixstoreMiddleware, or around '
                "the mount"
            )
    return ""
