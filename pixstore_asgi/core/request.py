"""What one request for an image asks for, however it came: alone or in a batch."""

from typing import NamedTuple


class ImageRequest(NamedTuple):
    """The image id, token and proof of one request; a malformed or repeated token counts as none, a repeated proof as
    "repeated"."""

    image_id: str
    token: int | None
    proof: str | None

    def __repr__(self) -> str:
        return f"ImageRequest(image_id={self.image_id!r}, token={self.token})"
