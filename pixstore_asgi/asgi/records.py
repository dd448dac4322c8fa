"""RecordsApp: gives fresh records to pages that know the ids of their images."""

import logging
from collections.abc import Mapping

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ..core.events import event
from ..core.ids import is_image_id
from ..core.record import ImageRecord
from ..errors import ConfigError, PixstoreError, RecipientError, StoreBusy
from ..pixstore import Pixstore, parts_of
from ..serving.payload import RawHeaders
from .authorization import Audience, AudienceOf, Authorization, Authorize, AuthorizeMany
from .http import recipient_of, refuse, send_json
from .lifespan import run_lifespan

MOST_RECORDS = 100
"""The most records in one answer. A page needs keys only of the images that it shows, not of all images."""

_log = logging.getLogger("pixstore_asgi")
_HEADERS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class RecordsApp:
    """Answers GET of `?id=…&id=…` with the records of up to 100 images by id, like `get_image_records`.

    If the request has the header `Pixstore-Recipient`, which the browser client sends, the records are sealed to it. An
    invalid one gets 400, and so does a missing one if the Pixstore has `records="sealed"`.

    Mount it at any path. The browser client fetches records from the URL in its option `recordsUrl`, and so does the
    service worker for plain `<img>`. Ids that the rule refuses are left out, exactly like ids without an image, so the
    answer does not tell which images exist. Invalid ids are left out too. A request without any valid id gets 400.

    Args:
        pixstore: The Pixstore.
        authorize: As in PixstoreApp, called with the scope of the request for records. This or `authorize_many` is
            required, because a record contains a key.
        authorize_many: As in PixstoreApp.
        audience: As in PixstoreApp. The records are valid only for this audience. If the function returns None or
            raises, the request gets no records.

    Raises:
        ConfigError: An option has an invalid value.
    """

    def __init__(
        self,
        pixstore: Pixstore,
        authorize: Authorize | None = None,
        *,
        authorize_many: AuthorizeMany | None = None,
        audience: AudienceOf | None = None,
    ) -> None:
        if not isinstance(pixstore, Pixstore):
            raise ConfigError(f"pixstore must be a Pixstore, not {type(pixstore).__name__}")
        if authorize is None and authorize_many is None:
            raise ConfigError("RecordsApp hands out keys: pass authorize or authorize_many, the rule of the images")
        self._pixstore = pixstore
        self._proofs = parts_of(pixstore).proofs
        self._authorization = Authorization(authorize, authorize_many)
        self._audience = None if audience is None else Audience(audience, pixstore)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, send)
        elif scope["type"] == "lifespan":
            await run_lifespan(self._pixstore, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": "records are served over HTTP"})

    async def _serve(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await refuse(405, [(b"allow", b"GET, HEAD")], send)
            return
        status, headers = 200, _HEADERS
        answer: Mapping[str, object]
        try:
            answer = await self._records(scope)
        except HTTPException as error:
            status, answer = error.status_code, {"detail": error.detail}
        except RecipientError as error:
            status, answer = error.http_status, {"detail": str(error)}
        except StoreBusy as error:
            _log.warning("records can't be given: %s", error, extra=event("records_failed"))
            status, answer = 503, {"detail": error.detail}
            headers = [*_HEADERS, (b"retry-after", b"1")]
        except PixstoreError as error:
            _log.error("records can't be given: %s", error, extra=event("records_failed"))
            status, answer = 500, {"detail": "the server failed; its log has the reason"}
        await send_json(status, answer, headers, scope, send)

    async def _records(self, scope: Scope) -> Mapping[str, ImageRecord]:
        image_ids, recipient = ids_in(scope), recipient_of(scope)
        # Before the rule, so that this answer does not tell which images the rule admits.
        self._proofs.need_recipient(recipient)
        audience = await self._audience.name(scope) if self._audience else None
        if self._audience and audience is None:
            raise HTTPException(403, "the request has no session that records can be made for: sign in first")
        admitted = await self._authorization.admitted(scope, image_ids)
        if admitted is None:
            raise HTTPException(500, "the application's rule failed; the server's log has the reason")
        if not admitted:
            return {}
        return await self._pixstore.get_image_records(admitted, audience=audience, recipient=recipient)


def ids_in(scope: Scope) -> list[str]:
    """Return the valid image ids of the request, each once. Skip invalid ids and the ids of variants.

    Raises HTTPException with status 400 if the request has no valid id or more than `MOST_RECORDS` ids.
    """
    asked = QueryParams(scope["query_string"]).getlist("id")
    if not asked:
        raise HTTPException(400, "the request has no image id: add ?id=…&id=…")
    if len(asked) > MOST_RECORDS:
        raise HTTPException(400, f"the request has more than {MOST_RECORDS} image ids: split it")
    image_ids = list(dict.fromkeys(filter(is_image_id, asked)))
    if not image_ids:
        raise HTTPException(
            400, "the request has no valid image id; the record of a variant is inside that of its original"
        )
    return image_ids
