"""PictureField: an ImageField whose pictures are saved, replaced and deleted together with their rows."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import F, ImageField, Model
from django.db.models.fields.files import ImageFieldFile, ImageFileDescriptor

from ...core.formats import SNIFF_BYTES, sniff
from ...errors import ImageNotFound, InvalidImage
from ...pixstore import parts_of
from ...store.contract import CHUNK_BYTES
from .lifecycle import UncommittedPicture, note_replaced, note_writing, pictures_of
from .setting import get_images, get_pixstore
from .storage import PixstoreStorage

if TYPE_CHECKING:
    from django.core.files.base import File


Limit = int | Callable[[Any], int | None] | None
"""A limit of the directory of a picture: a constant, or a function of the instance."""


def validate_picture(value: "File[Any]") -> None:
    """Refuse a new file that the Pixstore would not accept: another format, a damaged container, too many bytes.

    Raises:
        ValidationError: The file is not accepted.
    """
    if getattr(value, "_committed", False):
        return
    options = parts_of(get_pixstore()).options
    if value.size > options.limits.max_bytes:
        raise ValidationError(f"The picture is larger than {options.limits.max_bytes} bytes.", code="too_large")
    value.seek(0)
    try:
        reader = sniff(value.read(SNIFF_BYTES), options.formats)
        value.seek(0)
        while piece := value.read(CHUNK_BYTES):  # `chunks` of a file in memory is one copy of it
            for _ in reader.feed(piece):
                pass
        reader.finish()
    except InvalidImage as error:
        raise ValidationError(str(error), code="refused") from None  # forms have a text of their own for invalid_image
    finally:
        value.seek(0)


class PictureFile(ImageFieldFile):
    """The value of a PictureField. It is deleted and replaced together with its row."""

    _committed: bool

    def save(self, name: str, content: "File[Any]", save: bool = True) -> None:
        """Save a new picture. A rollback of the save of the row deletes it.

        Args:
            name: The name of the file. Only its folder is used.
            content: The file.
            save: Whether to save the row too.
        """
        if self._committed:
            note_replaced(self.instance, self.field, self.name)
            self._committed = False
        assert isinstance(self.field, PictureField)
        self.storage = self.field.storage_for(self.instance)
        super().save(name, content, save=False)
        getattr(self.instance, self.field.attname)  # marks the value as changed, because `super` leaves a text
        instance, source = weakref.ref(self.instance), weakref.ref(content)
        new = UncommittedPicture(instance, self.field, str(self.name), name, source, get_images())
        pictures_of(self.instance).saved.append(new)
        if save:
            self.instance.save()

    def delete(self, save: bool = True) -> None:
        """Remove the picture from the row. It is deleted after the commit of the row.

        Args:
            save: Whether to save the row.
        """
        if not self:
            return
        self.close()
        setattr(self.instance, self.field.attname, None)
        if save:
            self.instance.save()


class _Descriptor(ImageFileDescriptor):
    def __set__(self, instance: Model, value: Any) -> None:
        previous = instance.__dict__.get(self.field.attname)
        if previous is not None and str(previous) != str(value or ""):
            note_replaced(instance, self.field, previous)
        super().__set__(instance, value)
        if isinstance(value, str) and not instance._state.adding:
            self.__get__(instance)  # marks the value as changed: a PictureFile replaces the text


class PictureField(ImageField):
    """An ImageField whose pictures are in the setting PIXSTORE, and are saved, replaced and deleted with their rows.

    Forms, the admin and serializers treat it as an ImageField. They refuse files that the Pixstore does not accept. If
    the transaction that saves a picture is rolled back, the picture is deleted at the end of the request or before the
    next save. If a picture is replaced or removed, or its row is deleted, it is deleted after the commit. No picture is
    deleted while a PictureField or ImageField of the same database has its id. The field leaves pictures of rows that
    were never saved, of bulk_create and of `QuerySet.update`: the command `manage.py pixstore_unnamed` deletes
    them.

    Args:
        verbose_name: As in ImageField, and so are all others. There is no `storage`.
        max_directory_bytes: As in `Pixstore.save_image`, or a function that returns it for an instance of the model.
        max_directory_images: The same for the number of images, without variants.
    """

    attr_class = PictureFile
    descriptor_class = _Descriptor
    default_validators = [validate_picture]  # noqa: RUF012  as in Django

    def __init__(
        self,
        verbose_name: Any = None,
        *,
        max_directory_bytes: Limit = None,
        max_directory_images: Limit = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(verbose_name, **{**kwargs, "storage": PixstoreStorage()})
        self._limits = {"max_directory_bytes": max_directory_bytes, "max_directory_images": max_directory_images}

    def storage_for(self, instance: Model) -> PixstoreStorage:
        """Return a storage that saves with the limits for this instance."""
        storage = PixstoreStorage()
        storage.limits = {name: each(instance) if callable(each) else each for name, each in self._limits.items()}
        return storage

    def deconstruct(self) -> Any:
        """Return the arguments of the field for a migration."""
        name, _, args, kwargs = super().deconstruct()
        del kwargs["storage"]
        return name, "pixstore_asgi.integrations.django.PictureField", args, kwargs

    def pre_save(self, model_instance: Model, add: bool) -> Any:
        """Save a new picture before its row. Leave the row's picture if the instance has not used it since it was read.

        Another request may have replaced it meanwhile, and deleted the picture that this instance names.

        Raises:
            ImageNotFound: The picture of the instance was deleted after a rollback.
        """
        if not add and self._is_unchanged(model_instance):
            return F(self.attname)
        lost = pictures_of(model_instance).lost
        if lost and str(getattr(model_instance, self.attname)) in lost:
            raise ImageNotFound(
                f"the picture of {self.name} was deleted, because the transaction of its row was rolled back: assign "
                "the file again"
            )
        file = super().pre_save(model_instance, add)
        note_writing(model_instance, self)
        return file

    def _is_unchanged(self, instance: Model) -> bool:
        """Return whether the value is still the text that was read from the row that is saved."""
        is_its_row = not instance._state.adding and instance._state.db == pictures_of(instance).using
        return is_its_row and isinstance(instance.__dict__.get(self.attname), str)
