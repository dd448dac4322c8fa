"""The key ring: secrets, oldest to newest, and the keys derived from them.

    PRK      HKDF-Extract(SHA-256, salt "pixstore_asgi/1", secret)                    RFC 5869, section 2.2
    key id   HKDF-Expand(PRK, "pixstore_asgi/1 key id", 4)                            RFC 5869, section 2.3
    others   HKDF-Expand(PRK, "pixstore_asgi/1 " ‖ purpose, length)

All secrets verify and unwrap; the last one signs and wraps. A new secret is rolled out as [new, old] everywhere, then
as [old, new].
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..errors import SecretError
from .hidden import hide
from .images import KEY_ID_BYTES

DOMAIN = b"pixstore_asgi/1"
MIN_SECRET_BYTES = 32
MIN_SECRET_CHARACTERS = 43  # 32 random bytes as unpadded base64url
_REMEMBERED = 8

Secret = str | bytes


class RingKey:
    """One secret's derived keys. Holds no secret in its repr."""

    __slots__ = ("_macs", "_prk", "check_value", "key_id", "wrapper")

    def __init__(self, secret: bytes) -> None:
        self._prk = hide(hmac.digest(DOMAIN, secret, "sha256"))
        self._macs: dict[bytes, HMAC] = {}
        self.key_id = self.expand(b"key id", KEY_ID_BYTES)
        self.wrapper = AESSIV(self.expand(b"wrap", 64))
        self.check_value = self.key_id + self.expand(b"key check", 12)

    def expand(self, purpose: bytes, length: int) -> bytes:
        """Derive `length` bytes for one purpose (HKDF-Expand, RFC 5869)."""
        return HKDFExpand(SHA256(), length, DOMAIN + b" " + purpose).derive(self._prk())

    def mac(self, purpose: bytes) -> HMAC:
        """Begin an HMAC-SHA256 under a key derived for one purpose; the last few are remembered, keyed and unused."""
        keyed = self._macs.get(purpose)
        if keyed is None:
            if len(self._macs) >= _REMEMBERED:
                self._macs.clear()
            keyed = self._macs[purpose] = HMAC(self.expand(purpose, 32), SHA256())
        return keyed.copy()

    def __repr__(self) -> str:
        return f"RingKey({self.key_id.hex()})"


class KeyRing:
    """The keys of one or more secrets, oldest to newest.

    Each secret is at least 32 bytes, or at least 43 characters of text without white space, used undecoded as UTF-8.
    Raises SecretError for a secret that is too short, has white space in it or is listed twice.
    """

    def __init__(self, secrets: Secret | Sequence[Secret]) -> None:
        self._keys: dict[bytes, RingKey] = {}  # before anything is raised: for a repr
        is_list = isinstance(secrets, Iterable) and not isinstance(secrets, str | bytes | bytearray)
        listed: list[Any] = list(secrets) if is_list else [secrets]
        refusal = _refusal(listed)
        keys = [] if refusal else [RingKey(_as_bytes(secret)) for secret in listed]
        self._keys = {key.key_id: key for key in keys}
        if len(self._keys) != len(keys):
            refusal = SecretError("a secret is listed twice")
        if refusal:
            del secrets, listed  # see hidden.py
            raise refusal
        self.signing = keys[-1]

    @cached_property
    def newest(self) -> "KeyRing":
        """A ring of the signing key alone."""
        ring = copy(self)
        ring._keys = {self.signing.key_id: self.signing}
        return ring

    def get(self, key_id: bytes) -> RingKey | None:
        """Return the key of this 4-byte id, or None."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[RingKey]:
        return iter(self._keys.values())

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key.key_id.hex() for key in self)})"


def _refusal(listed: Sequence[object]) -> SecretError | None:
    if not listed:
        return SecretError("the list of secrets is empty; `pixstore-asgi secret` prints one")
    return next(filter(None, map(_refusal_of_one, listed)), None)


def _refusal_of_one(secret: object) -> SecretError | None:
    if not isinstance(secret, str | bytes | bytearray):
        return SecretError(f"a secret is text or bytes, not {type(secret).__name__}")
    if not isinstance(secret, str):
        if len(secret) >= MIN_SECRET_BYTES:
            return None
        return SecretError(
            f"a secret of {len(secret)} bytes is too short: {MIN_SECRET_BYTES} random bytes are the least; "
            "`pixstore-asgi secret` prints a good one"
        )
    if len(secret) < MIN_SECRET_CHARACTERS:
        return SecretError(
            f"a secret of {len(secret)} characters is too short: {MIN_SECRET_CHARACTERS} random characters are "
            "the least; `pixstore-asgi secret` prints a good one"
        )
    if any(character.isspace() for character in secret):
        return SecretError("a secret has no white space in it; strip it, and pass several secrets as a list")
    return None


def _as_bytes(secret: Secret) -> bytes:
    return secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else bytes(secret)
