"""Requests for one image, and batches: one request for many images (docs/wire-format.md, "Batch").

request   text/plain JSON, at most 16 KiB: {"images": [{"id": …, "token": …, "proof": …}, …]}, 1 to 25 distinct ids
response  one frame for each request, in the same order
frame     index u8 ‖ HTTP status u16 ‖ length u32, little-endian, then the body that a GET of that image would have;
          no body if `authorize` refused the image (403)
"""

import json
import struct
from typing import Any, NamedTuple

from .hidden import hidden_text
from .ids import as_token

MAX_BODY_BYTES = 16 * 1024
MAX_IMAGES = 25
MAX_FRAME_BYTES = 2**32 - 1
"""The longest body of a frame; a longer image needs a request of its own."""

_FRAME = struct.Struct("<BHI")

FRAME_HEAD_BYTES = _FRAME.size
"""Bytes before the body of a frame: 7."""


class ImageRequest(NamedTuple):
    """The image id, token and proof of one request.

    token: None if it is missing, malformed or was sent twice. proof: None if it is missing, "repeated" if it was sent
    twice.
    """

    image_id: str
    token: int | None
    proof: str | None

    def __repr__(self) -> str:
        return f"ImageRequest(image_id={self.image_id!r}, token={self.token})"


def parse_batch(body: bytes) -> list[ImageRequest] | None:
    """Return the requests of a batch in their order, or None if the body is not a valid batch.

    It does not check the ids and the proofs.
    """
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        listed = json.loads(body)["images"]
        requests = [_request(entry) for entry in listed]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(listed, list) or not 1 <= len(requests) <= MAX_IMAGES:
        return None
    return requests if len({request.image_id for request in requests}) == len(requests) else None


def frame_head(index: int, status: int, length: int) -> bytes:
    """Return the 7 bytes that come before a body of `length` bytes in a frame."""
    return _FRAME.pack(index, status, length)


def parse_frame_head(data: bytes) -> tuple[int, int, int]:
    """Return the index, HTTP status and body length in the 7 bytes at the start of `data`."""
    index, status, length = _FRAME.unpack_from(data)
    return index, status, length


def _request(entry: Any) -> ImageRequest:
    image_id, token, proof = entry["id"], entry.get("token"), hidden_text(entry.get("proof"))
    if not isinstance(image_id, str) or isinstance(token, bool) or not isinstance(token, int | None):
        raise TypeError
    if not isinstance(proof, str | None):
        raise TypeError
    return ImageRequest(image_id, as_token(token), proof)
