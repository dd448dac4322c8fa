"""What a real application keeps in its own database: which pictures there are, and what they are called."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio.to_thread

from .. import ImageNotFound, ImageRecord, Pixstore
from ..store.base import ImageStore
from . import pictures

_DIRECTORY = "demo"
_TITLE_OF_UPLOAD = "Your picture"
_TITLE_FROM_EARLIER_RUN = "Picture of an earlier run"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture as the page gets it; it carries a record: send it with `Cache-Control: no-store`."""

    title: str
    record: ImageRecord

    def as_json(self) -> dict[str, object]:
        return {"title": self.title, "record": self.record}


class Gallery:
    """The demo's pictures. Images of anyone else in the same store are neither shown nor changed."""

    def __init__(self, pix: Pixstore) -> None:
        self._pix = pix
        self._titles: dict[str, str] = {}
        self._painted = 0

    async def fill(self, store: ImageStore | None) -> None:
        """Take up the pictures of an earlier run that are in `store`, else paint and save a few."""
        if store is not None:
            await self._take_up(store)
        if not self._titles:
            for picture in reversed(await anyio.to_thread.run_sync(pictures.seeds)):
                record = await self._pix.save_image(picture.data, directory=_DIRECTORY)
                self._titles[record.id] = picture.title

    async def entries(self) -> list[Entry]:
        """Return every picture with a fresh record, the newest first."""
        records = await self._pix.get_image_records(self._titles)
        newest_first = reversed(self._titles.items())
        return [Entry(title, records[image_id]) for image_id, title in newest_first if image_id in records]

    async def entry(self, image_id: str) -> Entry:
        """Return one picture with a fresh record. Raises ImageNotFound."""
        title = self._title(image_id)
        record = await self._pix.get_image_record(image_id)
        if record is None:
            raise _not_found(image_id)
        return Entry(title, record)

    async def add(self, data: AsyncIterator[bytes]) -> Entry:
        """Save an upload while it arrives. Raises InvalidImage or ImageTooLarge."""
        record = await self._pix.save_image(data, directory=_DIRECTORY)
        self._titles[record.id] = _TITLE_OF_UPLOAD
        return Entry(_TITLE_OF_UPLOAD, record)

    async def replace(self, image_id: str) -> Entry:
        """Replace a picture by a new one of ours. Raises ImageNotFound."""
        self._title(image_id)
        picture = await anyio.to_thread.run_sync(pictures.another, self._painted)
        self._painted += 1
        record = await self._pix.update_image(image_id, picture.data)
        self._titles[image_id] = picture.title
        return Entry(picture.title, record)

    async def remove(self, image_id: str) -> None:
        """Delete a picture. Raises ImageNotFound."""
        self._title(image_id)
        await self._pix.delete_image(image_id)
        self._titles.pop(image_id, None)

    async def _take_up(self, store: ImageStore) -> None:
        prefix = f"{_DIRECTORY}:"
        found, last = [], prefix
        while page := await store.list(after=last):
            found += [image for image in page if image.id.startswith(prefix)]
            last = page[-1].id
            if not last.startswith(prefix):
                break
        found.sort(key=lambda image: image.token)
        self._titles = {image.id: _TITLE_FROM_EARLIER_RUN for image in found}

    def _title(self, image_id: str) -> str:
        try:
            return self._titles[image_id]
        except KeyError:
            raise _not_found(image_id) from None


def _not_found(image_id: str) -> ImageNotFound:
    return ImageNotFound(f"there is no picture {image_id} in this gallery (any more)")
