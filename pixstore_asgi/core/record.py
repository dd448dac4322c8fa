"""What an image is known by: its id, its token, the record handed to a page and the row kept in a store."""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ..errors import InputError, RecordError

MAX_TOKEN = 2**53 - 1
"""Largest token: the largest integer that JavaScript holds exactly."""

KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16
"""AES-256 key, GCM nonce and GCM tag (NIST SP 800-38D), in bytes."""

_IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_-]{1,128})?", re.ASCII)
_DIRECTORY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TOKEN = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_PROOF = re.compile(r"[!-~]{1,512}", re.ASCII)


def is_image_id(value: str) -> bool:
    """Tell whether `value` is an image id: `name` or `directory:name` of `[A-Za-z0-9_-]`, at most 64 and 128 long."""
    return _IMAGE_ID.fullmatch(value) is not None


def is_directory(value: str) -> bool:
    """Tell whether `value` can be the part of an image id before the colon: 1 to 64 of `[A-Za-z0-9_-]`."""
    return _DIRECTORY.fullmatch(value) is not None


def parse_token(text: str) -> int | None:
    """Read a token header: canonical decimal digits of 1 to 2**53 - 1, or None for anything else."""
    if _TOKEN.fullmatch(text) is None:
        return None
    token = int(text)
    return token if token <= MAX_TOKEN else None


@dataclass(frozen=True, slots=True)
class ImageMeta:
    """What a store keeps beside one version's ciphertext; opaque to the store.

    version: 16 random bytes, new for every save and update. format: the format byte. iv: 12 bytes. tag: 16 bytes.
    size: length of the ciphertext in bytes. sha256: its SHA-256. wrapped_key: 52 bytes, see cipher.wrap_key.
    """

    version: bytes
    format: int
    iv: bytes
    tag: bytes
    size: int
    sha256: bytes
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
        if (len(self.key), len(self.iv), len(self.tag)) != (KEY_BYTES, IV_BYTES, TAG_BYTES):
            raise InputError(f"a seal has a key of {KEY_BYTES} bytes, an iv of {IV_BYTES} and a tag of {TAG_BYTES}")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as a store knows it: id, current token (strictly rising per id), the current version's meta, and when
    the image was first saved under this id, in epoch milliseconds."""

    id: str
    token: int
    meta: ImageMeta
    created_ms: int


def media_type_of(format_name: str) -> str:
    """Return the media type of a format's name: "image/jpeg" for jpg and jpeg."""
    return f"image/{'jpeg' if format_name == 'jpg' else format_name}"


@dataclass(frozen=True, slots=True)
class Image:
    """A decrypted image: its bytes and its format's name, such as "png"."""

    data: bytes = field(repr=False)
    format: str

    @property
    def media_type(self) -> str:
        """The media type, such as "image/png"."""
        return media_type_of(self.format)


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """One version of an image with all that another store needs to serve the very same.

    seal and ciphertext: as it is encrypted, with its key. image: as it is decrypted, with what it was marked as.
    """

    id: str
    token: int
    seal: Seal
    ciphertext: bytes = field(repr=False)
    image: Image


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a list of images tells of each: id, current token, format's name, and length of the image in bytes.

    created: when it was first saved under this id, in epoch milliseconds; updates leave it. Of images from before the
    store kept it: when they were last saved.
    """

    id: str
    token: int
    format: str
    size: int
    created: int


class _Hidden(dict[str, Any]):
    """A dict whose repr shows names only: a record that ends in a log or a traceback must not carry its key there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


class ImageRecord(_Hidden):
    """What an application's API hands to its own page, so that the page may read one image.

    A dict, so that every JSON encoder takes it: `id`, `token` (integer), `meta` with `key` (32 bytes), `iv` (12) and
    `tag` (16) as padded standard base64, `statelessProof`, and `proofExpiresAt` (epoch milliseconds) where the proof
    expires. It carries the image's key: send it with `Cache-Control: no-store`. Its repr hides key and proof.
    Format: README, "The image record".
    """

    __slots__ = ()

    @classmethod
    def create(
        cls, *, id: str, token: int, key: bytes, iv: bytes, tag: bytes, proof: str, proof_expires_at: int | None
    ) -> Self:
        """Build a record from raw values; bytes are encoded, `proof_expires_at` is in epoch milliseconds."""
        meta = _Hidden(key=_encode(key), iv=_encode(iv), tag=_encode(tag))
        record = cls(id=id, token=token, meta=meta, statelessProof=proof)
        if proof_expires_at is not None:
            record["proofExpiresAt"] = proof_expires_at
        return record

    @classmethod
    def parse(cls, value: object) -> Self:
        """Check a decoded JSON value and return it as a record, without the fields that no record has.

        Raises RecordError, whose `reason` names the part that is wrong.
        """
        fields = _mapping(value, "an image record")
        meta = _mapping(fields.get("meta"), "its meta")
        record = cls.create(
            id=_checked_id(fields.get("id")),
            token=_checked_token(fields.get("token")),
            key=_decode(meta, "key", KEY_BYTES),
            iv=_decode(meta, "iv", IV_BYTES),
            tag=_decode(meta, "tag", TAG_BYTES),
            proof=_checked_proof(fields.get("statelessProof")),
            proof_expires_at=None,
        )
        expires_at = fields.get("proofExpiresAt")
        if isinstance(expires_at, int):
            record["proofExpiresAt"] = expires_at
        return record

    @property
    def id(self) -> str:
        """The image's id."""
        return str(self["id"])

    @property
    def token(self) -> int:
        """The version's token: 1 to 2**53 - 1, strictly rising per image."""
        return int(self["token"])

    @property
    def key(self) -> bytes:
        """The version's AES-256 key, 32 bytes."""
        return binascii.a2b_base64(self["meta"]["key"])

    @property
    def iv(self) -> bytes:
        """The version's GCM nonce, 12 bytes."""
        return binascii.a2b_base64(self["meta"]["iv"])

    @property
    def tag(self) -> bytes:
        """The version's GCM tag, 16 bytes."""
        return binascii.a2b_base64(self["meta"]["tag"])

    @property
    def stateless_proof(self) -> str:
        """The proof that the page sends with its request."""
        return str(self["statelessProof"])

    @property
    def proof_expires_at(self) -> int | None:
        """When the proof ends, in epoch milliseconds; None where proofs are not checked."""
        value: int | None = self.get("proofExpiresAt")
        return value

    def copy(self) -> Self:
        """Return a copy that hides as much in its repr."""
        return type(self)(self)

    def __repr__(self) -> str:
        return f"ImageRecord(id={self.get('id')!r}, token={self.get('token')!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # Called by pydantic alone, which therefore is there; this package does not depend on it.
        from pydantic_core import core_schema

        # The ref makes it a schema of its own name in OpenAPI, in place of a copy at every use.
        ref = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        return core_schema.no_info_plain_validator_function(cls.parse, ref=ref)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return RECORD_JSON_SCHEMA


def _base64_schema(size: int) -> dict[str, Any]:
    return {"type": "string", "contentEncoding": "base64", "description": f"{size} bytes"}


RECORD_JSON_SCHEMA: dict[str, Any] = {
    "title": "ImageRecord",
    "type": "object",
    "required": ["id", "token", "meta", "statelessProof"],
    "properties": {
        "id": {"type": "string", "pattern": f"^{_IMAGE_ID.pattern}$"},
        "token": {"type": "integer", "minimum": 1, "maximum": MAX_TOKEN},
        "meta": {
            "type": "object",
            "required": ["key", "iv", "tag"],
            "properties": {
                "key": _base64_schema(KEY_BYTES),
                "iv": _base64_schema(IV_BYTES),
                "tag": _base64_schema(TAG_BYTES),
            },
        },
        "statelessProof": {"type": "string"},
        "proofExpiresAt": {"type": "integer", "description": "epoch milliseconds"},
    },
}
"""JSON Schema of an image record, as FastAPI shows it in OpenAPI."""


def _encode(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _decode(meta: Mapping[str, Any], name: str, size: int) -> bytes:
    text = meta.get(name)
    try:
        value = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    # The comparison refuses text with unused bits set: one value has one spelling.
    if len(value) != size or _encode(value) != text:
        raise RecordError(f"meta.{name} must be the padded standard base64 of {size} bytes", name)
    return value


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RecordError(f"{what} must be a JSON object", "shape")
    return value


def _checked_id(value: object) -> str:
    if not isinstance(value, str) or not is_image_id(value):
        raise RecordError("id must be `name` or `directory:name` of letters, digits, `_` and `-`", "id")
    return value


def _checked_token(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_TOKEN:
        raise RecordError("token must be an integer from 1 to 2**53 - 1", "token")
    return value


def _checked_proof(value: object) -> str:
    if not isinstance(value, str) or _PROOF.fullmatch(value) is None:
        raise RecordError("statelessProof must be 1 to 512 printable characters without spaces", "proof")
    return value
