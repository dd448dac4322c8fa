"""Blobs: an ASGI app that serves bare ciphertext by the id of its version, for caches and CDNs."""

import logging
import re

from starlette.types import Receive, Scope, Send

from ..core.events import event
from ..core.ids import is_served_id
from ..errors import PixstoreError
from ..life import Life
from ..serving.blob import Blob, find_blob
from ..serving.payload import BLOB_HEADERS, RawHeaders
from .delivery import Delivery
from .http import CrossOrigin, header_values, is_canonical, refuse, send_empty, single_value, without_last_slash

_log = logging.getLogger("pixstore_asgi")

_PATH = "/-/blob/"
_VERSION = re.compile(r"[0-9a-f]{32}", re.ASCII)
_RANGE = re.compile(r"bytes=[ \t]*(?P<first>\d{0,19})-(?P<last>\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)


class Blobs:
    """Answers GET and HEAD of `/-/blob/{version}?id={image id}`. PixstoreApp creates it and passes its own parts to
    it.
    """

    def __init__(self, life: Life, delivery: Delivery, cross_origin: CrossOrigin) -> None:
        self._life = life
        self._delivery = delivery
        self._cross_origin = cross_origin

    async def __call__(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        public = self._cross_origin.public_headers
        version = without_last_slash(path).removeprefix(_PATH)
        image_id = _image_id(scope)
        try:
            # Accept only one spelling of the URL: a cache would keep one copy for each spelling.
            is_url = image_id and _VERSION.fullmatch(version) and is_canonical(scope, _PATH + version)
            blob = await self._find(image_id or "", bytes.fromhex(version)) if is_url else None
            if blob is None:
                await refuse(404, public, send)
                return
            headers = [*BLOB_HEADERS, (b"etag", f'"{version}"'.encode()), *public]
            await self._send(blob, headers, scope, receive, send)
        except PixstoreError as error:  # raised before the response was started; a later error only ends the body
            _log.error(
                "the ciphertext of image %r can't be served: %s",
                image_id,
                error,
                extra=event("ciphertext_failed", image_id=image_id),
            )
            await refuse(503, public, send)

    async def _find(self, image_id: str, version: bytes) -> Blob | None:
        await self._life.opened()
        return await find_blob(self._life.images, image_id, version)

    async def _send(self, blob: Blob, headers: RawHeaders, scope: Scope, receive: Receive, send: Send) -> None:
        etag = dict(headers)[b"etag"].decode()
        if _is_known(scope, etag):
            await send_empty(304, headers, send)
            return
        wanted = _wanted(scope, etag, blob.size)
        if wanted is not None and not wanted:
            unmet = (b"content-range", f"bytes */{blob.size}".encode())
            await refuse(416, [unmet, *self._cross_origin.public_headers], send)
            return
        part = range(blob.size) if wanted is None else wanted
        headers = [*headers, (b"content-length", str(len(part)).encode())]
        if wanted is not None:
            headers.append((b"content-range", f"bytes {part.start}-{part.stop - 1}/{blob.size}".encode()))
        if scope["method"] == "HEAD":
            await send_empty(200, headers, send)
            return
        payload = await self._delivery.read_within(blob.part(part.start, len(part)))
        if payload is None:  # the image was updated or deleted just now
            await refuse(404, self._cross_origin.public_headers, send)
            return
        await self._delivery(payload, 200 if wanted is None else 206, headers, scope, receive, send)


def is_blob(path: str) -> bool:
    """Return whether a path below the mount is a path of bare ciphertext."""
    return path.startswith(_PATH)


def _image_id(scope: Scope) -> str | None:
    query: str = scope.get("query_string", b"").decode("latin-1")
    image_id = query.removeprefix("id=")
    return image_id if image_id != query and is_served_id(image_id) else None


def _is_known(scope: Scope, etag: str) -> bool:
    """Return whether the client already has these bytes, by its If-None-Match header."""
    known = b",".join(header_values(scope, b"if-none-match")).decode("latin-1")
    return any(name.strip(" \t").removeprefix("W/") in (etag, "*") for name in known.split(","))


def _wanted(scope: Scope, etag: str, size: int) -> range | None:
    """Return the byte range to send, or None for the whole body. Only a GET can have a range (RFC 9110, section 14)."""
    asked = single_value(header_values(scope, b"range"), repeated="")
    condition = single_value(header_values(scope, b"if-range"), repeated="")
    if scope["method"] != "GET" or asked is None or condition not in (None, etag):
        return None
    return _byte_range(asked, size)


def _byte_range(value: str, size: int) -> range | None:
    """Return the byte range of a Range header (RFC 9110, section 14). The range is empty if the body has no such bytes.

    Return None if the header is malformed, has another unit, or requests several ranges: then send the whole body.
    """
    found = _RANGE.fullmatch(value)
    if found is None or found["first"] == found["last"] == "":
        return None
    if not found["first"]:
        return range(max(size - int(found["last"]), 0), size)
    first, last = int(found["first"]), int(found["last"] or size)
    if found["last"] and last < first:
        return None
    return range(first, min(last + 1, size))
