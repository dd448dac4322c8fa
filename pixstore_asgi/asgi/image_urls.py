"""/-/image/…, the URLs of plain `<img>`: the page's service worker answers them, and here is who asks without one."""

from starlette.types import Scope, Send

from ..serving.payload import RawHeaders
from .http import send_text

IMAGE_URLS = "/-/image/"
"""What the paths begin with below the mount."""

_TEXT = (
    "This page is not controlled by the image worker: it was opened before the worker was there, was reloaded with the "
    "shift key, or the browser has no such thing. registerImageWorker() tells, and the client shows images without it."
)
_HEADERS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


async def refuse_without_worker(scope: Scope, send: Send) -> None:
    """Answer that no image is here: without a record, which the worker gets, there is none to see."""
    await send_text(404, _TEXT, _HEADERS, scope, send)
