"""ClientFiles: serves the files of the browser client, from the installed package or a source checkout.

A service worker intercepts the requests of plain `<img>` elements. If such a request reaches the server,
`refuse_without_worker` answers it.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ..errors import ConfigError, InputError
from ..serving.payload import RawHeaders
from .http import header_values, send_empty, send_text

IDENTITY = "identity"
"""The content coding that changes nothing."""

_CODINGS = {"br": ".br", "gzip": ".gz", IDENTITY: ""}
"""The content codings of the client's files, and the file endings. The coding with the smallest files is first."""

_VERSION = re.compile(r"/([0-9a-f]{16})(?=/)", re.ASCII)
"""The version of the client, which is the first folder in a path."""

_ELEMENT = re.compile(
    r"(?P<coding>[!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?", re.ASCII
)
_UNNAMED_IDENTITY = 0.0001
"""The weight of `identity` if the header does not name it. A client's least weight is 0.001, so named codings win."""

SERVICE_WORKER = "service-worker.js"
_SCOPE = re.compile(r"/[!-~]*", re.ASCII)
REVALIDATED = (b"cache-control", b"no-cache")
IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
_HEADERS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),  # browsers always fetch modules with CORS; the client's code is public
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"vary", b"Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
]

IMAGE_URLS = "/-/image/"
"""The prefix, below the mount, of the paths that plain `<img>` elements request."""

_WITHOUT_WORKER = (
    "This page is not controlled by the image worker: it was opened before the worker was installed, was reloaded "
    "with the shift key, or the browser has no service workers. The result of registerImageWorker() tells, and the "
    "client shows images without it."
)
_HEADERS_WITHOUT_WORKER: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class _Representation(NamedTuple):
    """One file in one content coding.

    etag: identifies these bytes, so each coding has its own (RFC 9110, section 8.8.3.3). content: the headers that
    describe the body. headers: all other headers; a 304 has only these.
    """

    body: bytes
    etag: str
    content: RawHeaders
    headers: RawHeaders


_Representations = Mapping[str, _Representation]
"""The representations of one file, by coding."""


class ClientFiles:
    """An ASGI app for the files of the browser client: `/index.js`, which is one ES module, and the files beside it.

    Browsers cache the files below `/{version}/`, and revalidate all others at each visit. Relative imports below
    `/{version}/` lead to files of the same version. During a rolling deployment a page may request the version of
    another host. The response is this host's file, with `no-cache`, so pages of both versions keep working.

    service_worker_scope: the path below which the service worker may control pages, or None to serve no worker. The
    worker has no versioned path, because browsers look for a newer worker at the same path.

    All files are read once at the start, so pages get the client of the running version even if another version is
    installed meanwhile. Raises ConfigError if the files are missing or the scope is invalid. A call raises Starlette's
    HTTPException: 404 for an unknown path, and 406 if the client accepts no available coding.
    """

    def __init__(self, service_worker_scope: str | None = None) -> None:
        files = sorted(client_directory().glob("*.js"))
        self._version = _version(files)
        self._versioned = {f"/{file.name}": _representations(file) for file in files if file.name != SERVICE_WORKER}
        self._stable = dict(self._versioned)
        if service_worker_scope is not None:
            worker = client_directory() / SERVICE_WORKER
            self._stable[f"/{worker.name}"] = _representations(worker, _allowing(service_worker_scope))

    def versioned_path(self, name: str) -> str:
        """Return the versioned path of a file. Raises InputError if there is no such file."""
        if f"/{name}" not in self._versioned:
            names = ", ".join(name.removeprefix("/") for name in self._versioned)
            raise InputError(f"the browser client has no file {name!r:.80}; there are {names}")
        return f"/{self._version}/{name}"

    def integrity(self) -> dict[str, str]:
        """Return the Subresource Integrity metadata of all versioned files, by path: the SHA-384 of their bytes."""
        return {f"/{self._version}{path}": _integrity(each[IDENTITY].body) for path, each in self._versioned.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        version = _VERSION.match(path)
        representations = self._versioned.get(path[version.end() :]) if version else self._stable.get(path)
        if representations is None:
            raise HTTPException(404)
        coding = best_coding(_field(scope, b"accept-encoding"), list(representations))
        if coding is None:
            raise HTTPException(406)
        found = representations[coding]
        headers = [*found.headers, IMMUTABLE if version and version[1] == self._version else REVALIDATED]
        if _has(scope, found.etag):
            await send_empty(304, headers, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [*found.content, *headers]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else found.body})


async def refuse_without_worker(scope: Scope, send: Send) -> None:
    """Answer 404 with an explanation: only the service worker can answer these URLs, because it has the records."""
    await send_text(404, _WITHOUT_WORKER, _HEADERS_WITHOUT_WORKER, scope, send)


def client_directory() -> Path:
    """Return the folder with the files of the browser client. Raises ConfigError if they are missing."""
    package = Path(__file__).parents[1]
    for directory in (package / "_client", package.parent / "js_client" / "dist"):
        if (directory / "index.js").is_file():
            return directory
    raise ConfigError("the browser client's files are missing from the installation: install pixstore-asgi again")


def _version(files: Iterable[Path]) -> str:
    """Return 16 hex digits that identify the contents of these files."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _representations(file: Path, headers: RawHeaders = _HEADERS) -> _Representations:
    """Read one file in every available coding."""
    files = {coding: file.with_name(file.name + ending) for coding, ending in _CODINGS.items()}
    return {
        coding: _representation(coding, path.read_bytes(), headers) for coding, path in files.items() if path.is_file()
    }


def _representation(coding: str, body: bytes, headers: RawHeaders) -> _Representation:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    content = [
        (b"content-type", b"text/javascript; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if coding != IDENTITY:
        content.append((b"content-encoding", coding.encode()))
    return _Representation(body, etag, content, [(b"etag", etag.encode()), *headers])


def _integrity(body: bytes) -> str:
    """Return the integrity metadata of a file (W3C Subresource Integrity, section 3.1)."""
    return f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}"


def _allowing(scope: str) -> RawHeaders:
    """Return the headers that allow a service worker to control pages outside its own folder."""
    if not isinstance(scope, str) or _SCOPE.fullmatch(scope) is None:
        raise ConfigError(f'service_worker_scope must be a path as it stands in a URL, such as "/", not {scope!r:.80}')
    return [*_HEADERS, (b"service-worker-allowed", scope.encode("ascii"))]


def _has(scope: Scope, etag: str) -> bool:
    """Return whether the client already has this representation.

    It compares If-None-Match weakly (RFC 9110, section 13.1.2).
    """
    tags = (tag.strip(" \t").removeprefix("W/") for tag in _field(scope, b"if-none-match").split(","))
    return any(tag in ("*", etag) for tag in tags)


def _field(scope: Scope, name: bytes) -> str:
    """Return the value of a header that holds a list. Several lines of the header are joined."""
    return b",".join(header_values(scope, name)).decode("latin-1")


def best_coding(accept_encoding: str, available: Sequence[str]) -> str | None:
    """Return the available coding that the client prefers, or None if it accepts none (RFC 9110, section 12.5.3).

    Of codings with the same weight, the first available one wins.

    Args:
        accept_encoding: The value of the header. If the value is empty, the client accepts only `identity`.
        available: Names of codings in lower case, in the server's order of preference.
    """
    weights = _weights(accept_encoding)

    def weight(coding: str) -> float:
        return weights.get(coding, weights.get("*", _UNNAMED_IDENTITY if coding == IDENTITY else 0))

    best = max(available, key=weight)
    return best if weight(best) > 0 else None


def _weights(accept_encoding: str) -> dict[str, float]:
    """Return the weight of each coding that the header names. Malformed elements are ignored."""
    elements = (_ELEMENT.fullmatch(element.strip(" \t")) for element in accept_encoding.lower().split(","))
    return {found["coding"]: float(found["weight"] or 1) for found in elements if found}
