"""Uploads whose body is the image itself. All integrations that stream the body share them."""

from collections.abc import AsyncIterator
from typing import Any, Protocol, Self

from ..errors import DirectoryFull, ImageTooLarge, InvalidImage, UploadTimeout

UNSUPPORTED_MEDIA_TYPE = 415
UPLOAD_ERRORS = {
    InvalidImage.http_status: "no image of an accepted format, or a damaged one",
    UploadTimeout.http_status: "the image did not arrive in time",
    ImageTooLarge.http_status: "the image is too large",
    UNSUPPORTED_MEDIA_TYPE: "a multipart form instead of the image",
    DirectoryFull.http_status: "the image does not fit into its directory, or the server has no room",
}
"""The meaning of each status that refuses an upload, for OpenAPI."""


class Request(Protocol):
    """The request of a framework. Its headers have `get`; each framework has its own type for them."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Any: ...


class UploadBody:
    """The pieces of a request's body. `size` is its declared length, so that a save with a limit can refuse it early.

    Args:
        request: The request.
        pieces: The pieces of its body.
    """

    def __init__(self, request: Request, pieces: AsyncIterator[bytes]) -> None:
        content_length: str = request.headers.get("content-length", "")
        self.size = int(content_length) if content_length.isdecimal() else None
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)


def refusal_of_form(request: Request) -> str | None:
    """Return the text of the answer 415 if an upload is a multipart form, else None.

    Frameworks write the files of a form to temporary files, unencrypted.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        return None
    return (
        "send the image itself as the request's body, not a multipart form, which would be written to disk in "
        f'clear: fetch(url, {{method: "{request.method}", body: input.files[0]}})'
    )
