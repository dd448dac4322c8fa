"""The HTML of pictures: the element `<pix-image>` and the scripts that it needs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.files.base import File
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ...asgi.http import recipient_of
from ...core.record import ImageRecord
from ...errors import InputError
from .middleware import note_records
from .page import script_urls
from .sessions import audience_of
from .setting import get_images

RECORDS_IN_CONTEXT = "pixstore_records"
"""The name in a template's context of the records that `page_records` returns."""


def page_records(request: HttpRequest, pictures: Iterable[Any]) -> dict[str, ImageRecord]:
    """Return sealed records of the pictures of a page, to render it with `{"pixstore_records": page_records(…)}`.

    The page then shows its pictures one round trip earlier. Call it only for pictures that the user may see.
    PixstoreErrors adds Cache-Control no-store to the answer. At the first visit the browser has sent no public key, so
    there is no record, and the page fetches its records by id.

    Args:
        request: The request of the view.
        pictures: The ids of images, or the values of fields with a picture.

    Raises:
        InputError: A value is neither an id nor that of a field with a picture.
        StoreError: The store failed.
    """
    recipient, image_ids = recipient_of(request, cookie=True), [id_of(picture) for picture in pictures]
    if recipient is None:
        return {}
    note_records(request)
    wanted, audience = filter(None, image_ids), audience_of(request)
    return get_images().get_image_records(wanted, audience=audience, recipient=recipient)


def picture_element(
    picture: Any, attributes: Mapping[str, Any], records: Mapping[str, ImageRecord] | None = None
) -> SafeString:
    """Return the element `<pix-image>` of a picture, or an empty text if there is none.

    A plain record has a key, so only its id is rendered.

    Args:
        picture: A record, the id of an image, or the value of a field with a picture.
        attributes: Further attributes. An underscore in a name becomes a hyphen, and None leaves the attribute out.
        records: Records by id.
    """
    image_id = id_of(picture)
    if not image_id:
        return SafeString("")
    record = picture if isinstance(picture, ImageRecord) else (records or {}).get(image_id)
    is_sealed = record is not None and record.sealed is not None
    source = {"record": json.dumps(record)} if is_sealed else {"src-id": image_id}
    rest = {name.replace("_", "-"): value for name, value in attributes.items()}
    return format_html("<pix-image{}></pix-image>", flatatt({**source, "alt": "", **rest}))


def script_elements(nonce: str = "") -> SafeString:
    """Return the scripts of a page with pictures. nonce: of the page's Content-Security-Policy, or empty."""
    return format_html_join(
        "\n",
        '<script type="module" src="{}"{}></script>',
        ((url, flatatt({"nonce": nonce or None})) for url in script_urls()),
    )


def id_of(picture: Any) -> str:
    """Return the id of a record, of an id or of a field's value; empty if there is no picture."""
    if isinstance(picture, Mapping):  # also a record that was decoded from JSON, whose text has its key
        return str(picture.get("id", ""))
    if isinstance(picture, File):
        return picture.name or ""
    if picture is None or isinstance(picture, str):
        return picture or ""
    raise InputError(
        f"a picture is the value of a picture's field, the id of an image or a record, not {type(picture).__name__}: "
        "name the field, such as photo.picture"
    )
