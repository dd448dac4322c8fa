"""ASGI requests and small responses as plain values."""

import json
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope, Send

from ..core.hidden import HiddenBytes, HiddenText
from ..core.ids import parse_token
from ..core.request import ImageRequest
from ..serving.payload import RawHeaders

RESERVED = "/-/"
"""The prefix of paths below the mount that are no image's."""

_REPEATED = "repeated"  # neither a token nor a proof
_UNQUOTED = "/:@!$&'()*+,;=~"  # with letters, digits and `_.-`: a path has these as they are (RFC 3986, section 3.3)


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
