"""The scripts of a page: the settings of the browser client, and the element `<pix-image>`."""

from functools import cache

from django.urls import get_script_prefix
from starlette.types import Receive, Scope, Send

from ...asgi.client_files import ClientFiles
from ...asgi.http import refuse
from .setting import get_route

RECORDS_PATH, PAGE_PATH = "/-/records", "/-/page.js"
"""The paths below the route of the images."""

_CLIENT = "/-/client"
_SCRIPT = """\
export * from "{client}";
import {{ initPixstoreFrontend }} from "{client}";

initPixstoreFrontend({{ recordsUrl: new URL("records", import.meta.url).pathname, keyPair: "stored" }});
"""


def script_urls() -> tuple[str, str]:
    """Return the URLs of the two module scripts of a page, in their order: the client's settings, and the element."""
    mount = get_script_prefix().rstrip("/") + get_route()
    return f"{mount}{PAGE_PATH}?{_version()}", f"{mount}{_CLIENT}{_path_of('element.js')}"


@cache
def _path_of(name: str) -> str:
    """Return the versioned path of a file of the browser client. The cache saves reading all files again."""
    return ClientFiles().versioned_path(name)


def _version() -> str:
    return _path_of("index.js").split("/")[1]


class PageScript:
    """Serves the module that sets up the client of a page for the records and the key pair of this integration.

    It also exports the client's functions. Its paths are relative, so it is the same file behind each proxy. A
    Content-Security-Policy of `script-src 'self'` admits it.
    """

    def __init__(self) -> None:
        self._body = _SCRIPT.format(client=f"./client{_path_of('index.js')}").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(405, [(b"allow", b"GET, HEAD")], send)
            return
        is_current = scope["query_string"] == _version().encode()
        headers = [
            (b"content-type", b"text/javascript; charset=utf-8"),
            (b"content-length", str(len(self._body)).encode()),
            (b"cache-control", b"public, max-age=31536000, immutable" if is_current else b"no-cache"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body})
