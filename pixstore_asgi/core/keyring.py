"""The key ring: secrets, oldest to newest, and the keys derived from them for one database.

    PRK      HKDF-Extract(SHA-256, salt "pixstore_asgi/1", secret)                    RFC 5869, section 2.2
    key id   HKDF-Expand(PRK, "pixstore_asgi/1 key id" ‖ database id 16, 4)           RFC 5869, section 2.3
    others   HKDF-Expand(PRK, "pixstore_asgi/1 " ‖ purpose ‖ database id 16, length)

All secrets verify and unwrap; the last one signs and wraps. To roll out a new secret, configure [new, old] everywhere,
then [old, new].
"""

import hmac
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..errors import SecretError
from .hidden import HiddenBytes
from .images import KEY_ID_BYTES, is_older_than_ids

DOMAIN = b"pixstore_asgi/1"
MIN_SECRET_BYTES = 32
MIN_SECRET_CHARACTERS = 43  # 32 random bytes as unpadded base64url
_REMEMBERED = 8

Secret = str | bytes


class RingKey:
    """The keys that one secret gives for one database. The repr shows no secret.

    prk: 32 bytes. database_id: 16 bytes, or empty. check_value: key id, 12 derived bytes and database id. A store keeps
    check values to recognise secrets.
    """

    __slots__ = ("_database_id", "_macs", "_prk", "check_value", "key_id", "wrapper")

    def __init__(self, prk: HiddenBytes, database_id: bytes = b"") -> None:
        self._prk = prk
        self._database_id = database_id
        self._macs: dict[bytes, HMAC] = {}
        self.key_id = self.expand(b"key id", KEY_ID_BYTES)
        self.wrapper = AESSIV(self.expand(b"wrap", 64))
        self.check_value = self.key_id + self.expand(b"key check", 12) + database_id

    def bound_to(self, database_id: bytes) -> "RingKey":
        """Return the keys that the same secret gives for another database."""
        return RingKey(self._prk, database_id)

    def expand(self, purpose: bytes, length: int) -> bytes:
        """Derive `length` bytes for one purpose (HKDF-Expand, RFC 5869, section 2.3)."""
        return HKDFExpand(SHA256(), length, DOMAIN + b" " + purpose + self._database_id).derive(self._prk)

    def mac(self, purpose: bytes) -> HMAC:
        """Return a new HMAC-SHA256 under the key derived for this purpose. It caches a few derived keys."""
        keyed = self._macs.get(purpose)
        if keyed is None:
            if len(self._macs) >= _REMEMBERED:
                self._macs.clear()
            keyed = self._macs[purpose] = HMAC(self.expand(purpose, 32), SHA256())
        return keyed.copy()

    def __repr__(self) -> str:
        return f"RingKey({self.key_id.hex()})"


class KeyRing:
    """The keys of one or more secrets. A new ring is bound to no database; see `bound_to`.

    Args:
        secrets: One secret or a list of them, oldest to newest. Each has at least 32 bytes, or at least 43 characters
            of text without white space. The secret is the UTF-8 bytes of the text: base64 is not decoded.

    Attributes:
        verifying: The keys that verify proofs, by their 4-byte ids.
        signing: The newest key. It signs proofs and wraps keys.

    Raises:
        SecretError: A secret is too short, contains white space or is listed twice, or the list is empty.
    """

    def __init__(self, secrets: Secret | Sequence[Secret]) -> None:
        self.verifying: dict[bytes, RingKey] = {}  # set before an error is raised, because the repr reads it
        listed: list[Any] = list(secrets) if isinstance(secrets, list | tuple) else [secrets]
        refusal = _refusal(listed)
        keys = [] if refusal else [RingKey(HiddenBytes(_extract(secret))) for secret in listed]
        if len({key.key_id for key in keys}) != len(keys):
            refusal = SecretError("a secret is listed twice: list each once, oldest first")
        if refusal:
            del secrets, listed  # see hidden.py
            raise refusal
        self._take(keys)

    def bound_to(self, database_id: bytes) -> "KeyRing":
        """Return the keys that these secrets give for the database with this id, 16 bytes.

        If the database was created without an id, the ring also unwraps keys that are bound to no id.
        """
        keys = self.verifying.values()
        unbound = [key.bound_to(b"") for key in keys] if is_older_than_ids(database_id) else []
        return self._of([key.bound_to(database_id) for key in keys], unbound)

    @cached_property
    def newest(self) -> "KeyRing":
        """A ring with only the newest key."""
        return self._of([self.signing])

    def get(self, key_id: bytes) -> RingKey | None:
        """Return the key that unwraps image keys with this 4-byte key id, or None if the ring has no such key."""
        return self.verifying.get(key_id) or self._unbound.get(key_id)

    @cached_property
    def check_values(self) -> tuple[bytes, ...]:
        """The check values of all keys that unwrap. The newest key's value is last."""
        return tuple(key.check_value for key in chain(self._unbound.values(), self.verifying.values()))

    @classmethod
    def _of(cls, keys: Sequence[RingKey], unbound: Sequence[RingKey] = ()) -> "KeyRing":
        ring = cls.__new__(cls)
        ring._take(keys, unbound)
        return ring

    def _take(self, keys: Sequence[RingKey], unbound: Sequence[RingKey] = ()) -> None:
        self.verifying = {key.key_id: key for key in keys}
        self.signing = keys[-1]
        self._unbound = {key.key_id: key for key in unbound}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key.key_id.hex() for key in self.verifying.values())})"


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
            f"a secret of {len(secret)} bytes is too short: it needs at least {MIN_SECRET_BYTES} random bytes; "
            "`pixstore-asgi secret` prints a good one"
        )
    if len(secret) < MIN_SECRET_CHARACTERS:
        return SecretError(
            f"a secret of {len(secret)} characters is too short: it needs at least {MIN_SECRET_CHARACTERS} random "
            "characters; `pixstore-asgi secret` prints a good one"
        )
    if any(character.isspace() for character in secret):
        return SecretError("a secret has no white space in it; strip it, and pass several secrets as a list")
    return None


def _extract(secret: Secret) -> bytes:
    as_bytes = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else bytes(secret)
    return hmac.digest(DOMAIN, as_bytes, "sha256")
