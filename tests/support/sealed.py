"""A second implementation of the page's side of sealed records, after docs/wire-format.md, to check the package."""

import base64
import struct
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pixstore_asgi import ImageRecord
from pixstore_asgi.errors import RecordError

_PURPOSE = b"pixstore_asgi/1 sealed key"


class SealedToAnother(Exception):
    """A record is not sealed to this page, or was changed."""


class ReferencePage:
    """A page with its key pair. Tests of other subjects use `pixstore_asgi.testing.SealedPage`."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        self.point = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @classmethod
    def of(cls, secret: str) -> Self:
        """Return the page with this private key in hex."""
        return cls(ec.derive_private_key(int(secret, 16), ec.SECP256R1()))

    @property
    def text(self) -> str:
        """The value of the header Pixstore-Recipient."""
        return base64.urlsafe_b64encode(self.point).decode().rstrip("=")

    @property
    def headers(self) -> dict[str, str]:
        return {"pixstore-recipient": self.text}

    def open(self, value: Any) -> bytes:
        """Return the image key of a sealed record.

        Raises RecordError for a malformed record, SealedToAnother if the key does not open.
        """
        record = ImageRecord.parse(value)
        sealed = record.sealed
        if sealed is None:
            raise RecordError("the record is plain", "sealed")
        point, nonce, rest = sealed[:65], sealed[65:77], sealed[77:]
        if point[0] != 4:
            raise SealedToAnother
        try:
            ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            shared = self._private.exchange(ec.ECDH(), ephemeral)
            wrapping = HKDF(SHA256(), 32, None, _PURPOSE + point + self.point).derive(shared)
            parts = (_PURPOSE, record.id.encode(), str(record.token).encode(), record.iv, record.tag)
            aad = b"".join(struct.pack(">H", len(part)) + part for part in (*parts, record.stateless_proof.encode()))
            return AESGCM(wrapping).decrypt(nonce, rest, aad)
        except (ValueError, InvalidTag):
            raise SealedToAnother from None
