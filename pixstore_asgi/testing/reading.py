"""The page's side of an image request: makes the headers to send, and reads the image from the response."""

from collections.abc import Mapping
from typing import Any

from ..core.cipher import unseal
from ..core.record import ImageRecord
from ..core.wire import decode_payload
from ..errors import PixstoreError, WireError, WireState


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
        record: The record that the request was made with, from JSON or from Pixstore.
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
