"""SQLAdmin: shows the pictures of `PictureType` columns, and replaces them by upload."""

import io
from typing import Any, ClassVar

from sqlalchemy import inspect
from sqlalchemy.orm.attributes import set_committed_value
from starlette.datastructures import UploadFile
from starlette.requests import Request

try:
    from markupsafe import Markup
    from sqladmin import ModelView
    from sqladmin.fields import FileField
except ImportError as error:
    raise ImportError("pixstore_asgi.integrations.sqladmin needs SQLAdmin: pip install sqladmin") from error

from .picture_html import picture_html
from .sqlalchemy import NewPicture
from .sqlalchemy.column import picture_attributes

__all__ = ["PictureView"]


class PictureView(ModelView):
    """A ModelView that shows the pictures of `PictureType` columns, and has a file input for each.

    An empty input keeps the picture, and "Clear" removes it. If you override `on_model_change`, call it. Its class
    attributes are those of PictureField: `records_url`, `images_url` and `picture_width`.
    """

    records_url: ClassVar[str] = "/api/records"
    images_url: ClassVar[str] = "/pixstore-image"
    picture_width: ClassVar[int] = 120

    def __init__(self) -> None:
        self._pictures = [each.key for each in picture_attributes(inspect(self.model))]
        self._add("form_overrides", FileField)
        self._add("column_formatters", self._shown)
        self._add("column_formatters_detail", self._shown)
        super().__init__()

    async def get_object_for_edit(self, request: Request) -> Any:
        """Return the object of an edit page, with its pictures as HTML."""
        row = await super().get_object_for_edit(request)
        for name in self._pictures if row else ():
            if image_id := getattr(row, name):
                set_committed_value(row, name, _Current(image_id, self._shown(row, name)))
        return row

    async def on_model_change(self, data: dict[str, Any], model: Any, is_created: bool, request: Request) -> None:
        """Make a NewPicture of each upload. A column without an upload stays as it is."""
        form = await request.form()
        for name in self._pictures:
            upload = form.get(name)
            image = await upload.read() if isinstance(upload, UploadFile) and upload.filename else b""
            if isinstance(upload, UploadFile):
                await upload.close()
            data.pop(name, None)
            if form.get(f"{name}_checkbox"):
                data[name] = None
            elif image:
                data[name] = NewPicture(image)

    def _add(self, option: str, default: object) -> None:
        """Give each picture's attribute a value in one of the view's options, unless it has one."""
        setattr(self, option, {**dict.fromkeys(self._pictures, default), **getattr(self, option)})

    def _shown(self, row: Any, name: str) -> Markup:
        image_id = getattr(row, name)
        urls = {"records_url": self.records_url, "images_url": self.images_url}
        return picture_html(image_id, width=self.picture_width, **urls) if image_id else Markup()


class _Current(str):
    """The id of a picture in an edit page. SQLAdmin shows its HTML, and reads it as a file if there is no upload."""

    name = ""
    _html: str

    def __new__(cls, image_id: str, html: Markup) -> "_Current":
        self = super().__new__(cls, image_id)
        self._html = html
        return self

    def __html__(self) -> str:
        return self._html

    def open(self) -> io.BytesIO:
        return io.BytesIO()
