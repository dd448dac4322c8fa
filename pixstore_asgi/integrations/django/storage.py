"""PixstoreStorage: a file storage of Django. Its files are the pictures of the setting PIXSTORE."""

import os
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from ...core.ids import checked_directory, is_served_id
from ...errors import InputError
from ...saving.save import new_id
from .page import VIEW_PATH, mount_url
from .setting import get_images


@deconstructible(path="pixstore_asgi.integrations.django.PixstoreStorage")
class PixstoreStorage(Storage):
    """A storage for FileField, ImageField and PictureField. The name of each file is the id of an image.

    The folder of a new name, which `upload_to` gives, becomes the directory of the id: its slashes become `-`. The rest
    of the name is not used. A file opens for reading only, and is decrypted in memory. `url` is the address of a page
    that shows the picture if the user may see it, never the picture itself.
    """

    limits: Mapping[str, Any] = {}  # the limits of a save, which a PictureField sets

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, because each image gets a new id.

        Raises:
            SuspiciousFileOperation: The id would be longer than `max_length`. 87 characters are always enough.
            FolderError: The folder of the name is no directory of ids. Django answers 400.
        """
        length = len(new_id(directory_of(name)))
        if max_length is not None and length > max_length:
            raise SuspiciousFileOperation(
                f"an image id in this directory has {length} characters: set max_length of the field to 87 or more, "
                f"not {max_length}"
            )
        return name

    def exists(self, name: str) -> bool:
        """Return whether there is an image with this id."""
        return get_images().image_exists(name)

    def delete(self, name: str) -> None:
        """Delete the image with this id, if there is one."""
        get_images().delete_image(name)

    def size(self, name: str) -> int:
        """Return the length of the decrypted image in bytes. The whole image is read.

        Raises:
            FileNotFoundError: There is no image with this id.
        """
        return self._open(name).size

    def url(self, name: str | None) -> str:
        """Return the path of a page that shows the image if the user may see it. An `<img>` can't show a page."""
        return f"{mount_url()}{VIEW_PATH}/{name}"

    def _save(self, name: str, content: "File[Any]") -> str:
        content.seek(0)
        return get_images().save_image(content, directory=directory_of(name), **self.limits).id

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if mode not in ("r", "rb"):
            raise ValueError(
                f"a picture opens for reading only: open {name!r:.80} with mode 'rb', and save it as a new file"
            )
        image = get_images().read_image(name) if is_served_id(name) else None
        if image is None:
            raise FileNotFoundError(f"there is no picture with the id {name!r:.80}")
        return ContentFile(image.data, name)


class FolderError(InputError, SuspiciousFileOperation):
    """The folder of a new picture is no directory of ids. Django answers 400, because the text may be a user's."""


def directory_of(name: str) -> str | None:
    """Return the directory of a new picture with this name. Raises FolderError if its folder is no directory of ids."""
    folder = os.path.dirname(name).strip("/")
    try:
        return checked_directory(folder.replace("/", "-")) if folder else None
    except InputError as error:
        raise FolderError(f"the folder of upload_to: {error}; build it from an id, not from a text of a user") from None
