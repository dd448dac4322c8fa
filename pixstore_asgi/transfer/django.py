"""Moves the plain files of a Django model's old field into its PictureField."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import SuspiciousFileOperation
from django.db import transaction
from django.db.models import Q

from ..decoding.pool import DecodingKilled
from ..errors import InputError, InvalidImage, StoreConflict
from ..integrations.django.setting import get_images
from ..integrations.django.storage import directory_of
from ..pixstore import parts_of
from .steps import printable, quoted
from .sync import import_plain_image

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

_REFUSALS = (InputError, InvalidImage, StoreConflict, DecodingKilled, OSError, SuspiciousFileOperation)


def fill_pictures(rows: "QuerySet[Any]", source: str, target: str, *, restore_deleted: bool = False) -> None:
    """Save the files of an old field as pictures of a PictureField, in a migration. Rows with a picture stay.

    A file gets the id that `pixstore-asgi import files MEDIA_ROOT` gives it with the same directory, so a file that was
    imported before is only compared. Prints each file that is refused, with the reason. Its row has no picture then.

    Args:
        rows: The rows, such as `apps.get_model("blog", "Post").objects.all()`.
        source: The name of the old ImageField or FileField, on any storage.
        target: The name of the PictureField. The folder of its `upload_to` becomes the directory.
        restore_deleted: Save pictures again that were deleted in the store since an earlier import.

    Raises:
        InputError: All files were refused, as with a wrong MEDIA_ROOT.
        StoreError: The store failed.
    """
    filled, refused = 0, 0
    for row in rows.filter(Q(**{target: ""}) | Q(**{f"{target}__isnull": True})).iterator():
        if not (file := getattr(row, source)):
            continue
        try:
            image_id = _imported(row, file, target, restore_deleted)
        except _REFUSALS as error:
            refused += 1
            print(f"{quoted(file.name)}  {printable(error)}")  # noqa: T201  as `migrate` does
        else:
            with transaction.atomic(rows.db):
                filled += rows.filter(pk=row.pk).update(**{target: image_id})
    if refused and not filled:
        raise InputError(f"no file of the field {source} can be saved: see the {refused} reasons above, and MEDIA_ROOT")


def _imported(row: "Model", file: Any, target: str, restore_deleted: bool) -> str:
    images, field = get_images(), row._meta.get_field(target)
    with file.open("rb"):
        data = file.read(parts_of(images.pixstore).options.limits.max_bytes + 1)
    return import_plain_image(
        images,
        file.name,
        data,
        directory=directory_of(field.generate_filename(row, "picture")),  # type: ignore[union-attr]  # a FileField
        modified_ms=int(file.storage.get_modified_time(file.name).timestamp() * 1000),
        update=True,
        restore_deleted=restore_deleted,
    )
