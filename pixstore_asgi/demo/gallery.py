"""The list of pictures and their titles. A real application keeps such a list in its own database."""

from asyncio import Lock, create_task, gather
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Self

import anyio.to_thread

from .. import ImageNotFound, ImageRecord, Pixstore
from ..core.ids import original_of
from ..core.images import ImageInfo
from ..core.recipient import Recipient
from ..saving.source import ImageData
from . import pictures

_DIRECTORY = "demo"
_TITLE_OF_UPLOAD = "Your picture"
_TITLE_FROM_EARLIER_RUN = "Picture of an earlier run"


@dataclass(frozen=True, slots=True)
class Card:
    """The application's data about a picture: its title and its size.

    bytes: length of the original as stored. width, height: in pixels, or None if the picture was saved before these
    fields existed.
    """

    title: str
    bytes: int
    width: int | None
    height: int | None

    @classmethod
    def of(cls, title: str, size: int, record: ImageRecord | None) -> Self:
        return cls(title, size, record.width if record else None, record.height if record else None)


class Gallery:
    """The demo's pictures. It neither shows nor changes other images in the same store.

    size: how many pictures a new gallery has after all are painted.
    """

    def __init__(self, pix: Pixstore, size: int) -> None:
        self._pix = pix
        self._cards: dict[str, Card] = {}
        self._newest_first: deque[str] = deque()
        self._to_paint = size
        self._painted = 0
        self._uploaded = 0

    async def begin(self) -> None:
        """Show the pictures of an earlier run. If there are none, paint and save the first few pictures."""
        await self._take_up()
        if self._cards:
            self._to_paint = 0
        else:
            await self._paint_the_first()

    async def paint_the_rest(self, store_in_use: Lock) -> None:
        """Paint and save the missing pictures of a new gallery, one after another.

        store_in_use: a lock that is held while a picture is saved.
        """
        while self._to_paint > 0:
            picture = await self._paint_another()
            async with store_in_use:
                await self._save_painted(picture)

    def listing(self) -> dict[str, object]:
        """Return the card of every picture, newest first, and how many pictures are still to be painted. It contains
        no records.
        """
        shown = [{"id": image_id, **asdict(self._cards[image_id])} for image_id in self._newest_first]
        return {"pictures": shown, "toPaint": self._to_paint}

    def known(self, image_ids: Sequence[str]) -> list[str]:
        """Return the ids of this gallery's pictures and variants among these ids, each once."""
        return [image_id for image_id in dict.fromkeys(image_ids) if original_of(image_id) in self._cards]

    async def with_records(self, image_ids: Sequence[str], recipient: Recipient | None) -> list[dict[str, object]]:
        """Return the existing pictures among these ids, each with a fresh record. It reads all records in one query.

        recipient: the page that the records are sealed to. None gives plain records. The same holds for the methods
        below.
        """
        wanted = self.known(image_ids)
        records = await self._pix.get_image_records(wanted, recipient=recipient)
        return [_with_record(self._cards[image_id], records[image_id]) for image_id in wanted if image_id in records]

    async def add(
        self, data: AsyncIterator[bytes], *, strip_metadata: bool, recipient: Recipient | None
    ) -> dict[str, object]:
        """Save an upload while it arrives. Raises InvalidImage or ImageTooLarge."""
        record, length = await self._save(data, strip_metadata=strip_metadata, recipient=recipient)
        self._uploaded += 1
        title = _TITLE_OF_UPLOAD if self._uploaded == 1 else f"{_TITLE_OF_UPLOAD} {self._uploaded}"
        picture = self._note(title, length, record)
        self._newest_first.appendleft(record.id)
        return picture

    async def replace(self, image_id: str, recipient: Recipient | None) -> dict[str, object]:
        """Replace a picture by a new one that the demo paints. Raises ImageNotFound."""
        self._check(image_id)
        picture, taken = await self._paint_another(), list[int]()
        record = await self._pix.update_image(image_id, picture.data, on_progress=taken.append, recipient=recipient)
        return self._note(picture.title, taken[-1], record)

    async def remove(self, image_id: str) -> None:
        """Delete a picture. Raises ImageNotFound."""
        self._check(image_id)
        await self._pix.delete_image(image_id)
        if self._cards.pop(image_id, None) is not None:
            self._newest_first.remove(image_id)

    async def _paint_the_first(self) -> None:
        """Paint each picture while the previous one is saved, because the page waits for them."""
        seeds, titles, saves = islice(pictures.seeds(), self._to_paint), [], []
        while picture := await anyio.to_thread.run_sync(next, seeds, None):
            titles.append(picture.title)
            saves.append(create_task(self._save(picture.data)))
        for title, (record, length) in zip(titles, await gather(*saves), strict=True):
            self._note_painted(title, length, record)

    async def _paint_another(self) -> pictures.Picture:
        number, self._painted = self._painted, self._painted + 1
        return await anyio.to_thread.run_sync(pictures.another, number)

    async def _save_painted(self, picture: pictures.Picture) -> None:
        record, length = await self._save(picture.data)
        self._note_painted(picture.title, length, record)

    def _note_painted(self, title: str, length: int, record: ImageRecord) -> None:
        self._note(title, length, record)
        self._newest_first.append(record.id)
        self._to_paint -= 1

    async def _save(
        self, data: ImageData, *, strip_metadata: bool | None = None, recipient: Recipient | None = None
    ) -> tuple[ImageRecord, int]:
        taken = list[int]()
        record = await self._pix.save_image(
            data,
            directory=_DIRECTORY,
            strip_metadata=strip_metadata,
            on_progress=taken.append,
            recipient=recipient,
        )
        return record, taken[-1]

    def _note(self, title: str, length: int, record: ImageRecord) -> dict[str, object]:
        card = self._cards[record.id] = Card.of(title, length, record)
        return _with_record(card, record)

    async def _take_up(self) -> None:
        found = list[ImageInfo]()
        while page := await self._pix.list_images(directory=_DIRECTORY, after=found[-1].id if found else None):
            found += page
        records = await self._pix.get_image_records([image.id for image in found])
        found.sort(key=lambda image: image.token, reverse=True)
        for number, image in enumerate(found, start=1):
            title = f"{_TITLE_FROM_EARLIER_RUN}, {number}"
            self._cards[image.id] = Card.of(title, image.size, records.get(image.id))
            self._newest_first.append(image.id)

    def _check(self, image_id: str) -> None:
        if image_id not in self._cards:
            raise ImageNotFound(f"there is no picture {image_id} in this gallery (any more)")


def _with_record(card: Card, record: ImageRecord) -> dict[str, object]:
    """Return the JSON of one picture for the page. A plain record contains a key: send it with `no-store`."""
    return {"title": card.title, "bytes": card.bytes, "record": record}
