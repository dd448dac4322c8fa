"""What a real application keeps in its own database: which pictures there are, and what they are called."""

from asyncio import Lock
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import anyio.to_thread

from .. import ImageNotFound, ImageRecord, Pixstore
from ..core.images import ImageInfo
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
    """The demo's pictures. Images of anyone else in the same store are neither shown nor changed.

    size: how many pictures a new gallery has, once all are painted.
    """

    def __init__(self, pix: Pixstore, size: int) -> None:
        self._pix = pix
        self._titles: dict[str, str] = {}
        self._newest_first: deque[str] = deque()
        self._to_paint = size
        self._painted = 0
        self._uploaded = 0

    async def begin(self) -> None:
        """Take up the pictures of an earlier run, else paint and save the first few."""
        await self._take_up()
        if self._titles:
            self._to_paint = 0
        else:
            for picture in (await anyio.to_thread.run_sync(pictures.seeds))[: self._to_paint]:
                await self._save_painted(picture)

    async def paint_the_rest(self, store_in_use: Lock) -> None:
        """Paint and save what a new gallery lacks, one picture after the other.

        store_in_use: held while one is saved.
        """
        while self._to_paint > 0:
            picture = await self._paint_another()
            async with store_in_use:
                await self._save_painted(picture)

    def listing(self) -> dict[str, object]:
        """Return id and title of every picture, the newest first, and how many are still to be painted; no record."""
        shown = [{"id": image_id, "title": self._titles[image_id]} for image_id in self._newest_first]
        return {"pictures": shown, "toPaint": self._to_paint}

    def known(self, image_ids: Sequence[str]) -> list[str]:
        """Return those of some ids that are of pictures in this gallery, each once."""
        return [image_id for image_id in dict.fromkeys(image_ids) if image_id in self._titles]

    async def entries(self, image_ids: Sequence[str]) -> list[Entry]:
        """Return those of some pictures that there are, each with a fresh record, by one query."""
        wanted = self.known(image_ids)
        records = await self._pix.get_image_records(wanted)
        return [Entry(self._titles[image_id], records[image_id]) for image_id in wanted if image_id in records]

    async def add(self, data: AsyncIterator[bytes]) -> Entry:
        """Save an upload while it arrives. Raises InvalidImage or ImageTooLarge."""
        record = await self._pix.save_image(data, directory=_DIRECTORY)
        self._uploaded += 1
        title = _TITLE_OF_UPLOAD if self._uploaded == 1 else f"{_TITLE_OF_UPLOAD} {self._uploaded}"
        self._titles[record.id] = title
        self._newest_first.appendleft(record.id)
        return Entry(title, record)

    async def replace(self, image_id: str) -> Entry:
        """Replace a picture by a new one of ours. Raises ImageNotFound."""
        self._check(image_id)
        picture = await self._paint_another()
        record = await self._pix.update_image(image_id, picture.data)
        self._titles[image_id] = picture.title
        return Entry(picture.title, record)

    async def remove(self, image_id: str) -> None:
        """Delete a picture. Raises ImageNotFound."""
        self._check(image_id)
        await self._pix.delete_image(image_id)
        if self._titles.pop(image_id, None) is not None:
            self._newest_first.remove(image_id)

    async def _paint_another(self) -> pictures.Picture:
        number, self._painted = self._painted, self._painted + 1
        return await anyio.to_thread.run_sync(pictures.another, number)

    async def _save_painted(self, picture: pictures.Picture) -> None:
        record = await self._pix.save_image(picture.data, directory=_DIRECTORY)
        self._titles[record.id] = picture.title
        self._newest_first.append(record.id)
        self._to_paint -= 1

    async def _take_up(self) -> None:
        found = list[ImageInfo]()
        while page := await self._pix.list_images(directory=_DIRECTORY, after=found[-1].id if found else None):
            found += page
        found.sort(key=lambda image: image.token, reverse=True)
        for number, image in enumerate(found, start=1):
            self._titles[image.id] = f"{_TITLE_FROM_EARLIER_RUN}, {number}"
            self._newest_first.append(image.id)

    def _check(self, image_id: str) -> None:
        if image_id not in self._titles:
            raise ImageNotFound(f"there is no picture {image_id} in this gallery (any more)")
