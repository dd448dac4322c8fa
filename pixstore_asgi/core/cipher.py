"""Encrypts images by AES-256-GCM, and wraps their keys so that each key is bound to its row in the store.

    plaintext    one format byte ‖ the image's bytes
    ciphertext   AES-256-GCM, no additional data, a fresh key and nonce for every version     NIST SP 800-38D
    wrapped key  key id 4 ‖ AES-256-SIV(wrap key, key 32 ‖ details, AAD)                       RFC 5297
    details      nothing, or width u32 ‖ height u32 ‖ ThumbHash
    AAD          for each of purpose, id, version, format, iv, tag and size u64: u16 length ‖ bytes

The ciphertext has no additional data, because clients of the wire format decrypt without it. The key wrap binds id and
version instead. AES-SIV needs no nonce, so no nonce can repeat.

Rows that older versions of this package wrote contain a SHA-256 of the ciphertext, which is the last field of their
AAD. New rows do not contain it, because the tag covers the ciphertext.
"""

import struct
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ..errors import IntegrityError
from .formats import format_name
from .hidden import HiddenBytes
from .images import (
    IV_BYTES,
    KEY_BYTES,
    KEY_ID_BYTES,
    SHA256_BYTES,
    TAG_BYTES,
    VERSION_BYTES,
    Details,
    ImageMeta,
    Unwrapped,
)
from .keyring import DOMAIN, KeyRing

MAX_CIPHERTEXT_BYTES = 2**36 - 32
"""The longest ciphertext of GCM under one key and nonce (NIST SP 800-38D, section 5.2.1.1)."""

_PURPOSE = DOMAIN + b" image key"
_PURPOSE_FIELD = len(_PURPOSE).to_bytes(2, "big") + _PURPOSE
_FIELDS = struct.Struct(">H16sHBH12sH16sHQ")  # each after its length
_SIZE_FIELDS = struct.Struct(">II")
_BLOCK_BYTES = 16
_NOT_AUTHENTIC = "the image fails authentication: it is damaged, or the key is of another image"


class Sealer:
    """Encrypts one image piece by piece. Call `update` for each piece, then `finish`.

    Args:
        key: 32 bytes, random and fresh for every image.
        iv: 12 bytes, random and fresh for every image.
        format_byte: The first byte of the plaintext.

    Attributes:
        size: The number of bytes of ciphertext so far.
        tag: 16 bytes, set by `finish`.
    """

    def __init__(self, *, key: bytes, iv: bytes, format_byte: int) -> None:
        self._encryptor = Cipher(AES256(key), GCM(iv)).encryptor()
        self._sealed_head = self._encryptor.update(bytes((format_byte,)))
        self._buffer = bytearray()
        self.size = len(self._sealed_head)
        self.tag = b""

    def update(self, piece: bytes | memoryview) -> memoryview:
        """Encrypt the next piece. The result is valid until the next call. The first result has the format byte too."""
        head, self._sealed_head = self._sealed_head, b""
        start, end = len(head), len(head) + len(piece)
        if len(self._buffer) < end + _BLOCK_BYTES:
            # Use one buffer for all pieces: fresh memory for each piece would cost a page fault per 4 KiB.
            self._buffer = bytearray(end + _BLOCK_BYTES)
        sealed = memoryview(self._buffer)
        sealed[:start] = head
        self._encryptor.update_into(piece, sealed[start:])
        self.size += len(piece)
        return sealed[:end]

    def finish(self) -> None:
        """Call it after the last piece. It sets `tag`."""
        self._encryptor.finalize()
        self.tag = self._encryptor.tag


def unseal(*, key: bytes, iv: bytes, tag: bytes, ciphertext: bytes) -> tuple[str, bytes]:
    """Check the tag of one whole image, and decrypt it.

    Args:
        key: 32 bytes.
        iv: 12 bytes.
        tag: 16 bytes.
        ciphertext: The whole ciphertext.

    Returns:
        The name of the image's format, such as "png", and the image's bytes.

    Raises:
        IntegrityError: Its `reason` is tag, format-byte or no-image.
    """
    cipher = AESGCM(key)
    key = HiddenBytes()  # the caller may pass plain bytes, which a traceback would show
    try:
        plaintext = memoryview(cipher.decrypt(iv, ciphertext + tag, None))  # its repr shows no bytes
    except InvalidTag:
        raise IntegrityError(_NOT_AUTHENTIC, "tag") from None
    name = format_name(plaintext[0]) if plaintext else None
    if name is None:
        raise IntegrityError("the decrypted image has an unknown format byte", "format-byte")
    if len(plaintext) == 1:
        raise IntegrityError("the image has no bytes", "no-image")
    return name, bytes(plaintext[1:])


class TagCheck:
    """Checks ciphertext against its tag, piece by piece. Call `update` for each piece, then `finish`.

    Args:
        key: 32 bytes.
        iv: 12 bytes.
        tag: 16 bytes.
    """

    def __init__(self, *, key: bytes, iv: bytes, tag: bytes) -> None:
        self._decryptor = Cipher(AES256(key), GCM(iv, tag)).decryptor()
        self._buffer = bytearray()

    def update(self, piece: bytes) -> None:
        """Check the next piece. The decrypted bytes are not returned, and the next call overwrites them."""
        if len(self._buffer) < len(piece) + _BLOCK_BYTES:
            self._buffer = bytearray(len(piece) + _BLOCK_BYTES)
        self._decryptor.update_into(piece, self._buffer)

    def finish(self) -> None:
        """Call it after the last piece. Raises IntegrityError (reason tag) if a byte of the ciphertext was changed."""
        try:
            self._decryptor.finalize()
        except InvalidTag:
            raise IntegrityError(_NOT_AUTHENTIC, "tag") from None


def wrap_key(ring: KeyRing, key: bytes, image_id: str, meta: ImageMeta, details: Details | None = None) -> ImageMeta:
    """Wrap an image key under the ring's newest secret (AES-256-SIV, RFC 5297).

    The wrapped key is bound to id, version, format, iv, tag and size. It can't be unwrapped in another row.

    Args:
        ring: The key ring, bound to the store's database.
        key: The image key, 32 bytes.
        image_id: The id of the row.
        meta: The row. Its `wrapped_key` is ignored.
        details: Facts to wrap together with the key.

    Returns:
        `meta` with its `wrapped_key`: 52 bytes without details; with details, 60 bytes and the ThumbHash.
    """
    signing = ring.signing
    sealed = signing.wrapper.encrypt(key + _encode_details(details), [_binding(image_id, meta)])
    return replace(meta, wrapped_key=signing.key_id + sealed)


def unwrap_key(ring: KeyRing, image_id: str, meta: ImageMeta) -> bytes:
    """Return the key of a stored version, 32 bytes. Raises the errors of `unwrap`."""
    return unwrap(ring, image_id, meta).key


def unwrap(ring: KeyRing, image_id: str, meta: ImageMeta) -> Unwrapped:
    """Return the key of a stored version, and its details if it has any.

    Raises:
        IntegrityError: Reason unknown-key: the ring lacks the secret that wrapped the key. Reason wrap: the row was
            changed.
    """
    key_id = meta.wrapped_key[:KEY_ID_BYTES]
    ring_key = ring.get(key_id)
    if ring_key is None:
        raise IntegrityError(
            f"image {image_id} was saved under secret {key_id.hex()}, which is not in the key ring", "unknown-key"
        )
    try:
        unwrapped = HiddenBytes(ring_key.wrapper.decrypt(meta.wrapped_key[KEY_ID_BYTES:], [_binding(image_id, meta)]))
    except (InvalidTag, ValueError, struct.error):
        raise IntegrityError(f"the stored row of image {image_id} was changed outside this package", "wrap") from None
    return Unwrapped(unwrapped) if len(unwrapped) == KEY_BYTES else _unwrapped_with_details(unwrapped)


def rewrap_key(old: KeyRing, new: KeyRing, image_id: str, meta: ImageMeta) -> ImageMeta:
    """Return `meta` with its key and details wrapped under the newest secret of another ring. Raises the errors of
    `unwrap`.

    old: the ring that unwraps. new: the ring that wraps.
    """
    unwrapped = unwrap(old, image_id, meta)
    return wrap_key(new, unwrapped.key, image_id, meta, unwrapped.details)


def add_details(ring: KeyRing, image_id: str, meta: ImageMeta, details: Details) -> ImageMeta:
    """Wrap the key of `meta` again, together with these details. Return the new meta. Raises the errors of `unwrap`."""
    return wrap_key(ring, unwrap(ring, image_id, meta).key, image_id, meta, details)


def _encode_details(details: Details | None) -> bytes:
    return _SIZE_FIELDS.pack(details.width, details.height) + (details.placeholder or b"") if details else b""


def _unwrapped_with_details(unwrapped: bytes) -> Unwrapped:
    if len(unwrapped) < KEY_BYTES + _SIZE_FIELDS.size:
        raise IntegrityError("a wrapped key has a length that this package never writes", "wrap")
    width, height = _SIZE_FIELDS.unpack_from(unwrapped, KEY_BYTES)
    return Unwrapped(unwrapped[:KEY_BYTES], Details(width, height, unwrapped[KEY_BYTES + _SIZE_FIELDS.size :] or None))


def _binding(image_id: str, meta: ImageMeta) -> bytes:
    name = image_id.encode("ascii")
    fields = _FIELDS.pack(
        *(VERSION_BYTES, meta.version, 1, meta.format, IV_BYTES, meta.iv, TAG_BYTES, meta.tag, 8, meta.size)
    )
    sha256 = b"" if meta.sha256 is None else SHA256_BYTES.to_bytes(2, "big") + meta.sha256
    return _PURPOSE_FIELD + len(name).to_bytes(2, "big") + name + fields + sha256
