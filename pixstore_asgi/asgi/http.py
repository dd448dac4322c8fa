"""HTTP in and out as plain values: an ASGI scope becomes request values, a payload becomes status and headers."""

import re
from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ..core.ids import parse_token
from ..errors import ConfigError, WireState

Scope = MutableMapping[str, Any]
RawHeaders = list[tuple[bytes, bytes]]

RESERVED_PREFIX = "/-/"
CLIENT_PREFIX = "/-/client"
_BATCH_PATH = "/-/batch"

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.ASCII)
_PREFLIGHT_HEADERS: RawHeaders = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, x-pixstore-proof, x-pixstore-token"),
    (b"access-control-max-age", b"600"),
]
_PAYLOAD_HEADERS: RawHeaders = [
    (b"content-type", b"application/octet-stream"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # Without it a host's compressing middleware would spend its time on ciphertext.
    (b"content-encoding", b"identity"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
BATCH_HEADERS: RawHeaders = _PAYLOAD_HEADERS
"""Headers of a batch; it has no length, for its images are opened while it is sent."""

_STATE_HEADERS = {state: (b"x-pixstore-state", state.label.encode()) for state in WireState}
CLIENT_HEADERS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),  # modules are always fetched with CORS, and the client is no secret
    (b"cache-control", b"no-cache"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
]
"""Headers of the browser client's files."""


class ImageRequest(NamedTuple):
    """What one request asks for; a malformed or repeated token counts as none, a repeated proof as "repeated"."""

    image_id: str
    token: int | None
    proof: str | None


def route_path(scope: Scope) -> str:
    """Return the decoded path below the mount: with its leading slash, or empty at the mount itself.

    That is `path` minus `root_path`; else minus the part of `root_path` that mounting added, for behind a proxy that
    strips a prefix the path lacks the server's own root path (Starlette's `app_root_path`); else the whole path.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    mounted = root.removeprefix(scope.get("app_root_path", ""))
    for prefix in (root, mounted):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :]
    return path


def read_request(scope: Scope, path: str) -> ImageRequest:
    """Read image id, token and proof from the path below the mount and the headers."""
    tokens: list[bytes] = []
    proofs: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"x-pixstore-token":
            tokens.append(value)
        elif name == b"x-pixstore-proof":
            proofs.append(value)
    token = parse_token(tokens[0].decode("latin-1")) if len(tokens) == 1 else None
    return ImageRequest(_without_last_slash(path).removeprefix("/"), token, _single(proofs, repeated="repeated"))


def is_batch(path: str) -> bool:
    """Tell whether the path below the mount is that of the batch."""
    return _without_last_slash(path) == _BATCH_PATH


def scope_of_get(scope: Scope, request: ImageRequest) -> Scope:
    """Return the scope that a GET of one image of a batch would have come with."""
    path = _without_last_slash(scope["path"]).removesuffix(_BATCH_PATH) + "/" + request.image_id
    return {**scope, "method": "GET", "path": path, "raw_path": quote(path).encode("ascii")}


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods allowed for the path below the mount."""
    return ("POST", "OPTIONS") if is_batch(path) else ("GET", "HEAD", "OPTIONS")


def client_file(path: str) -> str:
    """Return the path of one of the browser client's files below their folder, from the path below the mount."""
    return _without_last_slash(path).removeprefix(CLIENT_PREFIX)


def payload_status(state: WireState) -> int:
    """Return the HTTP status of a wire payload: 200, or 400 for a request without an id."""
    return 400 if state is WireState.MISSING_ID else 200


def payload_headers(state: WireState, size: int) -> RawHeaders:
    """Return the headers of a wire payload of `size` bytes."""
    return [*_PAYLOAD_HEADERS, (b"content-length", str(size).encode()), _STATE_HEADERS[state]]


class CrossOrigin:
    """Which origins may read responses: ("*",) for all without credentials, a list, or None for no headers at all.

    Raises ConfigError for anything that is not an origin: the header is compared as a whole, never as a pattern.
    """

    def __init__(self, allow_origins: Sequence[str] | None) -> None:
        self._origins = None if allow_origins is None else _checked_origins(allow_origins)

    def headers(self, scope: Scope) -> RawHeaders:
        """Return the response headers for this request's origin."""
        if self._origins is None:
            return []
        if b"*" in self._origins:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"x-pixstore-state")]
        vary = (b"vary", b"Origin")
        origin = _single(_header_values(scope, b"origin"), repeated="")
        if origin is None or origin.encode("latin-1") not in self._origins:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"x-pixstore-state"),
        ]

    def admits(self, scope: Scope) -> bool:
        """Tell whether a request may come from the page it comes from: none, one of its own host, or a listed one."""
        origin = _single(_header_values(scope, b"origin"), repeated="")
        if origin is None or self._origins is None or b"*" in self._origins:
            return True
        host = _single(_header_values(scope, b"host"), repeated="")
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


def _without_last_slash(path: str) -> str:
    # Litestar's mounts get every path with a slash at its end.
    return path.removesuffix("/")


def _header_values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _single(values: list[bytes], *, repeated: str) -> str | None:
    if len(values) > 1:
        return repeated
    return values[0].decode("latin-1") if values else None
