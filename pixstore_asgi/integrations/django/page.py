"""The scripts of a page (the client's settings and the element `<pix-image>`), and a page that shows one image."""

import hashlib
from functools import cache

from django.urls import get_script_prefix
from starlette.types import Receive, Scope, Send

from ...asgi.client_files import IMMUTABLE, REVALIDATED, ClientFiles
from ...asgi.http import refuse, send_body
from ...core.ids import is_served_id
from ...serving.payload import RawHeaders
from .setting import get_route

RECORDS_PATH, PAGE_PATH, VIEW_PATH = "/-/records", "/-/page.js", "/-/view"
"""The paths below the route of the images."""

_CLIENT = "/-/client"
_SCRIPT = """\
export * from "{client}";
import {{ initPixstoreFrontend }} from "{client}";

// A page that imports this module by two URLs has two instances of it, and one client.
const key = Symbol.for("{client}");
if (!globalThis[key]) {{
  globalThis[key] = true;
  initPixstoreFrontend({{ recordsUrl: new URL("records", import.meta.url).pathname, keyPair: "stored" }});
}}
"""
_VIEW = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Picture</title>
<script type="module" src="../page.js?{version}"></script>
<script type="module" src="{element}"></script>
<pix-image src-id="{id}" loading="eager" alt="Picture">
<p slot="error" hidden>This picture cannot be shown.</p>
</pix-image>
</html>
"""
_ON_ALL = [(b"cross-origin-resource-policy", b"same-origin"), (b"x-content-type-options", b"nosniff")]
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src blob:; frame-ancestors 'self'"
_HEADERS_OF_VIEW: RawHeaders = [
    *_ON_ALL,
    REVALIDATED,
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
]


def mount_url() -> str:
    """Return the path of the images, with the prefix of a project that is not at the root of its host."""
    return get_script_prefix().rstrip("/") + get_route()


def script_urls() -> tuple[str, str]:
    """Return the URLs of the two module scripts of a page, in their order: the client's settings, and the element."""
    mount = mount_url()
    return f"{mount}{PAGE_PATH}?{_script()[1]}", f"{mount}{_CLIENT}{_path_of('element.js')}"


@cache
def _path_of(name: str) -> str:
    """Return the versioned path of a file of the browser client. The cache saves reading all files again."""
    return ClientFiles().versioned_path(name)


@cache
def _script() -> tuple[bytes, str]:
    """Return the text of the module, and its version, which changes with the text and with the client."""
    text = _SCRIPT.format(client=f"./client{_path_of('index.js')}").encode()
    return text, hashlib.sha256(text).hexdigest()[:16]


class PageFiles:
    """Serves `/-/page.js` and `/-/view/{image id}`, below the route of the images.

    The first is the module that sets up the client of a page for the records and the key pair of this integration. It
    also exports the client's functions. The second is a page that shows one image. All paths in both are relative, so
    they are the same behind each proxy. A Content-Security-Policy of `script-src 'self'` admits the module.
    """

    def __init__(self) -> None:
        self._text, self._version = _script()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].rpartition(VIEW_PATH + "/")[2]
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(405, [(b"allow", b"GET, HEAD")], send)
        elif scope["path"].endswith(PAGE_PATH):
            is_current = scope["query_string"] == self._version.encode()
            caching = IMMUTABLE if is_current else REVALIDATED
            headers = [(b"content-type", b"text/javascript; charset=utf-8"), caching, *_ON_ALL]
            await send_body(200, self._text, headers, scope, send)
        elif is_served_id(name):
            page = _VIEW.format(version=self._version, element=f"../client{_path_of('element.js')}", id=name)
            await send_body(200, page.encode(), _HEADERS_OF_VIEW, scope, send)
        else:
            await refuse(404, [], send)
