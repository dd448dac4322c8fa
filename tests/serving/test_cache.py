"""The cache: an image in memory costs the store only a version stamp, and no old version is ever served."""

import asyncio
import gc
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Sequence
from pathlib import Path

import pytest

from pixstore_asgi import ConfigError, ImageRecord, Payload, Pixstore, StoreError, WireState
from pixstore_asgi.core.images import StoredImage
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.serving.cache import ImageCache
from pixstore_asgi.serving.entries import CachedImage
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStream
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.payloads import body_of, served
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import looks_of

MIB = 1024 * 1024


class CountingStore(MemoryStore):
    """A remote store that counts the calls; while `gate` is cleared, readers wait."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        self.calls["stamps"] += 1
        return super().stamps(image_ids)

    def read_nowait(self, image_id: str) -> tuple[StoredImage, Sequence[bytes]] | None:
        return None

    async def get(self, image_id: str) -> StoredImage | None:
        self.calls["get"] += 1
        await asyncio.sleep(0)
        return await super().get(image_id)

    async def open_stream(self, image_id: str) -> ImageStream | None:  # type: ignore[override]
        self.calls["open_stream"] += 1
        await self.gate.wait()
        return await super().open_stream(image_id)


@pytest.fixture
async def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
async def pix(store: CountingStore) -> AsyncIterator[Pixstore]:
    async with Pixstore(store, secret=SECRET, cache_bytes=8 * MIB) as opened:
        yield opened


async def warm(pix: Pixstore, *records: ImageRecord) -> None:
    """Ask for each image twice, so that it is kept."""
    for record in records:
        for _ in range(2):
            await served(pix, record)


async def opened(pix: Pixstore, record: ImageRecord) -> Payload:
    return await pix.open_payload(record.id, token=record.token, proof=record.stateless_proof)


def cache_of(pix: Pixstore) -> ImageCache:
    return parts_of(pix).life.images


def used(pix: Pixstore) -> int:
    """Return the bytes that the cache counts, at least those of its entries."""
    images = cache_of(pix)
    assert images.used >= sum(cached.size for cached in images._entries.values())
    return images.used


@pytest.mark.parametrize("size", [300, CHUNK_BYTES, 5 * CHUNK_BYTES + 3])
async def test_a_hot_image_costs_the_store_a_stamp(pix: Pixstore, store: CountingStore, size: int) -> None:
    """From the third request on, and for its record, the store is asked for nothing but its stamp."""
    record = await pix.save_image(large_png(size))
    for _ in range(2):
        assert await served(pix, record) == (WireState.SUCCESS, large_png(size))
    assert store.calls["open_stream"] == 2
    store.calls.clear()
    for _ in range(3):
        assert await served(pix, record) == (WireState.SUCCESS, large_png(size))
        assert await pix.get_image_record(record.id) is not None
        assert await pix.get_image_records([record.id])
    assert store.calls == {"stamps": 9}


async def test_an_outdated_client_gets_a_hot_image_with_its_key(pix: Pixstore) -> None:
    """Updated comes from memory too, large or small: token, key, iv and tag of the current version, then its bytes."""
    for size in (300, 5 * CHUNK_BYTES):
        old = await pix.save_image(picture("webp"))
        new = await pix.update_image(old.id, large_png(size))
        assert await served(pix, new) == (WireState.SUCCESS, large_png(size))
        for _ in range(3):
            assert await served(pix, old) == (WireState.UPDATED, large_png(size))


async def test_what_leaves_the_cache_before_it_is_read_is_freed_once() -> None:
    """A body that is dropped while a secret is looked for, before it is read, is counted to its end, and no further."""
    store, secrets = MemoryStore(), [SECRET]

    async def vault() -> list[str]:
        cache_of(hot).clear()
        return secrets

    hot = Pixstore(store, secret=vault, cache_bytes=32 * MIB)
    async with hot, Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new:
        old = await hot.save_image(picture())
        await warm(hot, await hot.update_image(old.id, large_png(2 * MIB)))
        await new.rewrap_keys()
        secrets = [SECRET, OTHER_SECRET]
        assert await served(hot, old) == (WireState.UPDATED, large_png(2 * MIB))
        assert used(hot) == 0


async def test_another_images_update_costs_a_row(pix: Pixstore, store: CountingStore) -> None:
    """After a write to another image the hot one's row is read again, and its body is not."""
    record, other = await pix.save_image(picture()), await pix.save_image(picture("webp"))
    await warm(pix, record)
    await pix.update_image(other.id, picture("jpeg"))
    store.calls.clear()
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    assert await served(pix, record) == (WireState.SUCCESS, picture())
    assert store.calls == {"stamps": 3, "get": 1}


async def test_a_store_without_a_cache_is_asked_every_time(store: CountingStore) -> None:
    """With cache_bytes=0 nothing is kept, and no stamp is taken."""
    async with Pixstore(store, secret=SECRET, cache_bytes=0) as pix:
        record = await pix.save_image(picture())
        store.calls.clear()
        for _ in range(2):
            assert await served(pix, record) == (WireState.SUCCESS, picture())
        assert (store.calls["stamps"], store.calls["open_stream"], used(pix)) == (0, 2, 0)


def test_a_negative_size_is_refused() -> None:
    """cache_bytes below zero is a ConfigError."""
    with pytest.raises(ConfigError, match="cache_bytes"):
        Pixstore(cache_bytes=-1)


@pytest.mark.slow
async def test_another_processes_write_is_seen_at_once(tmp_path: Path) -> None:
    """The next request gets an update or a delete of another connection, even if the old version is in memory."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as hot, Pixstore(path, secret=SECRET) as other:
        first = record = await hot.save_image(picture())
        for number in range(50):
            image = large_png(300 + number * 20_000)
            assert (await served(hot, record))[0] is WireState.SUCCESS
            record = await other.update_image(record.id, image)
            assert await served(hot, first) == (WireState.UPDATED, image)
            fresh = await hot.get_image_record(record.id)
            assert fresh is not None
            assert fresh.token == record.token
        await other.delete_image(record.id)
        assert (await served(hot, record))[0] is WireState.NOT_FOUND
        assert await hot.get_image_record(record.id) is None
        assert await hot.get_image_records([record.id]) == {}


async def test_a_request_that_waited_sees_what_came_meanwhile(pix: Pixstore, store: CountingStore) -> None:
    """A request that joins the loading of an older version, after the update was committed, gets the new version."""
    record = await pix.save_image(picture())
    store.gate.clear()
    early = asyncio.create_task(served(pix, record))
    await asyncio.sleep(0)
    stream = await MemoryStore.open_stream(store, record.id)
    await pix.update_image(record.id, picture("webp"))
    late = asyncio.create_task(served(pix, record))
    await asyncio.sleep(0)
    assert stream is not None
    store.gate.set()
    await early
    assert await late == (WireState.UPDATED, picture("webp"))


async def test_a_cold_image_is_read_twice_at_most(pix: Pixstore, store: CountingStore) -> None:
    """Of fifty requests for an image that is not in memory, the first one reads it, and the second one for all."""
    record = await pix.save_image(large_png(3 * CHUNK_BYTES))
    store.gate.clear()
    tasks = [asyncio.create_task(served(pix, record)) for _ in range(50)]
    await asyncio.sleep(0.01)
    store.gate.set()
    assert set(await asyncio.gather(*tasks)) == {(WireState.SUCCESS, large_png(3 * CHUNK_BYTES))}
    assert store.calls["open_stream"] == 2


async def test_many_at_once_check_a_hot_image_once(pix: Pixstore, store: CountingStore) -> None:
    """After a write to another image, many requests at once for a hot one read its row once."""
    record, other = await pix.save_image(picture()), await pix.save_image(picture())
    await warm(pix, record)
    await pix.update_image(other.id, picture("webp"))
    store.calls.clear()
    answers = await asyncio.gather(*(served(pix, record) for _ in range(50)))
    assert set(answers) == {(WireState.SUCCESS, picture())}
    assert (store.calls["get"], store.calls["open_stream"]) == (1, 0)


async def test_what_is_asked_for_once_costs_what_it_costs_without_a_cache(pix: Pixstore, store: CountingStore) -> None:
    """An image without a recent request is read in one call, without a stamp, and is not kept in memory."""
    records = [await pix.save_image(large_png(900_000 + number)) for number in range(12)]
    await warm(pix, hot := await pix.save_image(picture()))
    store.calls.clear()
    kept = used(pix)
    for _ in range(3):
        for record in records:
            assert (await served(pix, record))[0] is WireState.SUCCESS
    assert (store.calls, used(pix)) == ({"open_stream": 36}, kept)
    assert await served(pix, hot) == (WireState.SUCCESS, picture())
    assert store.calls["open_stream"] == 36


@pytest.mark.slow
async def test_an_image_too_large_to_keep_makes_nobody_wait(pix: Pixstore, store: CountingStore) -> None:
    """Concurrent requests for an image above a fourth of the cache open it each for itself."""
    record = await pix.save_image(large_png(3 * MIB))
    await warm(pix, record)
    store.calls.clear()
    store.gate.clear()
    tasks = [asyncio.create_task(served(pix, record)) for _ in range(50)]
    await asyncio.sleep(0.01)
    waiting = store.calls["open_stream"]
    store.gate.set()
    assert set(await asyncio.gather(*tasks)) == {(WireState.SUCCESS, large_png(3 * MIB))}
    assert (waiting, store.calls) == (50, {"open_stream": 50})


class RestlessStore(MemoryStore):
    """A store with stamps that never repeat, which counts concurrent reads of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = self.most_readers = 0

    def stamps(self, image_ids: Sequence[str]) -> Sequence[Hashable]:
        return [object() for _ in image_ids]

    async def get(self, image_id: str) -> StoredImage | None:
        self.readers += 1
        self.most_readers = max(self.readers, self.most_readers)
        await asyncio.sleep(0.001)
        self.readers -= 1
        return await super().get(image_id)


async def test_no_request_queues_if_every_stamp_is_new() -> None:
    """If no stamp repeats, concurrent requests for an image in memory read its row in parallel."""
    store = RestlessStore()
    async with Pixstore(store, secret=SECRET, cache_bytes=8 * MIB) as pix:
        old = await pix.save_image(picture("jpeg"))
        await warm(pix, old)
        answers = await asyncio.gather(*(served(pix, old) for _ in range(50)))
        assert set(answers) == {(WireState.SUCCESS, picture("jpeg"))}
        assert store.most_readers == 50
        new = await pix.update_image(old.id, picture())
        answers = await asyncio.gather(*(served(pix, record) for _ in range(50) for record in (old, new)))
        assert set(answers) == {(WireState.UPDATED, picture()), (WireState.SUCCESS, picture())}
        await pix.delete_image(new.id)
        assert (await served(pix, new))[0] is WireState.NOT_FOUND


async def test_a_cancelled_load_is_taken_over(pix: Pixstore, store: CountingStore) -> None:
    """When the request that loads an image is cancelled, one that waits loads it."""
    record = await pix.save_image(picture())
    store.gate.clear()
    first = asyncio.create_task(served(pix, record))
    await asyncio.sleep(0)
    others = [asyncio.create_task(served(pix, record)) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    store.gate.set()
    assert await asyncio.gather(*others) == [(WireState.SUCCESS, picture())] * 3
    assert store.calls["open_stream"] == 2


async def test_a_cache_stays_within_its_size(pix: Pixstore) -> None:
    """However many images are asked for, at once or one by one, cache_bytes is not passed, and all are served."""
    records = [await pix.save_image(large_png(700_000 + number)) for number in range(30)]

    async def fetch(number: int) -> None:
        assert await served(pix, records[number]) == (WireState.SUCCESS, large_png(700_000 + number))
        assert used(pix) <= 8 * MIB

    for number in range(30):
        await fetch(number)
        await fetch(number)
    await asyncio.gather(*(fetch(number) for number in range(30)))
    assert 4 * MIB < used(pix) <= 8 * MIB


async def test_the_least_recently_used_image_goes_first(pix: Pixstore, store: CountingStore) -> None:
    """Of three images of which two fit, the one that was asked for last stays."""
    records = [await pix.save_image(large_png(1_900_000 + number)) for number in range(5)]
    await warm(pix, *(records[number] for number in (0, 1, 2, 3, 0, 4)))
    store.calls.clear()
    await served(pix, records[0])
    assert store.calls["open_stream"] == 0
    await served(pix, records[1])
    assert store.calls["open_stream"] == 1


async def test_an_image_too_large_for_the_cache_is_streamed(pix: Pixstore) -> None:
    """A body above a fourth of the cache is streamed from the store and leaves the others in memory."""
    small, large = await pix.save_image(picture()), await pix.save_image(large_png(2 * MIB + 1))
    await warm(pix, small)
    for _ in range(2):
        assert await served(pix, large) == (WireState.SUCCESS, large_png(2 * MIB + 1))
    assert not (await opened_and_closed(pix, large)).in_memory
    assert (await opened_and_closed(pix, small)).in_memory
    assert used(pix) < 100_000


async def opened_and_closed(pix: Pixstore, record: ImageRecord) -> Payload:
    async with await opened(pix, record) as payload:
        return payload


async def test_slow_readers_are_counted_to_their_end(pix: Pixstore) -> None:
    """Bodies that are still read count, also after they were replaced. Without room, images are streamed."""
    records = [await pix.save_image(large_png(1_900_000 + number)) for number in range(6)]
    readers = []
    for record in records:
        await served(pix, record)
        readers.append(await opened(pix, record))
    assert [reader.in_memory for reader in readers] == [True, True, True, True, False, False]
    cache_of(pix).clear()
    assert used(pix) > 7_000_000
    assert not (await opened_and_closed(pix, records[5])).in_memory
    for reader, record in zip(readers, records, strict=True):
        await anext(reader)
        await reader.aclose()
        assert record.id
    assert used(pix) <= 2048
    assert (await opened_and_closed(pix, records[5])).in_memory


async def test_a_dropped_reader_is_not_counted_for_ever(pix: Pixstore) -> None:
    """A payload that was neither read nor closed warns, and no longer counts."""
    record = await pix.save_image(large_png(5 * CHUNK_BYTES))
    await served(pix, record)
    payload = await opened(pix, record)
    cache_of(pix).clear()
    assert used(pix) > 5 * CHUNK_BYTES
    with pytest.warns(ResourceWarning):  # noqa: PT031
        del payload
        gc.collect()
    assert used(pix) == 0


async def test_a_body_with_a_missing_part_is_not_begun(tmp_path: Path) -> None:
    """Where part of a body is missing, one that is read into memory is InternalError, and nothing of it is kept."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(large_png(3 * CHUNK_BYTES))
        with sqlite3.connect(path) as edited:
            edited.execute("DELETE FROM chunk WHERE id & 65535 = 2")
        edited.close()
        payload = await opened(pix, record)
        assert (payload.state, await body_of(payload)) == (WireState.INTERNAL_ERROR, b"\x06")
        assert used(pix) <= 2048
        with pytest.raises(StoreError, match="missing"):
            await pix.read_image(record.id)


async def test_what_is_deleted_or_closed_is_forgotten(pix: Pixstore) -> None:
    """A delete drops the image from memory, and closing drops all."""
    record, other = await pix.save_image(picture()), await pix.save_image(picture())
    await warm(pix, record, other)
    await pix.delete_image(record.id)
    assert list(cache_of(pix)._entries) == [other.id]
    await pix.close()
    assert used(pix) == 0


async def test_nothing_read_before_a_close_is_current_after_it(tmp_path: Path) -> None:
    """An image that a request puts into memory while the store closes is not served after the store opens again."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as other:
        record = await other.save_image(picture())
    pix = Pixstore(path, secret=SECRET)
    await pix.open()
    under_way = asyncio.create_task(served(pix, record))
    await asyncio.sleep(0)
    await pix.close()
    assert await under_way in ((WireState.SUCCESS, picture()), (WireState.INTERNAL_ERROR, b""))
    async with Pixstore(path, secret=SECRET) as other:
        assert await other.delete_image(record.id)
    async with pix:
        assert (await served(pix, record))[0] is WireState.NOT_FOUND
        assert await pix.get_image_record(record.id) is None


def test_a_loop_that_ends_while_it_loads_stops_no_other(tmp_path: Path) -> None:
    """An image that an event loop was loading when it was left is loaded by the next loop that wants it."""
    pix = Pixstore(tmp_path / "pixstore.db", secret=SECRET)
    record = asyncio.run(pix.save_image(large_png(3_000_000)))
    left = asyncio.new_event_loop()
    left.run_until_complete(served(pix, record))
    under_way = left.create_task(served(pix, record))

    async def is_loading() -> bool:
        return bool(cache_of(pix)._under_way)

    while not left.run_until_complete(is_loading()):
        pass

    async def next_loop() -> tuple[WireState, bytes]:
        return await asyncio.wait_for(served(pix, record), 10)

    try:
        assert asyncio.run(next_loop()) == (WireState.SUCCESS, large_png(3_000_000))
    finally:
        left.run_until_complete(under_way)
        left.run_until_complete(pix.close())
        left.close()


async def test_no_key_is_kept(pix: Pixstore) -> None:
    """The cache holds the key of an image only wrapped, also after a record or payload carried the key."""
    record = await pix.save_image(picture())
    old = await pix.update_image(record.id, picture("webp"))
    await served(pix, record)
    await pix.get_image_record(record.id)
    (cached,) = cache_of(pix)._entries.values()
    held = b"".join(cached.pieces or ()) + b"".join(
        value for name in CachedImage.__slots__ if isinstance(value := getattr(cached, name), bytes)
    )
    meta = cached.image.meta
    for key in (record.key, old.key):
        assert key not in held + meta.wrapped_key + meta.version + meta.iv + meta.tag


async def test_a_stamp_of_a_busy_database_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While SQLite is busy, every image counts as changed; other errors are StoreErrors."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await store.open()

    class Failing:
        code = 0

        def execute(self, statement: str) -> None:
            error = sqlite3.OperationalError(statement)
            error.sqlite_errorcode = self.code
            raise error

    failing = Failing()
    try:
        looks = looks_of(store)
        with monkeypatch.context() as patched:
            patched.setattr(looks, "_connection", failing)
            patched.setattr(looks, "_every_s", 0)
            for failing.code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL):
                assert store.stamps(["a"]) != store.stamps(["a"])
            failing.code = sqlite3.SQLITE_IOERR
            for _ in range(2):
                with pytest.raises(StoreError, match="check the disk"):
                    store.stamps(["a"])
        assert store.stamps(["a"]) == store.stamps(["a"])
    finally:
        await store.close()


# Bodies that differ from the encrypted bytes


class WrongAnswers(CountingStore):
    """A store that flips one bit in each of its next `flips` bodies."""

    def __init__(self) -> None:
        super().__init__()
        self.flips = 0

    async def open_stream(self, image_id: str) -> ImageStream | None:  # type: ignore[override]
        stream = await super().open_stream(image_id)
        if stream is not None and self.flips:
            self.flips -= 1
            return _Flipped(stream)
        return stream


class _Flipped:
    def __init__(self, stream: ImageStream) -> None:
        self.image = stream.image
        self._stream = stream
        self._is_flipped = False

    def __aiter__(self) -> "_Flipped":
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._stream)
        if self._is_flipped:
            return chunk
        self._is_flipped = True
        return bytes([chunk[0] ^ 1]) + chunk[1:]

    def skip(self, most: int) -> int:
        return self._stream.skip(most)

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.mark.parametrize("size", [300, 5 * CHUNK_BYTES + 3])
async def test_a_body_that_fails_its_tag_is_not_kept(caplog: pytest.LogCaptureFixture, size: int) -> None:
    """The request that was to fill the cache is refused and logged; the next ones get the store's right answer."""
    store = WrongAnswers()
    async with Pixstore(store, secret=SECRET, cache_bytes=8 * MIB) as pix:
        record = await pix.save_image(large_png(size))
        await served(pix, record)
        store.flips = 1
        assert await served(pix, record) == (WireState.INTERNAL_ERROR, b"")
        logged = [each for each in caplog.records if getattr(each, "event", "") == "image_failed"]
        assert [each.__dict__["image_id"] for each in logged] == [record.id]
        assert "fails its tag check" in logged[0].message
        assert used(pix) <= 1024
        store.calls.clear()
        for _ in range(3):
            assert await served(pix, record) == (WireState.SUCCESS, large_png(size))
        assert store.calls["open_stream"] == 1  # the one that filled the cache


async def test_requests_do_not_queue_for_a_damaged_body() -> None:
    """Of many requests at once one checks the body; the others read it each on its own, not one after another."""
    store = WrongAnswers()
    async with Pixstore(store, secret=SECRET, cache_bytes=8 * MIB) as pix:
        record = await pix.save_image(large_png(300))
        await served(pix, record)
        store.flips = 100
        store.gate.clear()
        opening = asyncio.gather(*(opened(pix, record) for _ in range(20)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert store.calls["stamps"] >= 20
        store.gate.set()
        payloads = await opening
        assert [payload.state for payload in payloads].count(WireState.INTERNAL_ERROR) == 1
        assert store.calls["open_stream"] == 1 + 20


async def test_a_body_whose_key_is_not_at_hand_is_served_and_not_kept(store: CountingStore) -> None:
    """Success needs no key: a client that has the key is served, and a body that can't be checked is not kept."""
    async with Pixstore(store, secret=[SECRET, OTHER_SECRET]) as new, Pixstore(store, secret=SECRET) as old:
        record = await old.save_image(picture())
        await new.rewrap_keys()
        for _ in range(4):
            assert await served(old, record) == (WireState.SUCCESS, picture())
        assert store.calls["open_stream"] == 4
        assert used(old) <= 1024
