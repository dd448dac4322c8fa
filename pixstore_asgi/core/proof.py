"""The stateless proof: a short-lived MAC over an image id and its token (docs/wire-format.md, "Proof").

    01 ‖ key id 4 ‖ window u48 ‖ epoch u32 ‖ MAC 21        big-endian, 36 bytes, 48 characters of base64

    MAC        21 bytes of HMAC-SHA256(proof key, those 15 bytes ‖ token u64 ‖ window length in milliseconds u64
               ‖ u16 length, id ‖ u16 length, audience)
    proof key  HKDF-Expand(PRK, "pixstore_asgi/1 proof" ‖ window u48 ‖ database id 16, 32)
    window     now in milliseconds // window length in milliseconds

Token, window length and audience come from the verifier's own side, never from the proof: there is nothing to
downgrade. The epoch is the proof's own, under its MAC, and is compared with the image's once that was read.
"""

import hmac
import struct
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import ProofError
from .base64 import decode_base64, encode_base64
from .keyring import KeyRing, RingKey

PROOF_CHARACTERS = 48
DEFAULT_WINDOW_MS = 20_000
LEEWAY_MS = 5_000
"""How far ahead of the verifier another replica's clock may be, in milliseconds."""

_VERSION = 1
_HEAD = struct.Struct(">B4s6sI")
_BOUND = struct.Struct(">QQH")
_MAC_BYTES = 21
_PROOF_BYTES = _HEAD.size + _MAC_BYTES
_MAX_WINDOW = 2**48 - 1
MAX_WINDOW_MS = 2**48 - 1
_MAX_AUDIENCE_BYTES = 2**16 - 1


@dataclass(frozen=True, slots=True)
class ProofWindows:
    """How time is cut into windows; the same on every process that issues and verifies.

    length_ms: of one window. leeway_ms: clock difference allowed. Both in milliseconds.
    """

    length_ms: int = DEFAULT_WINDOW_MS
    leeway_ms: int = LEEWAY_MS

    def expires_at_ms(self, now_ms: int) -> int:
        """Return the epoch millisecond at which a proof issued at `now_ms` is no longer accepted."""
        return (now_ms // self.length_ms + 2) * self.length_ms


@dataclass(frozen=True)
class ProofTerms:
    """What one proof is bound to besides image, token, epoch and time. audience: at most 65535 bytes."""

    audience: bytes = field(default=b"", repr=False)

    @cached_property
    def audience_field(self) -> bytes:
        """The audience as it is signed: its length as u16, then its bytes."""
        return len(self.audience).to_bytes(2, "big") + self.audience


def terms_of(audience: object) -> ProofTerms | None:
    """Return the terms of proofs for one audience, 1 to 65535 bytes of UTF-8, or None for what is no audience."""
    if not isinstance(audience, str):
        return None
    try:
        heard = audience.encode()
    except UnicodeEncodeError:
        return None
    return ProofTerms(audience=heard) if 0 < len(heard) <= _MAX_AUDIENCE_BYTES else None


def issue(
    ring: KeyRing, windows: ProofWindows, terms: ProofTerms, *, image_id: str, token: int, now_ms: int, epoch: int = 0
) -> str:
    """Return the 48-character proof for an image and token at `now_ms`; token is 0 where it is not bound.

    epoch: the image's, u32.
    """
    window = now_ms // windows.length_ms
    key = ring.signing
    window_bytes = min(window, _MAX_WINDOW).to_bytes(6, "big")
    head = _HEAD.pack(_VERSION, key.key_id, window_bytes, epoch)
    raw = head + _mac(key, window_bytes, head, windows, terms, image_id, token)
    return encode_base64(raw)


def verify(
    ring: KeyRing, windows: ProofWindows, terms: ProofTerms, proof: str, *, image_id: str, token: int, now_ms: int
) -> tuple[int, int]:
    """Check a proof and return its window and its epoch; token is 0 where it is not bound.

    Accepts the windows from `now_ms // W - 1` to `(now_ms + leeway) // W`. Raises ProofError with its reason.
    """
    raw = _decode(proof)
    version, key_id, window_bytes, epoch = _HEAD.unpack_from(raw)
    if version != _VERSION:
        raise ProofError("version")
    key = ring.verifying.get(key_id)
    if key is None:
        raise ProofError("unknown-key", f"it was signed under secret {key_id.hex()}")
    window = int.from_bytes(window_bytes, "big")
    length_ms = windows.length_ms
    if window < now_ms // length_ms - 1:
        raise ProofError("expired", f"{now_ms - (window + 2) * length_ms + 1} ms too late")
    if window > (now_ms + windows.leeway_ms) // length_ms:
        raise ProofError("not-yet-valid", f"{window * length_ms - now_ms - windows.leeway_ms} ms too early")
    # The right MAC in no local variable: see hidden.py.
    if not hmac.compare_digest(
        _mac(key, window_bytes, raw[: _HEAD.size], windows, terms, image_id, token), raw[_HEAD.size :]
    ):
        raise ProofError("mac")
    return window, epoch


def _decode(proof: str) -> bytes:
    # 48 characters of 36 bytes leave no padding and no spare bits, so a proof has exactly one spelling.
    raw = decode_base64(proof) if isinstance(proof, str) and len(proof) == PROOF_CHARACTERS else None
    if raw is None or len(raw) != _PROOF_BYTES:
        raise ProofError("not-canonical")
    return raw


def _mac(
    key: RingKey,
    window_bytes: bytes,
    head: bytes,
    windows: ProofWindows,
    terms: ProofTerms,
    image_id: str,
    token: int,
) -> bytes:
    name = image_id.encode("ascii")
    # Every proof of one window shares its key: derived once, not once a request.
    mac = key.mac(b"proof" + window_bytes)
    mac.update(head + _BOUND.pack(token, windows.length_ms, len(name)) + name + terms.audience_field)
    return mac.finalize()[:_MAC_BYTES]
