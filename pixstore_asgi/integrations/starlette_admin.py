"""Starlette-Admin: a field that shows the picture of a `PictureType` column, and replaces it by upload."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

try:
    from starlette_admin import FileField, RequestAction
except ImportError as error:
    raise ImportError(
        "pixstore_asgi.integrations.starlette_admin needs Starlette-Admin: pip install starlette-admin"
    ) from error

from .picture_html import picture_html
from .sqlalchemy import NewPicture

__all__ = ["PictureField"]

_SHOWN_IN = (RequestAction.LIST, RequestAction.DETAIL, RequestAction.EDIT)


@dataclass(init=False)
class PictureField(FileField):
    """A field for a `PictureType` column: list it in `fields` of a ModelView.

    An empty input keeps the picture, and "Delete" removes it.

    Args:
        name: The name of the attribute.
        records_url: The URL of a RecordsApp, whose rule admits the users of the admin.
        images_url: The URL of the images.
        picture_width: The width of a picture in CSS pixels.
        options: Options of Starlette-Admin's FileField.
    """

    records_url: str = "/api/records"
    images_url: str = "/pixstore-image"
    picture_width: int = 120

    def __init__(
        self,
        name: str,
        *,
        records_url: str = "/api/records",
        images_url: str = "/pixstore-image",
        picture_width: int = 120,
        **options: Any,
    ) -> None:
        self.records_url = records_url
        self.images_url = images_url
        self.picture_width = picture_width
        text = "fields/detail/text.html"  # the one for lists truncates texts
        super().__init__(name, **{"accept": "image/*", "list_template": text, "detail_template": text, **options})

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """Return the upload as a NewPicture or None, and whether to remove the picture."""
        upload = form_data.get(self.id)
        image = b""
        if isinstance(upload, UploadFile):
            image = await upload.read()
            await upload.close()
        return NewPicture(image) if image else None, form_data.get(f"_{self.id}-delete") == "on"

    async def validate(self, request: Request, value: Any, form_values: dict[str, Any]) -> None:
        """Accept every upload, because the Pixstore checks it when the session saves it."""

    async def serialize_value(self, request: Request, value: Any) -> Any:
        """Return the HTML of the picture for pages, and the id for exports."""
        if request.state.action not in _SHOWN_IN:
            return value
        urls = {"records_url": self.records_url, "images_url": self.images_url}
        html = picture_html(value, width=self.picture_width, **urls)
        if request.state.action != RequestAction.EDIT:
            return html
        return {"url": "#", "filename": html, "content_type": "image/*"}
