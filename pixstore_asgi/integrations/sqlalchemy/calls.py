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
        return str(self._call("save_image", data, **options).id)

    def image_exists(self, image_id: str, **options: Any) -> bool:
        """Return whether there is a picture with this id."""
        return bool(self._call("image_exists", image_id, **options))

    def delete_image(self, image_id: str, **options: Any) -> None:
        """Delete a picture, if there is one."""
        self._call("delete_image", image_id, **options)

    def list_images(self, **options: Any) -> Sequence[ImageInfo]:
        """List a page of pictures."""
        images: Sequence[ImageInfo] = self._call("list_images", **options)
        return images

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        if in_greenlet():
            return await_only(getattr(self._pix, name)(*args, **options))
        return getattr(self._sync, name)(*args, **options)
