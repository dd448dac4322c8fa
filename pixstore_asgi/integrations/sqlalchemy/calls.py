"""Calls of a Pixstore from the events of a session, which are not async in an AsyncSession either."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from ...core.images import ImageInfo
from ...pixstore import Pixstore
from ...sync import SyncPixstore


class Calls:
    """Some methods of a Pixstore. In an AsyncSession they are awaited in its event loop, otherwise the thread waits."""

    def __init__(self, pix: Pixstore) -> None:
        self._pix = pix
        self._sync = SyncPixstore(pix)

    def save_image(self, data: Any, **options: Any) -> str:
        """Save a picture and return its id."""
        if in_greenlet():
            return await_only(self._pix.save_image(data, **options)).id
        return self._sync.save_image(data, **options).id

    def delete_image(self, image_id: str, **options: Any) -> None:
        """Delete a picture, if there is one."""
        if in_greenlet():
            await_only(self._pix.delete_image(image_id, **options))
        else:
            self._sync.delete_image(image_id, **options)

    def list_images(self, **options: Any) -> Sequence[ImageInfo]:
        """List a page of pictures."""
        if in_greenlet():
            return await_only(self._pix.list_images(**options))
        return self._sync.list_images(**options)
