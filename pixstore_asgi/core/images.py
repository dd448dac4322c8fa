"""The data classes of an image: its row in a store, its seal, its decrypted bytes and its entry in a list."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ..errors import InputError
from .formats import MEDIA_TYPES, format_name
from .hidden import HiddenBytes

KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16
"""AES-256 key, GCM nonce and GCM tag (NIST SP 800-38D), in bytes."""

VERSION_BYTES = 16
"""Length of the random id of each saved version."""

MAX_EPOCH = 2**32 - 1
"""The largest epoch of an image's proofs: a proof has four bytes for it."""

SHA256_BYTES = 32
"""Length of a ciphertext's SHA-256."""

KEY_ID_BYTES = 4
"""Length of a secret's public id, the first bytes of its check value and of each key that it wrapped."""

WRAPPED_KEY_BYTES = 52
"""Length of a wrapped key without details: key id 4, synthetic IV 16 (RFC 5297), key 32."""

DATABASE_ID_BYTES = 16
"""Length of a database's id: one byte (0 if the database was created without an id, else 1), then 15 random bytes."""


def database_id_of(random: bytes) -> bytes:
    """Return the id for a new database. random: DATABASE_ID_BYTES - 1 random bytes."""
    return b"\x01" + random


def is_older_than_ids(database_id: bytes) -> bool:
    """Return whether this database was created before databases had ids, and got its id later.

    It may then contain images whose keys are bound to no database id.
    """
    return database_id.startswith(b"\0")


@dataclass(frozen=True, slots=True)
class Details:
    """Facts about a decoded picture. They are encrypted together with the picture's key.

    width, height: in pixels, as displayed. placeholder: the ThumbHash, at most 25 bytes, or None.
    """

    width: int
    height: int
    placeholder: bytes | None = field(default=None, repr=False)


class Unwrapped(NamedTuple):
    """The content of a wrapped key: the image's key, 32 bytes, and the picture's details, if it has any."""

    key: bytes
    details: Details | None = None

    def __repr__(self) -> str:
        return "Unwrapped()"


@dataclass(frozen=True, slots=True)
class ImageMeta:
    """The fields of one version that a store keeps with the ciphertext. The store does not interpret them.

    version: 16 random bytes, new for each save and update. format: the format byte. iv: 12 bytes. tag: 16 bytes. size:
    length of the ciphertext in bytes. sha256: hash of the ciphertext, only in rows of earlier versions of this package.
    wrapped_key: WRAPPED_KEY_BYTES, or more if the image has details; see cipher.wrap_key.
    """

    version: bytes
    format: int
    iv: bytes
    tag: bytes
    size: int
    sha256: bytes | None
    wrapped_key: bytes

    def __repr__(self) -> str:
        return f"ImageMeta(version={self.version.hex()}, format={self.format}, size={self.size})"


@dataclass(frozen=True, slots=True)
class Seal:
    """How an image was encrypted in another store. With it, this store encrypts the image to the same bytes, so that
    copies in browsers' caches stay valid.

    Attributes:
        key: 32 bytes.
        iv: 12 bytes.
        tag: 16 bytes.
        format: The name of the format that the encrypted format byte means, such as "jpg".

    Raises:
        InputError: A length is wrong.
    """

    key: bytes = field(repr=False)
    iv: bytes
    tag: bytes
    format: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", HiddenBytes(self.key))
        if (len(self.key), len(self.iv), len(self.tag)) != (KEY_BYTES, IV_BYTES, TAG_BYTES):
            raise InputError(f"a seal has a key of {KEY_BYTES} bytes, an iv of {IV_BYTES} and a tag of {TAG_BYTES}")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The current row of one image.

    token: rises strictly with each version of the id. meta: the fields of the current version. created_ms: time of the
    first save under this id, in epoch milliseconds. epoch: the epoch of valid proofs; `revoke` raises it.
    """

    id: str
    token: int
    meta: ImageMeta
    created_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Past:
    """The `created_ms` and `epoch` that an image keeps when it is copied from another store; see StoredImage."""

    created_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The row of a deleted image: its id, its last token, and the last epoch of its proofs."""

    id: str
    token: int
    epoch: int


@dataclass(frozen=True, slots=True)
class RewrappedKey:
    """A new wrapped key for one version of an image.

    epoch: raises the image's epoch to at least this value; a copy from another store needs it. was: replace only if the
    stored key still equals this (compare and swap). None: replace always.
    """

    image_id: str
    version: bytes
    wrapped_key: bytes = field(repr=False)
    epoch: int = 0
    was: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A decrypted image.

    Attributes:
        data: The bytes, with padding.
        format: The name of the format, such as "png".
    """

    data: bytes = field(repr=False)
    format: str

    @property
    def media_type(self) -> str:
        """The media type, such as "image/png"."""
        return MEDIA_TYPES[self.format]


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """One version of an image, with everything that another store needs to serve the same bytes.

    Attributes:
        id: The id of the image.
        token: The token of the version.
        seal: Its key, nonce and tag.
        ciphertext: The encrypted bytes.
        image: The decrypted image.
        details: Width, height and placeholder, or None if the picture was not decoded when it was saved.
    """

    id: str
    token: int
    seal: Seal
    ciphertext: bytes = field(repr=False)
    image: Image
    details: Details | None = None


class Usage(NamedTuple):
    """The room that images take.

    Attributes:
        images: The number of images, without their variants.
        bytes: The stored bytes of these images and their variants: of ciphertext, padding included.
    """

    images: int
    bytes: int


class DirectoryLimit(NamedTuple):
    """The largest usage that a write may leave in the directory of its image. None: no limit.

    A write that does not raise the usage is accepted in any case, such as a smaller version in a directory above its
    limit.
    """

    images: int | None
    bytes: int | None

    @classmethod
    def of(cls, images: int | None, limit_bytes: int | None) -> "DirectoryLimit | None":
        """Return the limit of these arguments of a call, or None if both are None. Raises InputError for a value that
        is not a number from 0 on.
        """
        for name, value in (("max_directory_images", images), ("max_directory_bytes", limit_bytes)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise InputError(f"{name} must be a whole number from 0 on, or None for no limit, not {value!r:.40}")
        return None if images is None and limit_bytes is None else cls(images, limit_bytes)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One image in a list.

    Attributes:
        id: The id of the image, or `id~name` of a variant.
        token: The token of the current version.
        format: The name of the format, such as "png".
        size: The length in bytes, with padding.
        created: The time of the first save under this id, in epoch milliseconds. Early versions of this package did not
            record it. For an image that they saved, it is the time of the last save by an early version.
    """

    id: str
    token: int
    format: str
    size: int
    created: int

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        """Return the list entry for a stored image."""
        # The ciphertext is longer than the image by its format byte.
        name = format_name(image.meta.format) or "unknown"
        return cls(image.id, image.token, name, image.meta.size - 1, image.created_ms)
