"""An image request from the page's side: what it sends, and what it makes of the answer."""

from collections.abc import Mapping
from typing import Any

from ..core.cipher import unseal
from ..core.record import ImageRecord
from ..core.wire import decode_payload
from ..errors import PixstoreError, WireError, WireState


class NoImage(PixstoreError):
    """The answer holds no image; `state` says how the request ended."""

    def __init__(self, state: WireState) -> None:
        super().__init__(f"the answer holds no image: {state.label}")
        self.state = state


def proof_headers(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that a page sends to ask for the image of a record. Raises RecordError for what is none."""
    asked = ImageRecord.parse(record)
    return {"x-pixstore-proof": asked.stateless_proof, "x-pixstore-token": str(asked.token)}


def image_in(record: Mapping[str, Any], payload: bytes) -> bytes:
    """Return the image in the body of an answer, decrypted and verified as the browser's client does it.

    record: the one that was asked with, as it came in JSON or from Pixstore. payload: the whole body. Raises NoImage
    where the answer is a refusal, RecordError or WireError for what is no record or no payload, and IntegrityError
    where record and payload do not belong together, or a byte is another one.
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
