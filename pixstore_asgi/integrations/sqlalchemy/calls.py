"""Calls of a Pixstore from the events of a session, which are not async."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio.from_thread
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from ...core.images import ImageInfo
from ...pixstore import Pixstore


class Calls:
    def __init__(self, pix: Pixstore) -> None:
        self._pix = pix

    def save_image(self, data: Any, **options: Any) -> str:
        return str(self._run(partial(self._pix.save_image, data, **options)).id)

    def delete_image(self, image_id: str, **options: Any) -> bool:
        return bool(self._run(partial(self._pix.delete_image, image_id, **options)))

    def list_images(self, **options: Any) -> Sequence[ImageInfo]:
        images: Sequence[ImageInfo] = self._run(partial(self._pix.list_images, **options))
        return images

    def _run(self, call: Any) -> Any:
        if in_greenlet():
            return await_only(call())
        try:
            return anyio.from_thread.run(call)
        except RuntimeError:
            return asyncio.run(call())
