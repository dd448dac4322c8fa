"""Payloads read as a client reads them."""

from typing import Any

from pixstore_asgi import (
    Payload,
    Pixstore,
    WireState,
    decode_payload,
)
from pixstore_asgi.core.cipher import unseal


async def body_of(payload: Payload) -> bytes:
    return b"".join([piece async for piece in payload])


async def served(pix: Pixstore, record: Any) -> tuple[WireState, bytes]:
    """Return the view of a client with this record: the state and the decrypted image."""
    payload = await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)
    size, body = payload.size, await body_of(payload)
    assert len(body) == size, (payload, len(body), size)
    decoded = decode_payload(body)
    parts = (decoded.key or record.key, decoded.iv or record.iv, decoded.tag or record.tag)
    if decoded.state > WireState.UPDATED:
        return decoded.state, b""
    key, iv, tag = parts
    return decoded.state, unseal(key=key, iv=iv, tag=tag, ciphertext=decoded.ciphertext)[1]
