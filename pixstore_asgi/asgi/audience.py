"""Audience: the session, user or tenant of a request, which the application derives from its scope."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Scope

from ..core.events import event
from ..core.proof import ProofTerms, terms_of
from ..errors import ConfigError
from ..pixstore import Pixstore
from .authorization import awaited, remedy

_log = logging.getLogger("pixstore_asgi")

AudienceOf = Callable[[Any], str | Awaitable[str | None] | None]
"""Returns the session, user or tenant that a request comes from, or None."""


class Audience:
    """Calls the function of one application. Raises ConfigError if it is no function, or if no proof is checked."""

    def __init__(self, audience_of: AudienceOf, pixstore: Pixstore) -> None:
        if not callable(audience_of):
            raise ConfigError(f"audience must be a function of scope, not {type(audience_of).__name__}")
        if not pixstore.checks_proofs:
            raise ConfigError("audience binds nothing where this Pixstore checks no proofs (proof_window_ms=-1)")
        self._audience_of = audience_of

    async def terms(self, scope: Scope) -> ProofTerms | None:
        """Return the terms under which a request's proof must have been made, or None: then no proof is good."""
        return terms_of(await self._asked(scope))

    async def name(self, scope: Scope) -> str | None:
        """Return the audience itself, or None."""
        answer = await self._asked(scope)
        return answer if terms_of(answer) else None

    async def _asked(self, scope: Scope) -> Any:
        try:
            return await awaited(self._audience_of(scope))
        except Exception as error:  # of the application's function
            _log.exception("audience failed%s", remedy(error, scope), extra=event("audience_failed"))
            return None
