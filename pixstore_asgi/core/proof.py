"""The stateless proof: a short-lived MAC over an image id and its token (docs/wire-format.md, "Proof").

    version ‖ key id 4 ‖ window u48 ‖ epoch u32 ‖ MAC 21        big-endian, 36 bytes, 48 characters of base64

    MAC        21 bytes of HMAC-SHA256(proof key, first 15 bytes ‖ token u64 ‖ window length in milliseconds u64
               ‖ u16 length, id ‖ u16 length, audience)
    proof key  HKDF-Expand(PRK, "pixstore_asgi/1 proof" ‖ window u48 ‖ database id 16, 32)
    window     now in milliseconds // window length in milliseconds

The version is 01, or 02 in a sealed record, whose page must not get a key in clear.

The verifier supplies token, window length and audience itself. It never takes them from the proof, so a client can't
downgrade them. The proof contains an epoch, which the MAC covers. The caller compares it with the image's epoch.
"""

import hmac
import struct
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import ProofError
from .keyring import KeyRing, RingKey

PROOF_CHARACTERS = 48
DEFAULT_WINDOW_MS = 20_000
LEEWAY_MS = 5_000
"""How far the clock of another server may be ahead of the verifier's clock, in milliseconds."""

_PLAIN, _SEALED = 1, 2  # versions
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
    """Divides time into windows. All processes that issue or verify proofs of one store need the same values.

    length_ms: length of one window, in milliseconds. leeway_ms: how far another server's clock may be ahead.
    """

    length_ms: int = DEFAULT_WINDOW_MS
    leeway_ms: int = LEEWAY_MS

    def expires_at_ms(self, now_ms: int) -> int:
        """Return the time, in epoch milliseconds, from which a proof issued at `now_ms` is invalid."""
        return self.limits_ms(now_ms // self.length_ms)[1]

    def limits_ms(self, window: int) -> tuple[int, int]:
        """Return the times, in epoch milliseconds, from which proofs of this window are valid and from which they
        are invalid.
        """
        return window * self.length_ms - self.leeway_ms, (window + 2) * self.length_ms


@dataclass(frozen=True)
class ProofTerms:
    """The values, besides id and token, that a proof is bound to but does not contain.

    audience: a session, user or tenant, at most 65535 bytes; empty if the proof is not bound to one.
    """

    audience: bytes = field(default=b"", repr=False)

    @cached_property
    def audience_field(self) -> bytes:
        """The audience as the MAC covers it: its length as u16, then its bytes."""
        return len(self.audience).to_bytes(2, "big") + self.audience


def terms_of(audience: object) -> ProofTerms | None:
    """Return the terms for one audience: a text of 1 to 65535 bytes of UTF-8. Return None for any other value."""
    if not isinstance(audience, str):
        return None
    try:
        encoded = audience.encode()
    except UnicodeEncodeError:
        return None
    return ProofTerms(audience=encoded) if 0 < len(encoded) <= _MAX_AUDIENCE_BYTES else None


class Proven(NamedTuple):
    """The facts in a verified proof.

    epoch: the caller compares it with the image's epoch; None if proofs are not checked. is_sealed: the proof is of a
    sealed record.
    """

    window: int
    epoch: int | None
    is_sealed: bool


class _Head(NamedTuple):
    """The first 15 bytes of a proof, decoded. The proof is valid from `from_ms` until before `until_ms`.

    mac: an HMAC that has consumed these 15 bytes. Copy it before each use.
    """

    proven: Proven
    from_ms: int
    until_ms: int
    mac: HMAC


class ProofKeys:
    """Issues proofs under the newest key of a ring, and verifies proofs under all keys of the ring.

    It caches decoded heads, because nearly all proofs of one window begin with the same 15 bytes.
    """

    def __init__(self, ring: KeyRing, windows: ProofWindows) -> None:
        self.ring = ring
        self._windows = windows
        self._heads: dict[bytes, _Head] = {}

    def issue(
        self, terms: ProofTerms, *, image_id: str, token: int, now_ms: int, epoch: int = 0, is_sealed: bool = False
    ) -> str:
        """Return a new proof of 48 characters.

        Args:
            terms: The terms of the proof.
            image_id: The id of an image or variant.
            token: The token of the current version, or 0 if proofs are not bound to it.
            now_ms: The time, in epoch milliseconds.
            epoch: The epoch of the image, u32.
            is_sealed: Whether the proof is for a sealed record.
        """
        key, window = self.ring.signing, min(now_ms // self._windows.length_ms, _MAX_WINDOW)
        version = _SEALED if is_sealed else _PLAIN
        raw = _HEAD.pack(version, key.key_id, window.to_bytes(6, "big"), epoch)
        head = self._heads.get(raw)
        if head is None:
            head = self._begin(key, raw)
            self._remember(raw, head)
        mac = head.mac.copy()
        mac.update(_bound(self._windows, terms, image_id, token))
        return b2a_base64(raw + mac.finalize()[:_MAC_BYTES], newline=False).decode("ascii")

    def verify(self, terms: ProofTerms, proof: str, *, image_id: str, token: int, now_ms: int) -> Proven:
        """Check a proof. Its window must be between `now_ms // length - 1` and `(now_ms + leeway) // length`, both
        included.

        Args:
            terms: The terms that the proof must match.
            proof: 48 characters of base64.
            image_id: The id of an image or variant.
            token: The token of the request, or 0 if proofs are not bound to it.
            now_ms: The time, in epoch milliseconds.

        Returns:
            The facts in the proof. The caller compares the epoch with the image's epoch.

        Raises:
            ProofError: The proof is not valid; see its `reason`.
        """
        raw = _decode(proof)
        begin = raw[: _HEAD.size]
        head = self._heads.get(begin)
        is_known = head is not None
        if head is None or not head.from_ms <= now_ms < head.until_ms:
            head = self._check_head(begin, now_ms)
        mac = head.mac.copy()
        mac.update(_bound(self._windows, terms, image_id, token))
        # Keep the right MAC out of local variables, which a traceback would show.
        if not hmac.compare_digest(mac.finalize()[:_MAC_BYTES], raw[_HEAD.size :]):
            raise ProofError("mac")
        if not is_known:  # cache only checked heads: a client can send any number of forged ones
            self._remember(begin, head)
        return head.proven

    def _check_head(self, raw: bytes, now_ms: int) -> _Head:
        version, key_id, window_bytes, _ = _HEAD.unpack(raw)
        if version not in (_PLAIN, _SEALED):
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
        version, _, window_bytes, epoch = _HEAD.unpack(raw)
        window = int.from_bytes(window_bytes, "big")
        mac = key.mac(b"proof" + window_bytes)
        mac.update(raw)
        return _Head(Proven(window, epoch, version == _SEALED), *self._windows.limits_ms(window), mac)

    def _remember(self, raw: bytes, head: _Head) -> None:
        if len(self._heads) >= _REMEMBERED_HEADS:
            self._heads.clear()
        self._heads[raw] = head


def claims_sealed(proof: str) -> bool:
    """Return whether a proof, which may be forged, has the version of sealed records."""
    try:
        return _decode(proof)[0] == _SEALED
    except ProofError:
        return False


def _decode(proof: str) -> bytes:
    # 48 characters encode exactly 36 bytes without padding or spare bits, so a proof has one canonical form.
    if isinstance(proof, str) and len(proof) == PROOF_CHARACTERS:
        try:
            raw = a2b_base64(proof, strict_mode=True)
        except ValueError:
            raw = b""
        if len(raw) == _PROOF_BYTES:
            return raw
    raise ProofError("not-canonical")


def _bound(windows: ProofWindows, terms: ProofTerms, image_id: str, token: int) -> bytes:
    """Return the bytes that the MAC covers but the proof does not contain."""
    name = image_id.encode("ascii")
    return _BOUND.pack(token, windows.length_ms, len(name)) + name + terms.audience_field
