"""Reads ASGI requests into plain values, sends small responses, and makes the headers for pages of other origins."""

import json
import re
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope, Send

from ..core.hidden import HiddenBytes, HiddenText
from ..core.ids import parse_token
from ..core.recipient import COOKIE, Recipient
from ..core.requests import ImageRequest
from ..errors import ConfigError, RecipientError
from ..serving.payload import RawHeaders

RESERVED = "/-/"
"""The prefix, below the mount, of all paths that do not name an image."""

_REPEATED = "repeated"  # is not a valid token and not a valid proof
_UNQUOTED = "/:@!$&'()*+,;=~"  # besides letters, digits, `_`, `.` and `-`: not encoded in a path (RFC 3986, 3.3)

_COOKIE = re.compile(rf"(?:^|;)[ \t]*{COOKIE}=([A-Za-z0-9_-]{{87}})[ \t]*(?=;|$)", re.ASCII)
_MOST_COOKIES = 4

_NO_STORE = (b"cache-control", b"no-store")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?", re.ASCII)
_PREFLIGHT_HEADERS: RawHeaders = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type, x-pixstore-proof, x-pixstore-token"),
    (b"access-control-max-age", b"600"),
]


def route_path(scope: Scope) -> str:
    """Return the decoded path below the mount. It begins with a slash, or is empty at the mount itself.

    It removes `root_path` from the beginning of `path`. Behind a proxy that strips a prefix, `path` does not begin with
    the server's own root path (Starlette's `app_root_path`). Then only the part of `root_path` that mounting added is
    removed. If `path` begins with neither, the whole path is returned.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    mounted = root.removeprefix(scope.get("app_root_path", ""))
    for prefix in (root, mounted):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :]
    return path


def mounted(scope: Scope, route: str) -> Scope:
    """Return the scope that Starlette passes to an application that is mounted at `route`."""
    root = scope.get("root_path", "")
    return {**scope, "app_root_path": scope.get("app_root_path", root), "root_path": root + route}


def without_last_slash(path: str) -> str:
    """Return the path without a slash at its end, because Litestar's mounts add one to every path."""
    return path.removesuffix("/")


def is_canonical(scope: Scope, ending: str) -> bool:
    """Return whether the path ends with `ending` literally, and the part before `ending` has its canonical spelling.

    The canonical spelling percent-encodes only the characters that need it, with upper-case digits. Some servers give
    no `raw_path`, so the spelling is unknown. Then the decoded path is compared, without a slash at its end.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return without_last_slash(scope["path"]).endswith(ending)
    return raw.endswith(ending.encode()) and quote(unquote_to_bytes(raw), safe=_UNQUOTED).encode() == raw


def read_request(scope: Scope, path: str) -> ImageRequest:
    """Read the image id from the path below the mount, and token and proof from the headers."""
    token: str | None = None
    proof: str | None = None
    for name, value in scope["headers"]:
        if name == b"x-pixstore-token":
            token = _REPEATED if token is not None else value.decode("latin-1")
        elif name == b"x-pixstore-proof":
            proof = _REPEATED if proof is not None else HiddenText(value, "latin-1")
    return ImageRequest(path.removeprefix("/").removesuffix("/"), parse_token(token or ""), proof)


def scope_of_get(scope: Scope, mount: str, image_id: str) -> Scope:
    """Return the scope of a separate GET of this image, made from the scope of its batch. mount: the path of the
    mount.
    """
    path = f"{mount}/{image_id}"
    return {**scope, "method": "GET", "path": path, "raw_path": quote(path, safe="/:").encode("ascii")}


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Return all values of one header of a request. name: the header's name in lower case."""
    return [value for key, value in scope["headers"] if key == name]


def single_value(values: list[bytes], *, repeated: str) -> str | None:
    """Return the only value of a header, None if there is no value, and `repeated` if there are several."""
    if len(values) > 1:
        return repeated
    return values[0].decode("latin-1") if values else None


def recipient_of(request: Any, *, cookie: bool = False) -> Recipient | None:
    """Read the page that records of a response can be sealed to: the header `Pixstore-Recipient` of the request.

    Args:
        request: The request of Starlette, FastAPI, Litestar, Quart or Django, or its ASGI scope. A request of WSGI,
            such as Flask's, works too.
        cookie: Without the header, read the cookie `__Host-pixstore-recipient`, which clients with `keyPair: "stored"`
            set. For pages that the server renders: a navigation has no header. A cookie that is not a public key counts
            as none, and so do several public keys.

    Returns:
        The page's public key, or None if the request has none.

    Raises:
        RecipientError: The header is not a public key. Answer 400.
    """
    scope = getattr(request, "scope", request)
    if isinstance(scope, MutableMapping):
        sent = single_value(header_values(scope, b"pixstore-recipient"), repeated="")
        cookies = b";".join(header_values(scope, b"cookie")).decode("latin-1")
    else:
        sent, cookies = request.headers.get("pixstore-recipient"), request.headers.get("cookie", "")
    if sent is not None:
        return Recipient.parse(sent)
    return _recipient_in(cookies) if cookie else None


def _recipient_in(cookies: str) -> Recipient | None:
    """Return the public key in a header `Cookie`, or None if there is none, or several, which no browser sends.

    Without the prefix `__Host-` in its name, another site of the same domain could set the cookie to a key of its own.
    A bad cookie is no error, because a visitor could not repair it.
    """
    texts = set(_COOKIE.findall(cookies))
    if len(texts) > _MOST_COOKIES:  # each costs a check of its point
        return None
    found: list[Recipient] = []
    for text in texts:
        with suppress(RecipientError):
            found.append(Recipient.parse(text))
    return found[0] if len(found) == 1 else None


class CrossOrigin:
    """The origins whose pages may read responses (Fetch Standard, "CORS protocol").

    allow_origins: ("*",) for all origins without credentials, a list of origins, or None to send no headers.

    Raises ConfigError for a value that is not an origin. Values are compared as a whole; there are no patterns.
    """

    def __init__(self, allow_origins: Sequence[str] | None) -> None:
        self._origins = None if allow_origins is None else _checked_origins(allow_origins)

    def headers(self, scope: Scope) -> RawHeaders:
        """Return the CORS headers of a response to this request."""
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
        """The CORS headers of public responses. They are the same for all origins, so a cache needs only one copy."""
        return [] if self._origins is None else [(b"access-control-allow-origin", b"*")]

    def admits(self, scope: Scope) -> bool:
        """Return whether the request's origin may read the response.

        It may if the origin is missing, listed, or the request's own host. With ("*",) or None as `allow_origins`,
        every origin may.
        """
        origin = single_value(header_values(scope, b"origin"), repeated="")
        if origin is None or self._origins is None or b"*" in self._origins:
            return True
        host = single_value(header_values(scope, b"host"), repeated="")
        is_own = bool(host) and origin.partition("://")[2] == host
        return is_own or origin.encode("latin-1") in self._origins

    def preflight_headers(self, scope: Scope) -> RawHeaders:
        """Return the CORS headers of the response to an OPTIONS request."""
        return [] if self._origins is None else [*self.headers(scope), *_PREFLIGHT_HEADERS]


def _checked_origins(allow_origins: Sequence[str]) -> frozenset[bytes]:
    if isinstance(allow_origins, str):
        raise ConfigError(f"allow_origins is a list of origins, not one string: [{allow_origins!r}]")
    origins = list(allow_origins)
    if "*" in origins and len(origins) > 1:
        raise ConfigError('allow_origins names "*" beside other origins: name "*" alone, or the origins alone')
    for origin in origins:
        if origin != "*" and _ORIGIN.fullmatch(origin) is None:
            # This refuses "null" too, which is the origin of every sandboxed page and local file.
            raise ConfigError(
                f'{origin!r} in allow_origins is not an origin: write scheme and host, such as "https://app.example"'
            )
    return frozenset(origin.encode("ascii") for origin in origins)


async def send_empty(status: int, headers: RawHeaders, send: Send) -> None:
    """Send a response without a body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


async def refuse(status: int, headers: RawHeaders, send: Send) -> None:
    """Send an error response without a body. headers: further headers of the response."""
    await send_empty(status, [(b"content-length", b"0"), _NO_STORE, *headers], send)


async def send_json(status: int, value: object, headers: RawHeaders, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD with JSON. Caches must not store it, because it may contain records. headers: further
    headers.
    """
    body = HiddenBytes(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "utf-8")
    await send_body(status, body, [(b"content-type", b"application/json"), _NO_STORE, *headers], scope, send)


async def send_text(status: int, text: str, headers: RawHeaders, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD with a text that caches must not store. headers: further headers."""
    content_type = (b"content-type", b"text/plain; charset=utf-8")
    await send_body(status, text.encode(), [content_type, _NO_STORE, *headers], scope, send)


async def send_body(status: int, body: bytes, headers: RawHeaders, scope: Scope, send: Send) -> None:
    """Answer GET or HEAD with these bytes."""
    start = [(b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
