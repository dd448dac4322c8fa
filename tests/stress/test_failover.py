"""A failover to a standby that lacks the last writes: an acknowledged image may be lost by it, and is never torn."""

import asyncio
import os
from collections.abc import Sequence

import pytest

from pixstore_asgi.core.images import ImageMeta
from pixstore_asgi.errors import StoreError
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStream
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.s3 import S3Bucket
from tests.stress.bodies import Torn, body_of, read, save
from tests.support.postgres import Cluster, running_cluster, running_standby
from tests.support.s3 import S3Server
from tests.support.writers import staged

pytestmark = pytest.mark.slow

SMALL, LARGE = 30_000, 12 * CHUNK_BYTES
_PAUSE, _LATER_PAUSE = 6 * CHUNK_BYTES, 10 * CHUNK_BYTES  # one MiB of the body is in the database, or two
_BEFORE, _EARLY, _LATE, _LOST = 29, 4, 8, 16
# PostgreSQL logs a sequence 33 values at a time: after so many bodies, new ids from one would be those of lost bodies.
assert _BEFORE + _EARLY == 33


class Upload:
    """One upload, which goes on as far as a test lets it."""

    def __init__(self, store: PostgresStore, image_id: str) -> None:
        self.image_id = image_id
        self.is_acknowledged = False
        self.refusal = ""
        self._store = store
        self._body = body_of(image_id, "", LARGE)
        self._version = os.urandom(16)
        self._sent = 0

    async def go_on(self, to: int) -> None:
        """Send the body up to a byte, and wait until the database has the sent bytes."""
        if not self._sent:
            self._writer = await self._store.begin_write(self.image_id, self._version)
        for start in range(self._sent, to, CHUNK_BYTES):
            await self._writer.write(self._body[start : start + CHUNK_BYTES])
        self._sent = to
        if self._store.bodies is None:
            await staged(self._writer)

    async def end(self) -> None:
        """Send the rest, and commit; the store may refuse that."""
        try:
            await self.go_on(LARGE)
            noise = os.urandom(80)
            meta = ImageMeta(self._version, 1, noise[:12], noise[12:28], LARGE, self._body[:32], noise[28:])
            await self._writer.commit(meta)
            self.is_acknowledged = True
        except StoreError as error:
            self.refusal = str(error)


async def fail_over(store: PostgresStore, primary: Cluster, standby: Cluster) -> list[str]:
    """Save 66 images around a failover. Return the torn images, and other faults."""
    before = [await save_small(store, f"before-{number}") for number in range(_BEFORE)]
    early = await uploads(store, "early", _EARLY)
    standby.end_replication(primary)

    await save(store, "read", body_of("read", "", LARGE))
    stream = await store.open_stream("read")
    assert stream is not None
    head = await anext(stream)
    late = await uploads(store, "late", _LATE)
    await asyncio.gather(*(upload.go_on(_LATER_PAUSE) for upload in early))
    for number in range(_LOST):
        await save_small(store, f"lost-{number}")

    primary.stop()
    standby.promote()
    new = await uploads(store, "new", _LATE)
    await asyncio.gather(*(upload.end() for upload in early + late))
    await asyncio.gather(*(upload.end() for upload in new))

    kept = before + [upload.image_id for upload in early + late + new if upload.is_acknowledged]
    wrong = [f"{image_id} is torn" for image_id in kept if not await is_whole(store, image_id)]
    wrong += [f"{upload.image_id} was refused" for upload in new if not upload.is_acknowledged]
    refusals = {upload.refusal for upload in early + late if not upload.is_acknowledged}
    wrong += [refusal for refusal in refusals if "send it again" not in refusal]
    wrong += [f"{fault.what}: {fault.reason}" async for fault in store.faults()]
    if not await reads_its_own(stream, head):
        wrong.append("a reader got bytes of another image")
    return wrong


async def save_small(store: PostgresStore, image_id: str) -> str:
    await save(store, image_id, body_of(image_id, "", SMALL))
    return image_id


async def uploads(store: PostgresStore, name: str, number: int) -> list[Upload]:
    """Begin uploads, which then pause."""
    begun = [Upload(store, f"{name}-{each}") for each in range(number)]
    await asyncio.gather(*(upload.go_on(_PAUSE) for upload in begun))
    return begun


async def is_whole(store: PostgresStore, image_id: str) -> bool:
    try:
        return await read(store, image_id) is not None
    except (StoreError, Torn):
        return False


async def reads_its_own(stream: ImageStream, head: bytes) -> bool:
    """Read a stream on; tell whether all of it is of its image, be it cut short or not."""
    try:
        async for chunk in stream:
            head += chunk
    except StoreError:
        pass
    return body_of("read", "", LARGE).startswith(head)


async def failovers(buckets: Sequence[S3Bucket | None]) -> list[str]:
    """Return the faults after failovers, each of its own clusters, and with its own bucket if given."""
    wrong = []
    for run, bucket in enumerate(buckets):
        with running_cluster() as primary, running_standby(primary) as standby:
            url = primary.url().replace(f":{primary.port}", f":{primary.port},127.0.0.1:{standby.port}")
            store = PostgresStore(url, bodies=bucket)
            await store.open()
            try:
                wrong += [f"run {run}: {each}" for each in await fail_over(store, primary, standby)]
            finally:
                await store.close()
    return wrong


SOAK = pytest.param(10, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])
RUNS = pytest.mark.parametrize("runs", [1, SOAK])


@RUNS
async def test_no_image_is_torn_by_a_failover(runs: int) -> None:
    """After a failover an upload is stored whole or refused, and a reader gets its own image or is cut short."""
    wrong = await failovers([None] * runs)
    assert not wrong, "\n".join(wrong)


@RUNS
async def test_no_object_is_anothers_after_a_failover(runs: int, s3: S3Server) -> None:
    """With bodies in a bucket the same holds, and each row names the object of its own image."""
    wrong = await failovers([S3Bucket(s3.url(f"failover-{runs}-{run}")) for run in range(runs)])
    assert not wrong, "\n".join(wrong)
