"""ASGI requests and small responses as plain values, and the headers for pages of other origins."""

import json
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope, Send

from ..core.hidden import HiddenBytes, HiddenText
from ..core.ids import parse_token
from ..core.requests import ImageRequest
from ..errors import ConfigError
from ..serving.payload import RawHeaders

RESERVED = "/-/"
"""The prefix of paths below the mount that are no image's."""

_REPEATED = "repeated"  # neither a token nor a proof
_UNQUOTED = "/:@!$&'()*+,;=~"  # with letters, digits and `_.-`: a path has these as they are (RFC 3986, section 3.3)

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.ASCII)
_PREFLIGHT_HEADERS: RawHeaders = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, x-pixstore-proof, x-pixstore-token"),
    (b"access-control-max-age", b"600"),
]


def route_path(scope: Scope) -> str:
    """Return the decoded path below the mount: with its leading slash, or empty at the mount itself.

    This is `path` without `root_path`. If `path` does not begin with `root_path`, it is `path` without the part that
    mounting added to `root_path`: behind a proxy that strips a prefix, `path` lacks the server's own root path
    (Starlette's `app_root_path`). Otherwise it is the whole path.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    mounted = root.removeprefix(scope.get("app_root_path", ""))
    for prefix in (root, mounted):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :]
    return path


def mounted(scope: Scope, route: str) -> Scope:
    """Return the scope for an application mounted at `route`, as Starlette's mounts make it."""
    root = scope.get("root_path", "")
    return {**scope, "app_root_path": scope.get("app_root_path", root), "root_path": root + route}


def without_last_slash(path: str) -> str:
    """Return the requested path: Litestar's mounts add a slash at the end of every path."""
    return path.removesuffix("/")


def is_canonical(scope: Scope, ending: str) -> bool:
    """Return whether the requested path ends with `ending` literally, and the path before it is spelled canonically.

    The canonical spelling encodes only the characters that need it, in upper case. If a server gives no `raw_path`, the
    spelling is unknown: then the decoded path is compared, and one slash after it is ignored.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return without_last_slash(scope["path"]).endswith(ending)
    return raw.endswith(ending.encode()) and quote(unquote_to_bytes(raw), safe=_UNQUOTED).encode() == raw


def read_request(scope: Scope, path: str) -> ImageRequest:
    """Read image id, token and proof from the path below the mount and the headers."""
    token: str | None = None
    proof: str | None = None
    for name, value in scope["headers"]:
        if name == b"x-pixstore-token":
            token = _REPEATED if token is not None else value.decode("latin-1")
        elif name == b"x-pixstore-proof":
            proof = _REPEATED if proof is not None else HiddenText(value, "latin-1")
    return ImageRequest(path.removeprefix("/").removesuffix("/"), parse_token(token or ""), proof)


def scope_of_get(scope: Scope, mount: str, image_id: str) -> Scope:
    """Return the scope that a GET of one image would have had. mount: the path of the mount."""
    path = f"{mount}/{image_id}"
    return {**scope, "method": "GET", "path": path, "raw_path": quote(path, safe="/:").encode("ascii")}


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return all values of a request's header. name: in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def single_value(values: list[bytes], *, repeated: str) -> str | None:
    """Return the value of a header that was sent once, None if it was not sent, and `repeated` otherwise."""
    if len(values) > 1:
        return repeated
    return values[0].decode("latin-1") if values else None


class CrossOrigin:
    """The origins whose pages may read responses (Fetch Standard, "CORS protocol").

    allow_origins: ("*",) for all without credentials, a list, or None for no headers.

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
                f'{origin!r} in allow_origins is not an origin: write scheme and host, such as "https://app.example"'
            )
    return frozenset(origin.encode("ascii") for origin in origins)


async def send_empty(status: int, headers: RawHeaders, send: Send) -> None:
    """Send a response without a body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


async def refuse(status: int, headers: RawHeaders, send: Send) -> None:
    """Send an error without a body. headers: additional ones."""
    await send_empty(status, [(b"content-length", b"0"), (b"cache-control", b"no-store"), *headers], send)


async def send_json(status: int, value: object, headers: RawHeaders, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD with JSON that no cache stores, because it may hold records. headers: additional ones."""
    body = HiddenBytes(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "utf-8")
    await _send(status, body, [(b"content-type", b"application/json"), *headers], scope, send)


async def send_text(status: int, text: str, headers: RawHeaders, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD with a text that no cache stores. headers: additional ones."""
    await _send(status, text.encode(), [(b"content-type", b"text/plain; charset=utf-8"), *headers], scope, send)


async def _send(status: int, body: bytes, headers: RawHeaders, scope: Scope, send: Send) -> None:
    start = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
