"""The image record: a page needs it to fetch and decrypt one image."""

import binascii
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Self

from ..errors import RecordError
from .hidden import HiddenBytes, HiddenFields, hidden_text
from .ids import MAX_TOKEN, SERVED_ID
from .images import IV_BYTES, KEY_BYTES, TAG_BYTES, Unwrapped
from .recipient import SEALED_KEY_BYTES, KeySealer

_PROOF = re.compile(r"[!-~]{1,512}", re.ASCII)
_OPTIONAL_FIELDS: dict[str, type] = {
    "proofExpiresAt": int,
    "ciphertextUrl": str,
    "width": int,
    "height": int,
    "placeholder": str,
}


class ImageRecord(HiddenFields):
    """An image record. An application sends it to its page, so that the page can fetch and decrypt one image.

    It is a dict, so every JSON encoder accepts it. It contains the image's key: send it with `Cache-Control: no-store`.
    Its repr hides key and proof, also in Sentry, rich and pprint; `dict(record)` shows the proof. The fields
    (docs/wire-format.md, "Image record"):

    - `id`, and `token`, an integer
    - `meta`: `key` (32 bytes), `iv` (12) and `tag` (16) as padded standard base64. A sealed record has `sealed` (125
      bytes), which only its recipient can open, in place of `key`.
    - `statelessProof`, and `proofExpiresAt` in epoch milliseconds if the proof expires
    - `ciphertextUrl` if the ciphertext is also at another place, such as a CDN
    - for an image that was decoded when it was saved: `width` and `height` in pixels as displayed, `placeholder` (a
      ThumbHash in base64; not in sealed records), and `variants`, full records by name, if the application asks for
      them
    """

    __slots__ = ()

    @classmethod
    def create(
        cls,
        *,
        id: str,
        token: int,
        unwrapped: Unwrapped,
        iv: bytes,
        tag: bytes,
        proof: str,
        proof_expires_at: int | None,
        ciphertext_url: str | None = None,
        sealer: KeySealer | None = None,
    ) -> Self:
        """Build a record from raw values.

        Args:
            id: The id of an image or variant.
            token: The token of the version, 1 to 2**53 - 1.
            unwrapped: The key, 32 bytes, and the image's details.
            iv: The GCM nonce, 12 bytes.
            tag: The GCM tag, 16 bytes.
            proof: The proof, 48 characters.
            proof_expires_at: In epoch milliseconds, or None if proofs are not checked.
            ciphertext_url: Another place of the ciphertext, such as a CDN.
            sealer: Seals the key. The record is then a sealed one. It has no placeholder, which is a blurred picture
                that anyone can see.
        """
        if sealer is None:
            meta = HiddenFields(key=encode_base64(unwrapped.key), iv=encode_base64(iv), tag=encode_base64(tag))
        else:
            sealed = sealer.seal(unwrapped.key, image_id=id, token=token, iv=iv, tag=tag, proof=hidden_text(proof))
            meta = HiddenFields(sealed=encode_base64(sealed), iv=encode_base64(iv), tag=encode_base64(tag))
        record = cls(id=id, token=token, meta=meta, statelessProof=proof)
        if proof_expires_at is not None:
            record["proofExpiresAt"] = proof_expires_at
        if ciphertext_url is not None:
            record["ciphertextUrl"] = ciphertext_url
        if details := unwrapped.details:
            record.update(width=details.width, height=details.height)
            if details.placeholder and sealer is None:
                record["placeholder"] = encode_base64(details.placeholder)
        return record

    @classmethod
    def parse(cls, value: object) -> Self:
        """Check a decoded JSON value and return it as a record. Unknown fields are left out.

        Args:
            value: A mapping, for example from `json.loads`.

        Raises:
            RecordError: The value is not a record; its `reason` names the wrong part.
        """
        value = fields = _mapping(value, "an image record")  # a traceback must not show the plain mapping, so drop it
        meta = _mapping(fields.get("meta"), "its meta")
        sizes = {"iv": IV_BYTES, "tag": TAG_BYTES}
        sizes = {"sealed": SEALED_KEY_BYTES, **sizes} if "sealed" in meta else {"key": KEY_BYTES, **sizes}
        record = cls(
            id=_checked_id(fields.get("id")),
            token=_checked_token(fields.get("token")),
            meta=HiddenFields({name: encode_base64(_decode(meta, name, size)) for name, size in sizes.items()}),
            statelessProof=_checked_proof(hidden_text(fields.get("statelessProof"))),
        )
        for name, kind in _OPTIONAL_FIELDS.items():
            if isinstance(fields.get(name), kind):
                record[name] = fields[name]
        if "variants" in fields:
            variants = _mapping(fields["variants"], "its variants")
            record["variants"] = HiddenFields(
                {name: cls.parse(_without_variants(each)) for name, each in variants.items()}
            )
        return record

    def add_variant(self, name: str, record: Self) -> None:
        """Add the record of a variant to the record of its original."""
        self.setdefault("variants", HiddenFields())[name] = record

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
        """The version's AES-256 key, 32 bytes. Raises RecordError if the record is sealed."""
        if "sealed" in self["meta"]:
            raise RecordError("the record is sealed: only the page that it was made for has its key", "sealed")
        return _decode(self["meta"], "key", KEY_BYTES)

    @property
    def sealed(self) -> bytes | None:
        """The version's key, sealed to one page, 125 bytes. None if the record is plain."""
        return _decode(self["meta"], "sealed", SEALED_KEY_BYTES) if "sealed" in self["meta"] else None

    @property
    def iv(self) -> bytes:
        """The version's GCM nonce, 12 bytes."""
        return _decode(self["meta"], "iv", IV_BYTES)

    @property
    def tag(self) -> bytes:
        """The version's GCM tag, 16 bytes."""
        return _decode(self["meta"], "tag", TAG_BYTES)

    @property
    def stateless_proof(self) -> str:
        """The proof that the page sends with its request."""
        return str(self["statelessProof"])

    @property
    def proof_expires_at(self) -> int | None:
        """The time from which the proof is no longer valid, in epoch milliseconds; None if proofs are not checked."""
        value: int | None = self.get("proofExpiresAt")
        return value

    @property
    def ciphertext_url(self) -> str | None:
        """Another URL of the ciphertext, such as a CDN's, or None."""
        value: str | None = self.get("ciphertextUrl")
        return value

    @property
    def width(self) -> int | None:
        """The image's width in pixels as displayed; None if the image was not decoded when it was saved."""
        value: int | None = self.get("width")
        return value

    @property
    def height(self) -> int | None:
        """The image's height in pixels as displayed; None if the image was not decoded when it was saved."""
        value: int | None = self.get("height")
        return value

    @property
    def placeholder(self) -> bytes | None:
        """The image's ThumbHash, at most 25 bytes, or None."""
        text = self.get("placeholder")
        return decode_base64(text) if isinstance(text, str) else None

    @property
    def variants(self) -> Mapping[str, Self]:
        """The records of the image's variants, by name."""
        value: Mapping[str, Self] = self.get("variants", {})
        return value

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON Schema of a record, for OpenAPI in frameworks without pydantic. FastAPI needs no call."""
        return deepcopy(RECORD_JSON_SCHEMA)

    def __repr__(self) -> str:
        return f"ImageRecord(id={self.get('id')!r}, token={self.get('token')!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # Only pydantic calls this, so pydantic_core is installed. This package does not depend on it.
        from pydantic_core import core_schema

        # The ref gives the schema a name in OpenAPI. Without it, every use would contain a copy of the schema.
        ref = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        return core_schema.no_info_plain_validator_function(cls.parse, ref=ref)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return RECORD_JSON_SCHEMA


def encode_base64(value: bytes) -> str:
    """Return padded standard base64 (RFC 4648, section 4)."""
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of a base64 text, or None if the text is not canonical (RFC 4648, section 3.5)."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    # The decoder accepts unused bits in the last character, so compare with the canonical text.
    return value if encode_base64(value) == text else None


def _base64_schema(size: int) -> dict[str, Any]:
    return {"type": "string", "contentEncoding": "base64", "description": f"{size} bytes"}


_PROPERTIES: dict[str, Any] = {
    "id": {"type": "string", "pattern": f"^{SERVED_ID.pattern}$"},
    "token": {"type": "integer", "minimum": 1, "maximum": MAX_TOKEN},
    "meta": {
        "type": "object",
        "required": ["iv", "tag"],
        "properties": {
            "key": _base64_schema(KEY_BYTES),
            "sealed": _base64_schema(SEALED_KEY_BYTES),
            "iv": _base64_schema(IV_BYTES),
            "tag": _base64_schema(TAG_BYTES),
        },
    },
    "statelessProof": {"type": "string"},
    "proofExpiresAt": {"type": "integer", "description": "epoch milliseconds"},
    "ciphertextUrl": {"type": "string", "format": "uri-reference"},
    "width": {"type": "integer", "minimum": 1, "description": "pixels, as displayed"},
    "height": {"type": "integer", "minimum": 1, "description": "pixels, as displayed"},
    "placeholder": {"type": "string", "contentEncoding": "base64", "description": "ThumbHash"},
}


def _record_schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["id", "token", "meta", "statelessProof"], "properties": properties}


# Not recursive: pydantic gives a recursive schema two names, one for input and one for output.
_VARIANTS = {"type": "object", "additionalProperties": _record_schema(_PROPERTIES), "description": "records, by name"}

RECORD_JSON_SCHEMA = {"title": "ImageRecord", **_record_schema({**_PROPERTIES, "variants": _VARIANTS})}
"""JSON Schema of an image record."""


def _decode(meta: Mapping[str, Any], name: str, size: int) -> bytes:
    value = HiddenBytes(decode_base64(meta[name]) or b"") if isinstance(meta.get(name), str) else b""
    if len(value) != size:
        raise RecordError(f"meta.{name} must be the padded standard base64 of {size} bytes", name)
    return value


def _mapping(value: object, part: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RecordError(f"{part} must be a JSON object", "shape")
    return HiddenFields(value)


def _without_variants(value: object) -> Mapping[str, Any]:
    fields = _mapping(value, "a variant's record")
    return {name: field for name, field in fields.items() if name != "variants"}


def _checked_id(value: object) -> str:
    if not isinstance(value, str) or SERVED_ID.fullmatch(value) is None:
        raise RecordError("id must be `name` or `directory:name` of letters, digits, `_` and `-`", "id")
    return value


def _checked_token(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_TOKEN:
        raise RecordError("token must be an integer from 1 to 2**53 - 1", "token")
    return value


def _checked_proof(value: object) -> str:
    if not isinstance(value, str) or _PROOF.fullmatch(value) is None:
        raise RecordError("statelessProof must be 1 to 512 printable characters without spaces", "proof")
    return str(value)
