"""The page's side of an image request: the headers to send, and the image in the response."""

from collections.abc import Mapping
from typing import Any

from ..core.cipher import unseal
from ..core.record import ImageRecord
from ..core.wire import decode_payload
from ..errors import PixstoreError, WireError, WireState


class NoImage(PixstoreError):
    """The response holds no image. state: its wire state."""

    def __init__(self, state: WireState) -> None:
        super().__init__(f"the answer holds no image: {state.label}")
        self.state = state


def proof_headers(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers with which a page requests the image of a record. Raises RecordError for an invalid record."""
    asked = ImageRecord.parse(record)
    return {"x-pixstore-proof": asked.stateless_proof, "x-pixstore-token": str(asked.token)}


def image_in(record: Mapping[str, Any], payload: bytes) -> bytes:
    """Return the image in a response body, decrypted and verified as in the browser client.

    Args:
        record: The record of the request, from JSON or from Pixstore.
        payload: The whole body.

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
