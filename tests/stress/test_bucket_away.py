"""The bucket goes away while images are saved and read: each call reports it, and nothing is lost or left."""

import asyncio
import itertools
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from pixstore_asgi.errors import StoreBusy
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStore
from pixstore_asgi.store.s3 import S3Bucket
from tests.stress.bodies import body_of, read, save
from tests.stress.stores import left_in, store_of
from tests.support.bad_network import BadNetwork, bad_network
from tests.support.s3 import S3Server

pytestmark = pytest.mark.slow

PATIENCE_S = 1.5
LENGTHS = [pytest.param(0, id="short"), pytest.param(10, id="soak", marks=pytest.mark.soak)]
"""The shortest outages in seconds. Each lasts until a call of each kind has failed twice."""

SIZES = {"small": 30_000, "large": 24 * CHUNK_BYTES}
"""In one request, and in parts."""

KINDS = {"small saved", "large saved", "read"}
TOLD = re.compile(r"the bucket('s answer)?.* (can't be reached|took too long|was cut short).*: .*try again")


class Work:
    """What an application does with a store until it is over, whatever fails: images saved, updated and read.

    labels: what was acknowledged last of each image. done, busy: how many calls of each kind ended so, since `begin`.
    told: what the errors said.
    """

    def __init__(self, store: ImageStore) -> None:
        self.labels: dict[str, int] = {}
        self.told: Counter[str] = Counter()
        self.is_over = False
        self._store = store
        self.begin()

    def begin(self) -> None:
        self.done: Counter[str] = Counter()
        self.busy: Counter[str] = Counter()
        self._went_well, self._was_noticed = asyncio.Event(), asyncio.Event()

    async def save_on(self, kind: str) -> None:
        for label in itertools.count():
            image_id = f"{kind}-{label % 7}"
            with self._counted(f"{kind} saved"):
                await save(self._store, image_id, body_of(image_id, str(label), SIZES[kind]))
                self.labels[image_id] = label
            if self.is_over:
                return

    async def read_on(self) -> None:
        while not self.is_over:
            await asyncio.sleep(0.01)
            for image_id, label in random.sample([*self.labels.items()], min(1, len(self.labels))):
                with self._counted("read"):
                    assert await label_of(self._store, image_id) >= label

    async def goes_well(self) -> None:
        """Wait until calls of each kind, twice, have ended well from now on."""
        self.begin()
        await asyncio.wait_for(self._went_well.wait(), 20)

    async def is_noticed(self) -> None:
        """Wait until two calls of each kind have ended as StoreBusy."""
        await asyncio.wait_for(self._was_noticed.wait(), 60)

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        try:
            yield
        except StoreBusy as error:
            self.busy[kind] += 1
            self.told[str(error)] += 1
            if all(self.busy[each] > 1 for each in KINDS):
                self._was_noticed.set()
        else:
            self.done[kind] += 1
            if all(self.done[each] > 1 for each in KINDS):
                self._went_well.set()


async def label_of(store: ImageStore, image_id: str) -> int:
    """Return which version of an image there is, whole."""
    found = await read(store, image_id)
    assert found is not None, image_id
    return int(found[1])


def refuse(network: BadNetwork) -> None:
    network.is_gone = True
    network.drop()


def fall_silent(network: BadNetwork) -> None:
    network.says_more.clear()


def come_back(network: BadNetwork) -> None:
    network.is_gone = False
    network.says_more.set()


@asynccontextmanager
async def at_work(store: ImageStore) -> AsyncIterator[Work]:
    """Let savers and readers work with a store until the block ends."""
    await store.open()
    work = Work(store)
    async with asyncio.TaskGroup() as tasks:
        for kind in SIZES:
            tasks.create_task(work.save_on(kind))
        for _ in range(3):
            tasks.create_task(work.read_on())
        yield work
        work.is_over = True


@pytest.mark.parametrize("target", ["sqlite-s3", "postgres-s3"], indirect=True)
@pytest.mark.parametrize("go_away", [refuse, fall_silent])
@pytest.mark.parametrize("away_s", LENGTHS)
async def test_a_bucket_that_is_away(
    target: str, s3: S3Server, go_away: Callable[[BadNetwork], None], away_s: float
) -> None:
    """Saves and reads are StoreBusy, work again by themselves, and have lost nothing; a sweep leaves nothing over."""
    unfinished = s3.unfinished()
    async with bad_network(s3.port) as network:
        url = target.partition(" ")[2].replace(f":{s3.port}", f":{network.port}")
        bucket = S3Bucket(url, busy_timeout_s=PATIENCE_S)
        store = store_of(target, bodies=bucket, grace_s=600)
        async with at_work(store) as work:
            await work.goes_well()
            go_away(network)
            await asyncio.gather(asyncio.sleep(away_s), work.is_noticed())
            come_back(network)
            await work.goes_well()
        await store.close()
    assert all(TOLD.fullmatch(told) for told in work.told)
    print(f"{len(work.labels)} images, {bucket.uploads}, told: {dict(work.told)}")
    begun, *ended = bucket.uploads
    assert begun == sum(ended)
    assert len(s3.unfinished() - unfinished) <= bucket.uploads.not_aborted
    await check_all(target, work)


async def check_all(target: str, work: Work) -> None:
    """Check that all acknowledged images exist, and nothing else after a sweep."""
    store = store_of(target, sweeps_all=True)
    await store.open()
    assert {image.id: await label_of(store, image.id) for image in await store.list()} == work.labels
    while await store.sweep():
        pass
    await store.close()
    left = await left_in(target)
    assert left == dict.fromkeys(left, 0)
