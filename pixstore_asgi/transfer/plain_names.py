"""Names of plain files: their ids, and their paths below a folder."""

import base64
import hashlib

from ..core.ids import checked_directory
from ..errors import InputError
from .folder import FilePath

_HASH_BYTES = 16  # 22 characters of an id


def plain_image_id(name: str, directory: str | None = None) -> str:
    """Return the id that an import gives to the plain file of this name. It is the same in every store.

    The id is the first half of the name's SHA-256, so a person who guesses a name can check the guess.

    Args:
        name: The path of the file below the folder, or the key of the object below the prefix: `avatars/ada.png`.
        directory: The directory of the id, as in `save_image`.

    Raises:
        InputError: The name or the directory is invalid.
    """
    file_path(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:_HASH_BYTES]
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return text if directory is None else f"{checked_directory(directory)}:{text}"


def file_path(name: str) -> FilePath:
    """Return the path of a name. Raises InputError if it leads out of its folder, or can't be a file's name."""
    parts = tuple(name.split("/"))
    if not {"", ".", ".."}.isdisjoint(parts) or "\0" in name or not _is_encodable(name):
        raise InputError("its name must be a path below the folder, such as avatars/ada.png, without ., .. and //")
    return parts


def _is_encodable(name: str) -> bool:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
