"""Imports plain pictures in code that is not async, such as a script that walks a table of Django or SQLModel."""

import os

from ..saving.source import viewed
from ..sync import SyncPixstore
from ..sync.calls import Call
from . import plain_image


def import_plain_image(
    images: SyncPixstore,
    name: str,
    data: bytes,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    modified_ms: int = 1,
    update: bool = False,
    restore_deleted: bool = False,
) -> str:
    """Save a plain picture as `pixstore_asgi.transfer.import_plain_image` does, with the same arguments and errors.

    Args:
        images: The application's SyncPixstore.
        name: As there.
        data: As there.
        image_id: As there.
        directory: As there.
        modified_ms: As there.
        update: As there.
        restore_deleted: As there.

    Returns:
        The id.
    """
    data = viewed(data)
    return Call[str]().run(
        plain_image.import_plain_image(
            images.pixstore,
            name,
            data,
            image_id=image_id,
            directory=directory,
            modified_ms=modified_ms,
            update=update,
            restore_deleted=restore_deleted,
        )
    )


def import_plain_file(
    images: SyncPixstore,
    folder: str | os.PathLike[str],
    name: str,
    *,
    image_id: str | None = None,
    directory: str | None = None,
    update: bool = False,
    restore_deleted: bool = False,
) -> str:
    """Save a plain file as `pixstore_asgi.transfer.import_plain_file` does, with the same arguments and errors.

    Args:
        images: The application's SyncPixstore.
        folder: As there.
        name: As there.
        image_id: As there.
        directory: As there.
        update: As there.
        restore_deleted: As there.

    Returns:
        The id.
    """
    return Call[str]().run(
        plain_image.import_plain_file(
            images.pixstore,
            folder,
            name,
            image_id=image_id,
            directory=directory,
            update=update,
            restore_deleted=restore_deleted,
        )
    )
