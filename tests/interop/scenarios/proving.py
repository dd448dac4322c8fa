"""Scenarios about the stateless proof."""

import base64
import hashlib
import time

from pixstore_asgi import WireState, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.interop.peers import path_of
from tests.interop.sides import WINDOW_MS, Setup, Side
from tests.support.samples import OTHER_SECRET, SECRET, picture


def processes(side: Side) -> str:
    """A record of one process is used with another one on the same data, and after a restart."""
    with side.start() as first:
        record = first.save(picture())
        with side.start(folder=first.folder) as second:
            elsewhere = second.outcome(record)
        first.stop()
        with side.start(folder=first.folder) as restarted:
            later = restarted.outcome(record)
    return f"{elsewhere}; {later}"


def construction(side: Side) -> str:
    """The proof is compared with a plain hash of its parts; then the server changes its secret, as far as it can."""
    with side.start(Setup(secrets=(OTHER_SECRET,))) as before:
        record = before.save(picture())
        secret = bytes.fromhex(before.call("secret"))
        before.stop()
        with side.start(Setup(secrets=(OTHER_SECRET, SECRET)), folder=before.folder) as after:
            outcome = after.outcome(record)
    proof = base64.b64decode(record.stateless_proof)
    is_plain = proof in _plain_hashes(record.id, secret, len(proof))
    return f"{len(proof)} bytes, {'a' if is_plain else 'no'} plain SHA-256 of id, secret and window; {outcome}"


def _plain_hashes(image_id: str, secret: bytes, length: int) -> list[bytes]:
    window = time.time_ns() // 1_000_000 // WINDOW_MS
    return [
        hashlib.sha256(image_id.encode() + secret + str(number).encode()).digest()[:length]
        for number in (window - 1, window)
    ]


def no_token(side: Side) -> str:
    """A client that has a request's proof, but neither the record nor its token, asks for the image."""
    peer = side.shared
    record = peer.save(picture())
    payload = decode_payload(peer.ask(path_of(record), proof=record.stateless_proof)[2])
    if payload.state is not WireState.UPDATED:
        return payload.state.label
    assert payload.key is not None
    assert payload.iv is not None
    assert payload.tag is not None
    unseal(key=payload.key, iv=payload.iv, tag=payload.tag, ciphertext=payload.ciphertext)
    return "gives the image and its key"
