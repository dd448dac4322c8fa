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
from binascii import a2b_base64
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import ProofError
from .base64 import encode_base64
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
_REMEMBERED_HEADS = 64


@dataclass(frozen=True, slots=True)
class ProofWindows:
    """How time is cut into windows; the same on every process that issues and verifies.

    length_ms: of one window. leeway_ms: clock difference allowed. Both in milliseconds.
    """

    length_ms: int = DEFAULT_WINDOW_MS
    leeway_ms: int = LEEWAY_MS

    def expires_at_ms(self, now_ms: int) -> int:
        """Return the epoch millisecond at which a proof issued at `now_ms` is no longer accepted."""
        return self.limits_ms(now_ms // self.length_ms)[1]

    def limits_ms(self, window: int) -> tuple[int, int]:
        """Return from and until when a window's proofs are accepted, in epoch milliseconds."""
        return window * self.length_ms - self.leeway_ms, (window + 2) * self.length_ms


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


class _Head(NamedTuple):
    """What a proof begins with. It is good from `from_ms` to before `until_ms`; `mac` has taken it in."""

    window: int
    epoch: int
    from_ms: int
    until_ms: int
    mac: HMAC


class ProofKeys:
    """Issues proofs under the newest key of a ring, and verifies them under all of its keys.

    It remembers the heads of good proofs: nearly all proofs of one window have the same.
    """

    def __init__(self, ring: KeyRing, windows: ProofWindows) -> None:
        self.ring = ring
        self._windows = windows
        self._heads: dict[bytes, _Head] = {}

    def issue(self, terms: ProofTerms, *, image_id: str, token: int, now_ms: int, epoch: int = 0) -> str:
        """Return the 48-character proof for an image and token at `now_ms`; token is 0 where it is not bound.

        epoch: the image's, u32.
        """
        key, window = self.ring.signing, min(now_ms // self._windows.length_ms, _MAX_WINDOW)
        raw = _HEAD.pack(_VERSION, key.key_id, window.to_bytes(6, "big"), epoch)
        head = self._heads.get(raw)
        if head is None:
            head = self._begin(key, raw)
            self._remember(raw, head)
        mac = head.mac.copy()
        mac.update(_bound(self._windows, terms, image_id, token))
        return encode_base64(raw + mac.finalize()[:_MAC_BYTES])

    def verify(self, terms: ProofTerms, proof: str, *, image_id: str, token: int, now_ms: int) -> tuple[int, int]:
        """Check a proof and return its window and its epoch; token is 0 where it is not bound.

        Accepts the windows from `now_ms // W - 1` to `(now_ms + leeway) // W`. Raises ProofError with its reason.
        """
        raw = _decode(proof)
        begin = raw[: _HEAD.size]
        head = self._heads.get(begin)
        is_known = head is not None
        if head is None or not head.from_ms <= now_ms < head.until_ms:
            head = self._check_head(begin, now_ms)
        mac = head.mac.copy()
        mac.update(_bound(self._windows, terms, image_id, token))
        # The right MAC in no local variable: see hidden.py.
        if not hmac.compare_digest(mac.finalize()[:_MAC_BYTES], raw[_HEAD.size :]):
            raise ProofError("mac")
        if not is_known:  # only now: anybody can send any number of heads
            self._remember(begin, head)
        return head.window, head.epoch

    def _check_head(self, raw: bytes, now_ms: int) -> _Head:
        version, key_id, window_bytes, _ = _HEAD.unpack(raw)
        if version != _VERSION:
            raise ProofError("version")
        key = self.ring.verifying.get(key_id)
        if key is None:
            raise ProofError("unknown-key", f"it was signed under secret {key_id.hex()}")
        from_ms, until_ms = self._windows.limits_ms(int.from_bytes(window_bytes, "big"))
        if now_ms >= until_ms:
            raise ProofError("expired", f"{now_ms - until_ms + 1} ms too late")
        if now_ms < from_ms:
            raise ProofError("not-yet-valid", f"{from_ms - now_ms} ms too early")
        return self._begin(key, raw)

    def _begin(self, key: RingKey, raw: bytes) -> _Head:
        _, _, window_bytes, epoch = _HEAD.unpack(raw)
        window = int.from_bytes(window_bytes, "big")
        mac = key.mac(b"proof" + window_bytes)
        mac.update(raw)
        return _Head(window, epoch, *self._windows.limits_ms(window), mac)

    def _remember(self, raw: bytes, head: _Head) -> None:
        if len(self._heads) >= _REMEMBERED_HEADS:
            self._heads.clear()
        self._heads[raw] = head


def _decode(proof: str) -> bytes:
    # 48 characters of 36 bytes leave no padding and no spare bits, so a proof has exactly one spelling.
    if isinstance(proof, str) and len(proof) == PROOF_CHARACTERS:
        try:
            raw = a2b_base64(proof, strict_mode=True)
        except ValueError:
            raw = b""
        if len(raw) == _PROOF_BYTES:
            return raw
    raise ProofError("not-canonical")


def _bound(windows: ProofWindows, terms: ProofTerms, image_id: str, token: int) -> bytes:
    """Return what a proof is bound to and does not hold itself."""
    name = image_id.encode("ascii")
    return _BOUND.pack(token, windows.length_ms, len(name)) + name + terms.audience_field
