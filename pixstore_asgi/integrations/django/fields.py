"""PictureField: an ImageField whose pictures are saved, replaced and deleted together with their rows."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db.models import F, ImageField, Model, QuerySet
from django.db.models.fields.files import ImageFieldFile, ImageFileDescriptor

from ...core.formats import SNIFF_BYTES, sniff
from ...core.ids import is_image_id
from ...errors import InputError, InvalidImage
from ...pixstore import parts_of
from ...store.contract import CHUNK_BYTES
from ..directories import Directories
from .lifecycle import check_named, note_candidate, save_in_transaction, saving_of
from .setting import get_pixstore
from .storage import PixstoreStorage

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
    _read: str | None = None  # the name that was read from the row. None: the application has assigned it
    _saved: str | None = None  # the name of the new picture that was saved by this object
    _is_saved_now: bool | None = None  # whether it is saved by the save of the row that runs. None: no such save

    def __init__(self, instance: Model, field: Any, name: str | None) -> None:
        super().__init__(instance, field, name)
        self._read = None if instance is None or instance._state.adding else name or ""

    def save(self, name: str, content: "File[Any]", save: bool = True) -> None:
        """Save a new picture. A rollback of the save of the row deletes it.

        Args:
            name: The name of the file. Only its folder is used.
            content: The file.
            save: Whether to save the row too.
        """
        assert isinstance(self.field, PictureField)
        self.storage = self.field.storage_for(self.instance)
        super().save(name, content, save=False)
        for each in (self, getattr(self.instance, self.field.attname)):  # `super` leaves a text, which becomes another
            each._saved, each._read = self.name, None
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
        super().__set__(instance, value)
        saving = saving_of(instance)
        if instance._state.adding or (saving and self.field.attname in saving.unchanged):
            return  # Django 6 reads the value of F back from the row
        if value is None or isinstance(value, str):
            getattr(instance, self.field.attname)._read = None  # a PictureFile replaces the text
        elif isinstance(value, PictureFile) and (value.field is not self.field or value.instance.pk != instance.pk):
            value._read = None  # `refresh_from_db` assigns one of the same row


class PictureField(ImageField):
    """An ImageField whose pictures are in the setting PIXSTORE, and are saved, replaced and deleted with their rows.

    Forms, the admin and serializers treat it as an ImageField. They refuse files that the Pixstore does not accept.

    - If a picture is replaced or removed, or its row is deleted, it is deleted after the commit.
    - If the transaction that saves a picture is rolled back, the picture is deleted at the end of the request.
    - Rows may share a picture. A row that names a deleted picture is refused, and so is a name that is no id of the
      field's directories.

    Before each deletion a query looks for rows of the same database that name the picture, in a PictureField, an
    ImageField or a field of the setting PIXSTORE_ALSO. Give the field an index, which this query needs. If it is not
    certain that no row names the picture, the picture stays, and `manage.py pixstore_unnamed` finds it: after
    `QuerySet.update`, a kill, a failed commit, and on databases other than PostgreSQL and SQLite.

    Args:
        verbose_name: As in ImageField, and so are all others. There is no `storage`.
        max_directory_bytes: As in `Pixstore.save_image`, or a function that returns it for an instance of the model.
        max_directory_images: The same for the number of images, without variants.
        directories: The directories of the field's pictures, besides those of `upload_to`. `user-*` stands for all that
            begin with "user-". If `upload_to` is a function and this argument is missing, the field leaves replaced
            and removed pictures.
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
        directories: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(verbose_name, **{**kwargs, "storage": PixstoreStorage()})
        own = () if callable(self.upload_to) else (_pattern_of(str(self.upload_to)),)
        self.directories = Directories((*directories, *own)) if directories or own else None
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

    def contribute_to_class(self, cls: type[Model], name: str, *args: Any, **kwargs: Any) -> None:
        """Let each save of the model run in a transaction."""
        super().contribute_to_class(cls, name, *args, **kwargs)
        if not cls._meta.abstract:
            cls.save_base = save_in_transaction(cls.save_base)  # type: ignore[method-assign]

    def holds(self, image_id: str) -> bool:
        """Return whether the field deletes pictures of this directory."""
        return self.directories is not None and self.directories.hold(image_id)

    def pre_save(self, model_instance: Model, add: bool) -> Any:
        """Save a new picture before its row. Leave the row's picture if the instance has not changed its own.

        Another request may have replaced it meanwhile, and deleted the picture that this instance names.
        """
        saving = saving_of(model_instance)
        if add or saving is None:
            return self._saved(model_instance, add)
        if not self._is_unchanged(model_instance, saving.using):
            file, stored = self._saved(model_instance, add), self._stored(model_instance, saving.using)
            if (stored or "") != (file.name or ""):
                if stored and self.holds(stored):
                    note_candidate(saving.using, self, stored, is_new=False)
                return file
        saving.unchanged.add(self.attname)
        return F(self.attname)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Refuse a picture that was not saved, and a text that is no id of the field's directories.

        Raises:
            InputError: The value is refused.
            ImageNotFound: There is no such picture.
        """
        if value and not hasattr(value, "resolve_expression"):
            self._check(value, connection.alias)
        return super().get_db_prep_save(value, connection)

    def _check(self, value: Any, using: str) -> None:
        picture, name = value if isinstance(value, PictureFile) else None, str(value)
        if picture and picture._is_saved_now is None and picture.instance._state.adding:
            return  # of a fixture, which may be loaded before its pictures
        if isinstance(value, File) and not (picture and picture._committed):
            raise InputError(
                f"the file of {self} is not saved: assign it to an instance and call save(), because update() and "
                "bulk_update() save no pictures"
            )
        is_own = picture is not None and name in (picture._read, picture._saved)
        if not is_own and not (is_image_id(name) and (self.directories is None or self.directories.hold(name))):
            raise InputError(
                f"{self} takes pictures of its directories ({self.directories or 'any'}), not {name!r:.80}: assign a "
                "file to save it, or list the directory in PictureField(directories=…)"
            )
        if picture and picture._saved == name:
            note_candidate(using, self, name, is_new=True)
        if is_image_id(name) and not (picture and picture._is_saved_now):
            check_named(using, self, name)

    def _saved(self, instance: Model, add: bool) -> PictureFile:
        """Return the instance's picture, which is saved now if it is a new one."""
        file: PictureFile = getattr(instance, self.attname)
        is_saved_now = bool(file) and not file._committed
        super().pre_save(instance, add)
        file._is_saved_now = is_saved_now
        return file

    def _stored(self, instance: Model, using: str) -> str | None:
        """Return the picture that the row names now, and lock the row."""
        key = self.model._meta.pk
        rows: QuerySet[Model] = QuerySet(self.model, using=using).filter(pk=getattr(instance, key.attname))
        stored: str | None = rows.select_for_update().values_list(self.attname, flat=True).first()
        return stored

    def _is_unchanged(self, instance: Model, using: str) -> bool:
        """Return whether the instance still has the picture that was read from the row that is saved."""
        if instance._state.adding or instance._state.db != using:
            return False
        value = instance.__dict__.get(self.attname)
        return not isinstance(value, File) or (
            isinstance(value, PictureFile) and value._committed and (value.name or "") == value._read
        )


def before_delete(columns: Sequence[PictureField], *, instance: Model, using: str, **_: object) -> None:
    """Delete the pictures of a row after the commit of its removal. A receiver of pre_delete."""
    for column in columns:
        if (name := getattr(instance, column.attname).name) and column.holds(name):
            note_candidate(using, column, name, is_new=False)


def _pattern_of(upload_to: str) -> str | None:
    """Return the directory, or the pattern of the directories, of all pictures with this `upload_to`."""
    head, sign, _ = upload_to.lstrip("/").partition("%")
    return f"{head.replace('/', '-')}*" if sign else head.strip("/").replace("/", "-") or None
