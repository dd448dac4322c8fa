"""Cross-origin access: lets pages of other origins read responses (Fetch Standard, "CORS protocol")."""

import re
from collections.abc import Sequence

from starlette.types import Scope

from ..errors import ConfigError
from ..serving.payload import RawHeaders
from .http import header_values, single_value

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.ASCII)
_PREFLIGHT_HEADERS: RawHeaders = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, x-pixstore-proof, x-pixstore-token"),
    (b"access-control-max-age", b"600"),
]


class CrossOrigin:
    """The origins that may read responses: ("*",) for all without credentials, a list, or None for no headers.

    Raises ConfigError for any value that is not an origin: the header is compared as a whole, never as a pattern.
    """

    def __init__(self, allow_origins: Sequence[str] | None) -> None:
        self._origins = None if allow_origins is None else _checked_origins(allow_origins)

    def headers(self, scope: Scope) -> RawHeaders:
        """Return the response headers for this request's origin."""
        if self._origins is None:
            return []
        if b"*" in self._origins:
            return [(b"access-control-allow-origin", b"*")]
        vary = (b"vary", b"Origin")
        origin = single_value(header_values(scope, b"origin"), repeated="")
        if origin is None or origin.encode("latin-1") not in self._origins:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
        ]

    @property
    def public_headers(self) -> RawHeaders:
        """The headers of public responses. They are the same for every origin, so a cache needs one copy only."""
        return [] if self._origins is None else [(b"access-control-allow-origin", b"*")]

    def admits(self, scope: Scope) -> bool:
        """Return whether a request may read a response: it has no origin, that of its own host, or a listed one."""
        origin = single_value(header_values(scope, b"origin"), repeated="")
        if origin is None or self._origins is None or b"*" in self._origins:
            return True
        host = single_value(header_values(scope, b"host"), repeated="")
        is_own = bool(host) and origin.partition("://")[2] == host
        return is_own or origin.encode("latin-1") in self._origins

    def preflight_headers(self, scope: Scope) -> RawHeaders:
        """Return the headers that answer an OPTIONS request."""
        return [] if self._origins is None else [*self.headers(scope), *_PREFLIGHT_HEADERS]


def _checked_origins(allow_origins: Sequence[str]) -> frozenset[bytes]:
    if isinstance(allow_origins, str):
        raise ConfigError(f"allow_origins is a list of origins, not one string: [{allow_origins!r}]")
    origins = list(allow_origins)
    if "*" in origins and len(origins) > 1:
        raise ConfigError('allow_origins names "*" beside other origins: name "*" alone, or the origins alone')
    for origin in origins:
        if origin != "*" and _ORIGIN.fullmatch(origin) is None:
            # "null" is the origin of every sandboxed page and local file.
            raise ConfigError(
                f'{origin!r} in allow_origins is no origin; one is scheme and host: "https://app.example"'
            )
    return frozenset(origin.encode("ascii") for origin in origins)
