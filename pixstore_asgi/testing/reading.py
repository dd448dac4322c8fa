"""The page's side of an image request: makes the headers to send, and reads the image from the response."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key

from ..core.cipher import unseal
from ..core.hidden import HiddenFields
from ..core.recipient import COOKIE, CURVE, Recipient, unseal_key
from ..core.record import ImageRecord, encode_base64
from ..core.wire import decode_payload
from ..errors import PixstoreError, RecordError, WireError, WireState


class NoImage(PixstoreError):
    """The response contains no image.

    Remedy: Compare `state` with the state that the test expects.

    Attributes:
        state: The wire state of the response.
    """

    def __init__(self, state: WireState) -> None:
        super().__init__(f"the answer holds no image: {state.label}")
        self.state = state


def proof_headers(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that a page sends to request the image of a record.

    Args:
        record: A record from JSON or from Pixstore.

    Raises:
        RecordError: `record` is not a record.
    """
    asked = ImageRecord.parse(record)
    return {"x-pixstore-proof": asked.stateless_proof, "x-pixstore-token": str(asked.token)}


def image_in(record: Mapping[str, Any], payload: bytes) -> bytes:
    """Decrypt and verify the image in a response body, as the browser client does.

    Args:
        record: The record that the request was made with, from JSON or from Pixstore. Open a sealed one first:
            `page.open(record)`.
        payload: The whole body.

    Returns:
        The image.

    Raises:
        NoImage: The response is a refusal.
        RecordError: The record is invalid.
        WireError: The payload is invalid.
        IntegrityError: Record and payload do not belong together, or a byte was changed.
    """
    asked, answer = ImageRecord.parse(record), decode_payload(payload)
    if answer.state > WireState.UPDATED:
        raise NoImage(answer.state)
    if answer.token == asked.token:
        raise WireError("a version is updated to itself", "token-range")
    return unseal(
        key=answer.key or asked.key,
        iv=answer.iv or asked.iv,
        tag=answer.tag or asked.tag,
        ciphertext=answer.ciphertext,
    )[1]


class SealedPage:
    """A page with its own key pair, for tests of sealed records. It sends its `headers`, and opens the records.

    Attributes:
        headers: The header of each request for records, as the client's `recipientHeaders()` resolves to.
        cookies: The cookie of each request, as the client sets it with `keyPair: "stored"`.
        recipient: The page, for `recipient=` of a call.
    """

    def __init__(self) -> None:
        self._private_key = generate_private_key(CURVE)
        self.recipient = Recipient(self._private_key.public_key())
        text = urlsafe_b64encode(self.recipient.point).decode().rstrip("=")
        self.headers = {"pixstore-recipient": text}
        self.cookies = {COOKIE: text}

    def open(self, record: Mapping[str, Any]) -> ImageRecord:
        """Return a sealed record and its variants as plain records, which `image_in` reads.

        Args:
            record: A record from JSON or from Pixstore.

        Raises:
            RecordError: `record` is no record, is plain, is sealed to another page, or was changed.
        """
        opened = ImageRecord.parse(record)
        for each in (opened, *opened.variants.values()):
            each["meta"] = HiddenFields(each["meta"], key=encode_base64(self._key_of(each)))
            del each["meta"]["sealed"]
        return opened

    def _key_of(self, record: ImageRecord) -> bytes:
        if record.sealed is None:
            raise RecordError("the record is plain: pass recipient=recipient_of(request) to the call", "sealed")
        bound: dict[str, Any] = {"image_id": record.id, "token": record.token, "iv": record.iv, "tag": record.tag}
        return unseal_key(record.sealed, self._private_key, **bound, proof=record.stateless_proof)
