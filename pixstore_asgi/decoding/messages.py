"""The messages about one picture: its bytes, the worker's reply, and the fork server's report of the worker's end.

Hostile bytes may take control of a worker. So the application accepts a reply only if an honest worker could send it.
"""

import json
import struct
from enum import IntEnum
from typing import Any

from .task import Decoded, EncodedVariant, Refusal, Task, Variant

REQUEST = struct.Struct(">Q8s2d")
"""The head of a request: the length of the picture in bytes, the name of its format, padded with zeros, and its focus,
or NO_FOCUS.
"""

NO_FOCUS = (-1.0, -1.0)
"""Each variant's own focus is used."""

MAX_REPLY_BYTES = 64 * 1024 * 1024

_HEAD_SIZE = struct.Struct(">I")
_MAX_HEAD_BYTES = 128 * 1024  # enough for 1,000 variants, but too little to block the event loop while JSON is parsed
_MAX_HASH_BYTES = 25


class End(IntEnum):
    """How a worker ended: one byte, which the fork server sends, not the worker."""

    WELL = 0
    OUT_OF_TIME = 1
    CRASHED = 2
    NOT_STARTED = 3
    KILLED = 4


def write_refusal(refusal: Refusal) -> bytes:
    """Return the reply for a refused picture."""
    return _framed({"refusal": refusal})


def write_reply(decoded: Decoded) -> bytes:
    """Return the reply for a decoded picture."""
    variants = [
        {"name": name, "format": each.format, "width": each.width, "height": each.height, "bytes": len(each.data)}
        for name, each in decoded.variants.items()
    ]
    hash_bytes = None if decoded.placeholder is None else len(decoded.placeholder)
    head = {"width": decoded.width, "height": decoded.height, "placeholder": hash_bytes, "variants": variants}
    return _framed(head) + b"".join([decoded.placeholder or b"", *(each.data for each in decoded.variants.values())])


def read_reply(reply: memoryview, task: Task) -> Decoded | Refusal:
    """Parse a worker's reply. Raises ValueError if it does not match the task."""
    try:
        (head_bytes,) = _HEAD_SIZE.unpack_from(reply)
        _require(head_bytes <= _MAX_HEAD_BYTES, "head")
        head = json.loads(bytes(reply[_HEAD_SIZE.size : _HEAD_SIZE.size + head_bytes]))
        body = reply[_HEAD_SIZE.size + head_bytes :]
        return Refusal(head["refusal"]) if "refusal" in head else _decoded(head, body, task)
    except (struct.error, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a reply of another shape: {type(error).__name__}") from None


def _framed(head: dict[str, Any]) -> bytes:
    text = json.dumps(head).encode()
    return _HEAD_SIZE.pack(len(text)) + text


def _decoded(head: dict[str, Any], body: memoryview, task: Task) -> Decoded:
    width, height = _count(head["width"]), _count(head["height"])
    _require(width * height <= task.limits.max_pixels, "pixels")
    placeholder = None
    if task.placeholder:
        placeholder = bytes(body[: _count(head["placeholder"])])
        _require(len(placeholder) <= _MAX_HASH_BYTES, "placeholder")
        body = body[len(placeholder) :]
    variants = {}
    for variant, said in zip(task.variants, head["variants"], strict=True):
        length = _count(said["bytes"])
        variants[variant.name] = _encoded(variant, said, bytes(body[:length]), (width, height))
        body = body[length:]
    _require(not body, "length")
    return Decoded(width, height, placeholder, variants)


def _encoded(variant: Variant, said: dict[str, Any], data: bytes, original: tuple[int, int]) -> EncodedVariant:
    formats = ("jpeg", "webp") if variant.format is None else (variant.format,)
    size = (_count(said["width"]), _count(said["height"]))
    _require(said["name"] == variant.name and said["format"] in formats, "variant")
    _require(size == variant.size_of(*original) and len(data) == said["bytes"], "size of a variant")
    return EncodedVariant(data, str(said["format"]), *size)


def _count(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("a reply with an impossible number")
    return value


def _require(condition: bool, field: str) -> None:
    if not condition:
        raise ValueError(f"a reply with an impossible {field}")
