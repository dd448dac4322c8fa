"""/-/image/…, the URLs of plain `<img>`. The page's service worker answers them; this is the answer without one."""

from starlette.types import Scope, Send

from ..serving.payload import RawHeaders
from .http import send_text

IMAGE_URLS = "/-/image/"
"""The prefix of the paths below the mount."""

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
    """Answer 404 with an explanation: only the service worker, which gets the records, can show an image."""
    await send_text(404, _TEXT, _HEADERS, scope, send)
