"""One request for an image, single or from a batch."""

from typing import NamedTuple


class ImageRequest(NamedTuple):
    """The image id, token and proof of one request.

    token: None also if it was malformed or sent twice. proof: "repeated" if it was sent twice.
    """

    image_id: str
    token: int | None
    proof: str | None

    def __repr__(self) -> str:
        return f"ImageRequest(image_id={self.image_id!r}, token={self.token})"
