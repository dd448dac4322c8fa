"""FastAPI: streaming uploads, no-store, and the headers of proofs and recipients as dependencies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import Response

from ..asgi.http import recipient_of
from ..core.recipient import Recipient
from ..pixstore import Pixstore
from .answers import NO_STORE
from .starlette import add_error_handlers, records_response
from .uploads import UNSUPPORTED_MEDIA_TYPE, UPLOAD_ERRORS, UploadBody, refusal_of_form

try:
    from fastapi import Depends, Header, HTTPException
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.fastapi needs FastAPI: pip install fastapi") from error

__all__ = [
    "ImageUpload",
    "PageRecipient",
    "ProofHeaders",
    "SentProof",
    "add_error_handlers",
    "no_store",
    "payload_docs",
    "records_response",
    "upload_docs",
]


async def _image_upload(request: Request) -> AsyncIterator[bytes]:
    # The body is the image itself. Starlette would write a form's file to a temporary file, unencrypted.
    if refusal := refusal_of_form(request):
        raise HTTPException(UNSUPPORTED_MEDIA_TYPE, refusal)
    return UploadBody(request, request.stream())


ImageUpload = Annotated[AsyncIterator[bytes], Depends(_image_upload)]
"""The type of a parameter that gets the request's body, for `save_image` or `update_image`. Multipart forms get 415."""


@dataclass(frozen=True, slots=True)
class SentProof:
    """The token and the proof of a request, each None if missing. Pass them to `open_payload` together with the
    image id.
    """

    token: Annotated[str | None, Header(alias="x-pixstore-token", description="The `token` of the image record.")] = (
        None
    )
    proof: Annotated[
        str | None, Header(alias="x-pixstore-proof", description="The `statelessProof` of the image record.")
    ] = field(default=None, repr=False)


ProofHeaders = Annotated[SentProof, Depends()]
"""The type of a parameter that gets the request's SentProof. OpenAPI then lists its two headers."""


def _page_recipient(request: Request) -> Recipient | None:
    # Not a `Header`: OpenAPI would list it, and then hey-api's client refuses each other header of a call.
    return recipient_of(request)


PageRecipient = Annotated[Recipient | None, Depends(_page_recipient)]
"""The type of a parameter for `recipient=` of a call that returns a record. OpenAPI does not list its header."""


def _forbid_storing(response: Response) -> None:
    response.headers.update(NO_STORE)


no_store = Depends(_forbid_storing)
"""Use `dependencies=[no_store]` for every route or router whose responses contain a record, because a record has a key.

A route that returns its own Response must set the header on that Response.
"""


payload_docs: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "A wire payload; the header x-pixstore-state names its state.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
}
"""Use `@app.get(path, **payload_docs)` for a route that returns a PayloadResponse. OpenAPI would otherwise say JSON."""


def upload_docs(pixstore: Pixstore) -> dict[str, Any]:
    """Return the `openapi_extra` of a route with an ImageUpload: the accepted media types and the error responses.

    Args:
        pixstore: The Pixstore that the route saves to.
    """
    image = {"schema": {"type": "string", "format": "binary"}}
    problem = {
        "application/json": {
            "schema": {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
        }
    }
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(pixstore.media_types, image)},
        "responses": {str(status): {"description": text, "content": problem} for status, text in UPLOAD_ERRORS.items()},
    }
