"""The wire payload: one state byte, and for an image what it takes to read it (docs/wire-format.md, "Payload").

Success   00 ‖ ciphertext
Updated   01 ‖ token u64 little-endian ‖ key 32 ‖ iv 12 ‖ tag 16 ‖ ciphertext
others    one byte
"""

import struct
from dataclasses import dataclass, field

from ..errors import WireError, WireState
from .hidden import HiddenBytes
from .ids import MAX_TOKEN
from .images import IV_BYTES, KEY_BYTES, TAG_BYTES

_UPDATED = struct.Struct(f"<BQ{KEY_BYTES}s{IV_BYTES}s{TAG_BYTES}s")

UPDATED_HEAD_BYTES = _UPDATED.size
"""Bytes before the ciphertext of an Updated payload: 69."""


@dataclass(frozen=True, slots=True)
class WirePayload:
    """A decoded payload; token, key, iv and tag are set for Updated only, ciphertext for Success and Updated."""

    state: WireState
    token: int | None = None
    key: bytes | None = field(default=None, repr=False)
    iv: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)
    ciphertext: bytes = field(default=b"", repr=False)


def encode_state(state: WireState) -> bytes:
    """Return the first byte: the whole payload of a refusal, the head of a Success."""
    return bytes((state,))


def encode_updated_head(token: int, key: bytes, iv: bytes, tag: bytes) -> bytes:
    """Return the 69 bytes before an Updated payload's ciphertext; key is 32 bytes, iv 12, tag 16."""
    return HiddenBytes(_UPDATED.pack(WireState.UPDATED, token, key, iv, tag))


def decode_payload(data: bytes) -> WirePayload:
    """Decode one whole wire payload.

    Any bytes either decode or raise WireError, whose `reason` says how they fail. The ciphertext has the plaintext's
    length (one format byte and the image) and is not checked here: the tag does that.
    """
    if not data:
        raise WireError("a wire payload has at least its state byte", "empty")
    try:
        state = WireState(data[0])
    except ValueError:
        raise WireError(f"{data[0]} is no wire state", "unknown-state") from None
    if state is WireState.UPDATED:
        return _decode_updated(data)
    if state is WireState.SUCCESS:
        return WirePayload(state, ciphertext=_ciphertext(data, 1))
    if len(data) > 1:
        raise WireError(f"{state.label} is one byte, these are {len(data)}", "trailing-bytes")
    return WirePayload(state)


def _decode_updated(data: bytes) -> WirePayload:
    if len(data) < UPDATED_HEAD_BYTES:
        raise WireError(f"Updated has {UPDATED_HEAD_BYTES} bytes before its image, these are {len(data)}", "truncated")
    _, token, key, iv, tag = _UPDATED.unpack_from(data)
    if not 1 <= token <= MAX_TOKEN:
        raise WireError("a token is from 1 to 2**53 - 1", "token-range")
    return WirePayload(WireState.UPDATED, token, key, iv, tag, _ciphertext(data, UPDATED_HEAD_BYTES))


def _ciphertext(data: bytes, start: int) -> bytes:
    if len(data) == start:
        raise WireError("the payload ends before its image", "no-ciphertext")
    return bytes(data[start:])
