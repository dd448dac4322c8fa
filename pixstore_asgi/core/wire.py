"""The wire payload: one state byte, then the image if there is one (docs/wire-format.md, "Payload").

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
"""Length of an Updated payload before its ciphertext: 69 bytes."""


@dataclass(frozen=True, slots=True)
class WirePayload:
    """A decoded payload. token, key (32 bytes), iv (12) and tag (16) are set only for Updated.

    ciphertext is set for Success and Updated.
    """

    state: WireState
    token: int | None = None
    key: bytes | None = field(default=None, repr=False)
    iv: bytes | None = field(default=None, repr=False)
    tag: bytes | None = field(default=None, repr=False)
    ciphertext: bytes = field(default=b"", repr=False)


def encode_state(state: WireState) -> bytes:
    """Return the state byte. A Success payload begins with it; the payload of a refusal has no other byte."""
    return bytes((state,))


def encode_updated_head(token: int, key: bytes, iv: bytes, tag: bytes) -> bytes:
    """Return the 69 bytes before the ciphertext in an Updated payload. key: 32 bytes. iv: 12 bytes. tag: 16 bytes."""
    return HiddenBytes(_UPDATED.pack(WireState.UPDATED, token, key, iv, tag))


def decode_payload(data: bytes) -> WirePayload:
    """Decode one whole wire payload. The ciphertext is not decrypted, so its tag is not checked.

    Args:
        data: The body of a response.

    Returns:
        The payload. Its ciphertext is as long as its plaintext: one format byte and the image.

    Raises:
        WireError: The bytes are not a wire payload; see its `reason`.
    """
    if not data:
        raise WireError("a wire payload has at least its state byte", "empty")
    try:
        state = WireState(data[0])
    except ValueError:
        raise WireError(f"the state byte {data[0]} is unknown", "unknown-state") from None
    if state is WireState.UPDATED:
        return _decode_updated(data)
    if state is WireState.SUCCESS:
        return WirePayload(state, ciphertext=_ciphertext(data, 1))
    if len(data) > 1:
        raise WireError(f"a payload of state {state.label} has one byte, this one has {len(data)}", "trailing-bytes")
    return WirePayload(state)


def _decode_updated(data: bytes) -> WirePayload:
    if len(data) < UPDATED_HEAD_BYTES:
        raise WireError(
            f"Updated has {UPDATED_HEAD_BYTES} bytes before its image, this payload has only {len(data)}", "truncated"
        )
    _, token, key, iv, tag = _UPDATED.unpack_from(data)
    if not 1 <= token <= MAX_TOKEN:
        raise WireError("a token is from 1 to 2**53 - 1", "token-range")
    return WirePayload(WireState.UPDATED, token, key, iv, tag, _ciphertext(data, UPDATED_HEAD_BYTES))


def _ciphertext(data: bytes, start: int) -> bytes:
    if len(data) == start:
        raise WireError("the payload ends before its image", "no-ciphertext")
    return bytes(data[start:])
