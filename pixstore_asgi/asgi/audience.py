"""Audience: for whom a request's proof must have been made, which the application tells by the request's scope."""

import logging
from collections.abc import Awaitable, Callable

from starlette.types import Scope

from ..core.proof import ProofTerms, terms_of
from ..errors import ConfigError
from .authorization import awaited, remedy

_log = logging.getLogger("pixstore_asgi")

AudienceOf = Callable[[Scope], str | Awaitable[str | None] | None]
"""Returns the session, user or tenant that a request comes from, or None where it comes from none."""


class Audience:
    """Asks the function of one PixstoreApp. Raises ConfigError for what is none."""

    def __init__(self, audience_of: AudienceOf) -> None:
        if not callable(audience_of):
            raise ConfigError(f"audience must be a function of scope, not {type(audience_of).__name__}")
        self._audience_of = audience_of

    async def terms(self, scope: Scope) -> ProofTerms | None:
        """Return the terms under which a request's proof must have been made, or None: then no proof is good."""
        try:
            return terms_of(await awaited(self._audience_of(scope)))
        except Exception as error:  # whatever the application's own function raises
            _log.exception("audience failed%s", remedy(error, scope))
            return None
