"""Django: ImageField, model forms and migrations on PixstoreStorage."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.handlers.exception import response_for_exception
from django.db import connection
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test import RequestFactory
from django.test.utils import override_settings
from django.utils.datastructures import MultiValueDict
from PIL import Image

from pixstore_asgi.errors import InputError
from pixstore_asgi.integrations.django import PixstoreStorage
from pixstore_asgi.testing import SAMPLES, MemoryPixstore
from tests.support.django_setup import configure_django

configure_django()

from tests.integrations.django_app.models import Photo  # noqa: E402  after Django is set up


@pytest.fixture(autouse=True)
def pix() -> Iterator[MemoryPixstore]:
    pixstore = MemoryPixstore()
    with override_settings(PIXSTORE=pixstore):
        with connection.schema_editor() as editor:
            editor.create_model(Photo)
        yield pixstore
        with connection.schema_editor() as editor:
            editor.delete_model(Photo)


def png(name: str = "sea.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, SAMPLES["png"], "image/png")


def files_of(file: "UploadedFile[bytes]") -> "MultiValueDict[str, UploadedFile[bytes]]":
    return MultiValueDict({"picture": [file]})


def test_a_model_form_saves_an_encrypted_picture(pix: MemoryPixstore) -> None:
    """The column has the image's id, in the directory of upload_to; the file of the field is the decrypted picture."""
    form = modelform_factory(Photo, fields=["title", "picture"])({"title": "Sea"}, files_of(png("../../sea.png")))
    assert form.is_valid(), form.errors
    form.save()
    photo = Photo.objects.get()
    assert photo.picture.name
    assert re.fullmatch(r"photos-20\d\d:[\w-]{22}", photo.picture.name)
    stored = pix.run(pix.read_image(photo.picture.name))
    assert stored
    assert stored.data == SAMPLES["png"]
    with photo.picture.open() as file:
        assert file.read() == SAMPLES["png"]
        assert Image.open(file).size == (photo.width, photo.height) == (photo.picture.width, photo.picture.height)
    assert photo.picture.size == len(SAMPLES["png"])
    assert photo.picture.url == f"/pixstore-image/-/view/{photo.picture.name}"
    photo.picture.delete()
    assert pix.run(pix.list_images()) == []
    assert not Photo.objects.get().picture


def test_dimensions_are_read_from_the_store() -> None:
    """A row without dimensions gets them from the decrypted picture."""
    Photo.objects.create(title="Sea", picture=png())
    Photo.objects.update(width=None)
    assert Photo.objects.get().width == Image.open(io.BytesIO(SAMPLES["png"])).width


def test_files_that_are_no_uploads(tmp_path: Path) -> None:
    """A file of the disk, and bytes in memory, are saved as well."""
    (tmp_path / "sea.png").write_bytes(SAMPLES["png"])
    storage = PixstoreStorage()
    with (tmp_path / "sea.png").open("rb") as file:
        names = [storage.save("sea.png", File(file)), storage.save("a/b/sea.png", ContentFile(SAMPLES["png"]))]
    assert [name.count(":") for name in names] == [0, 1]
    assert names[1].startswith("a-b:")
    for name in names:
        assert storage.exists(name)
        assert storage.open(name).read() == SAMPLES["png"]
        storage.delete(name)
        storage.delete(name)
        assert not storage.exists(name)


def test_a_missing_picture_is_a_missing_file() -> None:
    """Reading raises FileNotFoundError, as Django's own storages do, also for names that are no ids."""
    storage = PixstoreStorage()
    for name in ("photos:gone", "photos/gone.png", "é"):
        assert not storage.exists(name)
        storage.delete(name)
        with pytest.raises(FileNotFoundError, match="there is no picture with the id"):
            storage.open(name)
    with pytest.raises(ValueError, match="reading only"):
        storage.open("photos:gone", "wb")


def test_ids_fit_the_column() -> None:
    """The longest id has 87 characters, fewer than Django's default of max_length; a shorter column is an error."""
    storage = PixstoreStorage()
    name = f"{'d' * 64}/sea.png"
    assert len(storage.save(name, png(), max_length=100)) == 87
    with pytest.raises(SuspiciousFileOperation, match="has 87 characters"):
        storage.save(name, png(), max_length=86)
    with pytest.raises(InputError, match="directory must be 1 to 64"):
        storage.save(f"{'d' * 65}/sea.png", png())


def test_a_folder_of_a_users_text_is_a_bad_request() -> None:
    """Django answers 400, not 500, if upload_to makes a folder of a text that is no directory of ids."""
    with pytest.raises(SuspiciousFileOperation, match="folder of upload_to: directory must be 1 to 64") as caught:
        PixstoreStorage().save("Åsa Müller/sea.png", png())
    with override_settings(ROOT_URLCONF=()):
        assert response_for_exception(RequestFactory().post("/"), caught.value).status_code == 400


def test_migrations_and_settings_name_the_storage() -> None:
    """A migration contains the public import path, and STORAGES takes it."""
    written, imports = MigrationWriter.serialize(Photo._meta.get_field("picture"))
    assert "storage=pixstore_asgi.integrations.django.PixstoreStorage()" in written
    assert "import pixstore_asgi.integrations.django" in imports
    with override_settings(STORAGES={"pictures": {"BACKEND": "pixstore_asgi.integrations.django.PixstoreStorage"}}):
        assert isinstance(storages["pictures"], PixstoreStorage)
