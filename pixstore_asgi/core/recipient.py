"""Sealed records: image keys encrypted to the key pair of one page (docs/wire-format.md, "Sealed key").

    recipient     the page's public key: an uncompressed point of P-256, 65 bytes      SEC 1, section 2.3.3
    shared        ECDH of the recipient and an ephemeral pair, one for each answer     NIST SP 800-56A, section 5.7.1.2
    wrapping key  HKDF-SHA-256(shared, no salt, purpose ‖ ephemeral point ‖ recipient, 32)   RFC 5869
    sealed key    ephemeral point 65 ‖ nonce 12 ‖ AES-256-GCM(wrapping key, key 32, AAD) 48  NIST SP 800-38D
    AAD           for each of purpose, id, token in decimal digits, iv, tag and proof: u16 length ‖ bytes

The proof is in the AAD, and its MAC covers the audience. So an audience is bound too, although the page does not know
it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from struct import Struct
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..errors import RecipientError, RecordError
from .hidden import HiddenBytes
from .images import IV_BYTES, KEY_BYTES, TAG_BYTES
from .keyring import DOMAIN

POINT_BYTES = 65
CURVE = SECP256R1()
"""NIST P-256 (FIPS 186-5), the curve of all pairs."""

SEALED_KEY_BYTES = POINT_BYTES + IV_BYTES + KEY_BYTES + TAG_BYTES

_PURPOSE = DOMAIN + b" sealed key"
_u16 = Struct(">H").pack
_AAD = b"".join(
    (_u16(len(_PURPOSE)), _PURPOSE, b"%b%b", b"%b%b", _u16(IV_BYTES), b"%b", _u16(TAG_BYTES), b"%b", b"%b%b")
)
"""The format of the additional data: the length and the value of purpose, id, token, iv, tag and proof."""

COOKIE = "__Host-pixstore-recipient"
"""The cookie with the text of a stored pair. No other host can set a cookie with this prefix (RFC 6265bis)."""

_UNCOMPRESSED = 4
_TEXT = re.compile(r"[A-Za-z0-9_-]{87}", re.ASCII)


class Recipient:
    """The public key of a page, to which image keys are sealed. Its repr does not show the key.

    `recipient_of(request)` reads it from a request. Use `Recipient.parse` if the page sends it in another way.

    Attributes:
        point: The uncompressed point, 65 bytes. Its hash identifies the page's key pair, for example in a session.
    """

    __slots__ = ("point", "public_key")

    def __init__(self, public_key: EllipticCurvePublicKey) -> None:
        self.public_key = public_key
        self.point = HiddenBytes(_point_of(public_key))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check the text that a page sends in the header `Pixstore-Recipient`.

        The check is a full public-key validation (NIST SP 800-56A, section 5.6.2.3.3).

        Args:
            text: An uncompressed point of P-256, 65 bytes, as 87 characters of base64url without padding (RFC 4648,
                section 5).

        Raises:
            RecipientError: The text is not such a point; its `reason` is not-canonical or point.
        """
        point = _decode(text)
        if point[0] == _UNCOMPRESSED:
            with suppress(ValueError):  # the point is not on the curve
                return cls(EllipticCurvePublicKey.from_encoded_point(CURVE, point))
        raise RecipientError("the recipient is not an uncompressed point of the curve P-256", "point")

    def __repr__(self) -> str:
        return "Recipient()"


class KeySealer:
    """Seals the image keys of one answer to a recipient.

    Args:
        recipient: The public key of the page.
        ephemeral: A pair of the curve P-256, new for each answer.
        draw: Returns so many random bytes.
    """

    def __init__(self, recipient: Recipient, ephemeral: EllipticCurvePrivateKey, draw: Callable[[int], bytes]) -> None:
        self._point = _point_of(ephemeral.public_key())
        self._cipher = _cipher_of(ephemeral, recipient.public_key, self._point + recipient.point)
        self._draw = draw

    def seal(self, key: bytes, *, image_id: str, token: int, iv: bytes, tag: bytes, proof: str) -> bytes:
        """Encrypt the key of one image. All other fields of its record that the client checks are bound to it.

        Args:
            key: The image key, 32 bytes.
            image_id: The id of the image or variant.
            token: The token of the version.
            iv: The GCM nonce of the image, 12 bytes.
            tag: The GCM tag of the image, 16 bytes.
            proof: The proof in the record.

        Returns:
            The sealed key, 125 bytes.
        """
        nonce = self._draw(IV_BYTES)
        return self._point + nonce + self._cipher.encrypt(nonce, key, _additional_data(image_id, token, iv, tag, proof))

    def __repr__(self) -> str:
        return "KeySealer()"


def unseal_key(
    sealed: bytes, private_key: EllipticCurvePrivateKey, *, image_id: str, token: int, iv: bytes, tag: bytes, proof: str
) -> bytes:
    """Open a sealed key as its recipient. The other arguments are as in `KeySealer.seal`.

    Args:
        sealed: The sealed key, 125 bytes.
        private_key: The private half of the recipient's pair.

    Returns:
        The key, 32 bytes.

    Raises:
        RecordError: The key is sealed to another recipient, or a value was changed.
    """
    point, nonce, rest = sealed[:POINT_BYTES], sealed[POINT_BYTES:][:IV_BYTES], sealed[POINT_BYTES + IV_BYTES :]
    with suppress(ValueError, InvalidTag):
        public_key = EllipticCurvePublicKey.from_encoded_point(CURVE, point)
        cipher = _cipher_of(private_key, public_key, point + _point_of(private_key.public_key()))
        return HiddenBytes(cipher.decrypt(nonce, rest, _additional_data(image_id, token, iv, tag, proof)))
    raise RecordError("the record is sealed to another page, or was changed", "sealed")


def _cipher_of(private_key: EllipticCurvePrivateKey, public_key: EllipticCurvePublicKey, points: bytes) -> AESGCM:
    """Return the cipher of one ephemeral and one recipient's pair. points: the ephemeral one, then the recipient's."""
    hkdf = HKDF(SHA256(), 32, None, _PURPOSE + points)
    return AESGCM(hkdf.derive(private_key.exchange(ECDH(), public_key)))


def _additional_data(image_id: str, token: int, iv: bytes, tag: bytes, proof: str) -> bytes:
    """Return the AAD of a sealed key."""
    name, digits = image_id.encode(), b"%d" % token
    # The proof is ASCII, so its length in characters is that in bytes. Its bytes stay out of local variables.
    return _AAD % (_u16(len(name)), name, _u16(len(digits)), digits, iv, tag, _u16(len(proof)), proof.encode())


def _point_of(public_key: EllipticCurvePublicKey) -> bytes:
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _decode(text: str) -> bytes:
    if isinstance(text, str) and _TEXT.fullmatch(text):
        point = HiddenBytes(urlsafe_b64decode(text + "="))
        # The last character has two unused bits, so compare with the canonical text.
        if urlsafe_b64encode(point) == text.encode() + b"=":
            return point
    raise RecipientError(
        "the recipient must be a point of P-256 as 87 characters of base64url without padding", "not-canonical"
    )
