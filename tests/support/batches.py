"""Batches as a page asks for them, and their frames as it reads them."""

import json
import struct
from typing import Any

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal

Frame = tuple[int, int, bytes]


def entry_of(record: ImageRecord, **changes: Any) -> dict[str, Any]:
    return {"id": record.id, "token": record.token, "proof": record.stateless_proof, **changes}


def body_of(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"images": entries}).encode()


def frames_of(body: bytes) -> list[Frame]:
    """Return the index, status and body of each frame; fail where they do not end with the body."""
    frames: list[Frame] = []
    while body:
        index, status, length = struct.unpack_from("<BHI", body)
        assert len(body) >= 7 + length
        frames.append((index, status, body[7 : 7 + length]))
        body = body[7 + length :]
    return frames


def image_in(body: bytes, record: ImageRecord) -> bytes:
    payload = decode_payload(body)
    parts = (payload.key or record.key, payload.iv or record.iv, payload.tag or record.tag)
    return unseal(key=parts[0], iv=parts[1], tag=parts[2], ciphertext=payload.ciphertext)[1]
