"""An image as the package knows it: what a store keeps of it, its seal, its decrypted bytes, its line in a list."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ..errors import InputError
from .formats.names import MEDIA_TYPES, format_name
from .hidden import HiddenBytes

KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16
"""AES-256 key, GCM nonce and GCM tag (NIST SP 800-38D), in bytes."""

VERSION_BYTES = 16
"""Length of the random id that every saved version gets."""

MAX_EPOCH = 2**32 - 1
"""Largest epoch of an image's proofs, which have four bytes for it."""

SHA256_BYTES = 32
"""Length of a ciphertext's SHA-256."""

KEY_ID_BYTES = 4
"""Length of a secret's public id, which every key that it wrapped begins with, and its check value too."""

WRAPPED_KEY_BYTES = 52
"""Length of a wrapped key without details: its secret's id, the tag that is also the nonce (RFC 5297), the key."""

DATABASE_ID_BYTES = 16
"""Length of a database's id: 15 random bytes behind one that tells whether it is older than ids."""


def database_id_of(random: bytes) -> bytes:
    """Return the id of a database that is made now, of DATABASE_ID_BYTES - 1 random bytes."""
    return b"\x01" + random


def is_older_than_ids(database_id: bytes) -> bool:
    """Tell whether a database has images from before it had its id, whose keys are bound to none."""
    return database_id.startswith(b"\0")


@dataclass(frozen=True, slots=True)
class Details:
    """What was seen of a picture when it was decoded, kept sealed with its key.

    width, height: as it is displayed, in pixels. placeholder: its ThumbHash, up to 25 bytes, if one was made.
    """

    width: int
    height: int
    placeholder: bytes | None = field(default=None, repr=False)


class Unwrapped(NamedTuple):
    """What a wrapped key holds: the image key, 32 bytes, and what was seen of the picture when it was decoded."""

    key: bytes
    details: Details | None = None

    def __repr__(self) -> str:
        return "Unwrapped()"


@dataclass(frozen=True, slots=True)
class ImageMeta:
    """What a store keeps beside one version's ciphertext; opaque to the store.

    version: 16 random bytes, new for every save and update. format: the format byte. iv: 12 bytes. tag: 16 bytes.
    size: length of the ciphertext in bytes. sha256: its SHA-256 where an earlier version of this package saved it, else
    None. wrapped_key: WRAPPED_KEY_BYTES, or more where the image has details: see cipher.wrap_key.
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
    """How one image was encrypted elsewhere: what gives the same ciphertext again, bytes that browsers hold in a cache.

    key: 32 bytes. iv: 12 bytes. tag: 16 bytes. format: the name of its format byte, such as "jpg". Raises InputError
    for other lengths.
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
    """One image as a store knows it: id, current token (strictly rising per id), the current version's meta, when the
    image was first saved under this id, in epoch milliseconds, and the epoch of its proofs, which revoking raises."""

    id: str
    token: int
    meta: ImageMeta
    created_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Past:
    """What an image brings from the store that it is copied from: `created_ms` and `epoch`, as StoredImage has them."""

    created_ms: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What a store keeps of a deleted image: id, last token, and the last epoch of its proofs."""

    id: str
    token: int
    epoch: int


@dataclass(frozen=True, slots=True)
class RewrappedKey:
    """The key of one version of an image, wrapped anew: `wrapped_key` is to take the place of what it has.

    epoch: the least that the image's has to be from then on, for a row that is copied from another store. was: the
    wrapped key that this one was made of; where the image has another one by then, that stays, or what it was changed
    for would be undone. None: whatever it has.
    """

    image_id: str
    version: bytes
    wrapped_key: bytes = field(repr=False)
    epoch: int = 0
    was: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A decrypted image: its bytes, padding included, and its format's name, such as "png"."""

    data: bytes = field(repr=False)
    format: str

    @property
    def media_type(self) -> str:
        """The media type, such as "image/png"."""
        return MEDIA_TYPES[self.format]


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """One version of an image with all that another store needs to serve the very same.

    seal and ciphertext: as it is encrypted, with its key. image: as it is decrypted, with what it was marked as.
    details: what was seen of it when it was decoded, if it was.
    """

    id: str
    token: int
    seal: Seal
    ciphertext: bytes = field(repr=False)
    image: Image
    details: Details | None = None


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a list of images tells of each: id, current token, format's name, and length in bytes, padding included.

    created: when it was first saved under this id, in epoch milliseconds; updates leave it. Of images from before the
    store kept it: when they were last saved.
    """

    id: str
    token: int
    format: str
    size: int
    created: int

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        """Return the line of a stored image."""
        # The ciphertext is longer than the image by its format byte.
        name = format_name(image.meta.format) or "unknown"
        return cls(image.id, image.token, name, image.meta.size - 1, image.created_ms)
