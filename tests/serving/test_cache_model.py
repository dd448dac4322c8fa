"""The cache under concurrent requests, against a model: in any order of events, no answer is older than its request."""

import asyncio
import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import pytest

from pixstore_asgi import ImageRecord, Pixstore, WireState
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.contract import ImageStream
from pixstore_asgi.store.memory import MemoryStore
from tests.support.payloads import served
from tests.support.samples import SECRET, large_png

IMAGES, READERS, READS, UPDATES = 5, 16, 25, 60
SIZES = [300, 9_000, 60_000, 700_000]


class SlowStore(MemoryStore):
    """A store that answers after a while, before which and after which anything may happen."""

    def __init__(self, chance: random.Random, *, repeats_stamps: bool) -> None:
        super().__init__()
        self._chance = chance
        self._repeats_stamps = repeats_stamps

    async def pause(self) -> None:
        for _ in range(self._chance.randrange(5)):
            await asyncio.sleep(0)

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return super().stamps(image_ids) if self._repeats_stamps else [object() for _ in image_ids]

    async def get(self, image_id: str) -> StoredImage | None:
        await self.pause()
        image = await super().get(image_id)
        await self.pause()
        return image

    async def open_stream(self, image_id: str) -> ImageStream | None:  # type: ignore[override]
        await self.pause()
        stream = await super().open_stream(image_id)
        await self.pause()
        return stream


@dataclass
class Model:
    """The saved versions of one id: bytes by token, and the last acknowledged record."""

    record: ImageRecord
    versions: dict[int, bytes] = field(default_factory=dict)


class Crowd:
    """Readers and a writer of a few images, and the versions that readers may see."""

    def __init__(self, pix: Pixstore, chance: random.Random) -> None:
        self._pix = pix
        self._chance = chance
        self._models: list[Model] = []
        self._made = 0

    def _new_image(self) -> bytes:
        self._made += 1
        return large_png(self._chance.choice(SIZES) + self._made)

    async def save(self) -> None:
        for _ in range(IMAGES):
            image = self._new_image()
            record = await self._pix.save_image(image)
            self._models.append(Model(record, {record.token: image}))

    async def write(self) -> None:
        for _ in range(UPDATES):
            model, image = self._chance.choice(self._models), self._new_image()
            model.record = await self._pix.update_image(model.record.id, image)
            model.versions[model.record.token] = image

    async def read(self) -> None:
        for _ in range(READS):
            model = self._chance.choice(self._models)
            asked_with = model.record
            state, image = await served(self._pix, asked_with)
            assert state in (WireState.SUCCESS, WireState.UPDATED)
            await asyncio.sleep(0)  # until the writer of the version that was read has its record
            assert image in [data for token, data in model.versions.items() if token >= asked_with.token]

    async def give_up(self) -> None:
        for _ in range(READS):
            leaving = asyncio.create_task(served(self._pix, self._chance.choice(self._models).record))
            for _ in range(self._chance.randrange(12)):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])


@pytest.mark.parametrize("cache_bytes", [60_000, 400_000, 9_000_000])
@pytest.mark.parametrize("repeats_stamps", [True, False], ids=["stamps", "new-stamps"])
async def test_no_answer_is_older_than_its_request(cache_bytes: int, repeats_stamps: bool) -> None:
    """Among updates, evictions and readers that give up, every answer was current after it was asked for."""
    chance = random.Random(cache_bytes + repeats_stamps)
    store = SlowStore(chance, repeats_stamps=repeats_stamps)
    async with Pixstore(store, secret=SECRET, cache_bytes=cache_bytes, bind_token=False) as pix:
        crowd = Crowd(pix, chance)
        await crowd.save()
        async with asyncio.TaskGroup() as tasks:
            for work in (crowd.write, crowd.give_up, *[crowd.read] * READERS):
                tasks.create_task(work())
        cache = parts_of(pix).life.images
        assert cache.used == sum(entry.size for entry in cache._entries.values()) <= cache_bytes
        assert not cache._under_way
