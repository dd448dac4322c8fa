"""Django: the template tags, the file input that shows the current picture, and the admin's mixin."""

import io
import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.core.files.base import ContentFile
from django.core.handlers.asgi import ASGIRequest
from django.db import models
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest
from django.template import Context, Engine
from django.test.utils import override_settings

from pixstore_asgi import ImageRecord
from pixstore_asgi.errors import InputError
from pixstore_asgi.testing import MemoryPixstore, SealedPage
from tests.support.django_setup import configure_django
from tests.support.samples import picture

configure_django()

from django.contrib.admin import AdminSite, ModelAdmin  # noqa: E402  after Django is set up

from pixstore_asgi.integrations.django import (  # noqa: E402
    PictureAdminMixin,
    PictureInput,
    page_records,
    picture_column,
)
from pixstore_asgi.integrations.django.page import script_urls  # noqa: E402
from tests.integrations.django_app.models import Photo  # noqa: E402

ENGINE = Engine(libraries={"pixstore": "pixstore_asgi.integrations.django.templatetags.pixstore"})
HOSTILE = "a\"'><script>alert(1)</script>"


class Elements(HTMLParser):
    """The elements of a page: name and attributes of each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def file_of(name: str) -> FieldFile:
    field: Any = Photo._meta.get_field("picture")
    return FieldFile(Photo(), field, name)


def rendered(tag: str, **context: Any) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(ENGINE.from_string(f"{{% load pixstore %}}{{% {tag} %}}").render(Context(context))).found


def request_of(page: SealedPage | None) -> HttpRequest:
    headers = [(b"cookie", "=".join(cookie).encode()) for cookie in page.cookies.items()] if page else []
    return ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": headers}, io.BytesIO())


def test_a_picture_without_a_record_is_rendered_by_its_id() -> None:
    """An id, a field's value and a plain record give the id. An empty field gives nothing."""
    record = ImageRecord(id="photos:abc", token=1, meta={"key": "k", "iv": "i", "tag": "t"}, statelessProof="p")
    for value in ("photos:abc", file_of("photos:abc"), record, dict(record)):
        assert rendered("pix_image value width=160", value=value) == [
            ("pix-image", {"src-id": "photos:abc", "alt": "", "width": "160"})
        ]
    for empty in ("", None, file_of("")):
        assert rendered("pix_image value", value=empty) == []


def test_a_plain_img_has_an_address() -> None:
    """The tag gives the address that the service worker answers, and nothing for an empty field."""
    for value in ("photos:abc", file_of("photos:abc")):
        template = ENGINE.from_string("{% load pixstore %}{% pix_image_url value %}")
        assert template.render(Context({"value": value})) == "/pixstore-image/-/image/photos:abc"
    assert template.render(Context({"value": file_of("")})) == ""


def test_a_row_is_no_picture() -> None:
    """A template that names the row in place of its field gets an error, and not a page without pictures."""
    with pytest.raises(InputError, match="not Photo: name the field"):
        rendered("pix_image value", value=Photo())


def test_hostile_texts_stay_in_their_attributes() -> None:
    """Titles and ids are escaped, and an underscore in a name becomes a hyphen."""
    assert rendered("pix_image id alt=title data_title=title class='wide' id=none", id=HOSTILE, title=HOSTILE) == [
        ("pix-image", {"src-id": HOSTILE, "alt": HOSTILE, "data-title": HOSTILE, "class": "wide", "id": ""})
    ]


def test_a_page_that_sent_its_key_gets_sealed_records() -> None:
    """The records of all pictures come by one call, and only their page can open them. Without a key there are none."""
    pixstore, page = MemoryPixstore(records="sealed"), SealedPage()
    with override_settings(PIXSTORE=pixstore):
        saved = pixstore.run(pixstore.save_image(picture()))
        assert page_records(request_of(None), [saved.id]) == {}
        records = page_records(request_of(page), [saved.id, "", Photo().picture])
    ((_, attributes),) = rendered("pix_image id", id=saved.id, pixstore_records=records)
    assert page.open(ImageRecord.parse(json.loads(attributes["record"] or ""))).id == saved.id
    assert "src-id" not in attributes


class UnreadNonce(str):
    """A nonce that is false, as that of Django is until its text is read."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize(
    "context", [{"csp_nonce": UnreadNonce("abc")}, {"request": type("Request", (), {"csp_nonce": "abc"})()}]
)
def test_the_scripts_have_the_nonce_of_the_page(context: dict[str, Any]) -> None:
    """Django 6 puts it into the context, django-csp into the request."""
    assert rendered("pixstore_scripts", **context) == [
        ("script", {"type": "module", "src": url, "nonce": "abc"}) for url in script_urls()
    ]
    assert "nonce" not in rendered("pixstore_scripts")[0][1]


class PhotoForm(forms.Form):
    picture = forms.ImageField(widget=PictureInput, required=False)


def test_the_input_shows_the_current_picture() -> None:
    """A form for a row with a picture shows it. An empty form, and one with a new upload, show none."""
    current = file_of("photos:abc")
    form = PhotoForm(initial={"picture": current})
    assert ("pix-image", {"src-id": "photos:abc", "alt": "Currently", "width": "160"}) in Elements(form.as_p()).found
    assert [tag for tag, _ in Elements(str(form.media)).found] == ["script", "script"]
    uploaded: Any = {"picture": ContentFile(b"", "new.png")}
    for other in (PhotoForm(), PhotoForm({}, uploaded)):
        assert "pix-image" not in other.as_p()


def test_the_admin_shows_pictures() -> None:
    """The mixin gives each ImageField the input, and the list its scripts. The column shows the picture of a row."""

    class PhotoAdmin(PictureAdminMixin, ModelAdmin):  # type: ignore[type-arg]
        list_display = ("title", picture_column("picture"))

    shown: Any = PhotoAdmin(Photo, AdminSite())
    field: Any = Photo._meta.get_field("picture")
    assert isinstance(shown.formfield_for_dbfield(field, None).widget, PictureInput)
    assert script_urls()[0] in str(shown.media)
    column = shown.list_display[1]
    assert column.short_description == "Picture"
    row = Photo(title='The "Alps"', picture="photos:abc", width=1, height=1)
    ((_, attributes),) = Elements(column(row)).found
    assert (attributes["alt"], attributes["width"]) == (str(row), "80")


def test_the_input_shows_no_picture_of_another_storage() -> None:
    """A plain ImageField, as during a move, keeps Django's link to its file."""
    field: Any = models.ImageField()
    file = FieldFile(Photo(), field, "old.jpg")
    assert not [name for name, _ in Elements(PictureInput().render("picture", file)).found if name == "pix-image"]
