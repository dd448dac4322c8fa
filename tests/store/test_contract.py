"""What every ImageStore does: one suite over all of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pixstore_asgi.core.ids import MAX_TOKEN
from pixstore_asgi.core.images import ImageMeta, StoredImage
from pixstore_asgi.errors import StoreConflict, StoreError
from pixstore_asgi.store.clock import Clock
from pixstore_asgi.store.contract import CHUNK_BYTES, Expect, Expected, ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore, leases, write_lock
from tests.support.clock import FixedClock

MakeStore = Callable[[Path, Clock], ImageStore]

STORES: dict[str, MakeStore] = {
    "memory": lambda folder, clock: MemoryStore(clock_ms=clock),
    "sqlite": lambda folder, clock: SqliteStore(folder / "images.db", clock_ms=clock),
    "sqlite-without-locks": lambda folder, clock: SqliteStore(folder / "images.db", clock_ms=clock),
}
VERSION = b"version-of-bytes"
SIZES = [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 7]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


def disable_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this machine one whose system has neither leases between processes nor flock, as Windows."""
    monkeypatch.setattr(leases, "fcntl", None)
    monkeypatch.setattr(write_lock, "fcntl", None)


@pytest.fixture(params=STORES)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ImageStore]:
    if request.param == "sqlite-without-locks":
        disable_locks(monkeypatch)
    made = STORES[request.param](tmp_path, clock)
    await made.open()
    yield made
    await made.close()


def body_of(size: int, seed: int = 0) -> bytes:
    return bytes((n * 7 + seed) % 251 for n in range(997)) * (size // 997) + bytes([seed % 256]) * (size % 997)


def meta_of(size: int, version: bytes = VERSION) -> ImageMeta:
    return ImageMeta(version, 1, os.urandom(12), os.urandom(16), size, os.urandom(32), os.urandom(52))


async def save(
    store: ImageStore,
    image_id: str,
    body: bytes = b"body",
    *,
    expect: Expected = Expect.ANY,
    token: int | None = None,
) -> StoredImage:
    version = os.urandom(16)
    async with await store.begin_write(image_id, version) as writer:
        for start in range(0, len(body), 100_000):
            await writer.write(body[start : start + 100_000])
        return await writer.commit(meta_of(len(body), version), expect=expect, token=token)


async def read(store: ImageStore, image_id: str) -> bytes | None:
    stream = await store.open_stream(image_id)
    return None if stream is None else b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("size", SIZES)
async def test_a_write_is_read_back(store: ImageStore, size: int) -> None:
    """What was committed is read back at once: the image, and its body in chunks of 256 KiB and a rest."""
    body = body_of(size)
    saved = await save(store, "a", body)
    assert await store.get("a") == saved
    stream = await store.open_stream("a")
    assert stream is not None
    assert stream.image == saved
    chunks = [chunk async for chunk in stream]
    assert b"".join(chunks) == body
    assert all(len(chunk) == CHUNK_BYTES for chunk in chunks[:-1])


async def test_an_unknown_id_is_none(store: ImageStore) -> None:
    """An id without an image has no row, no stream and nothing to delete."""
    assert await store.get("nobody") is None
    assert await store.open_stream("nobody") is None
    assert await store.delete("nobody") is False


async def test_a_store_tells_its_largest_body(store: ImageStore) -> None:
    """The longest body that a store takes is a number of bytes, or None where it sets no limit."""
    assert store.max_body_bytes is None or store.max_body_bytes > 0


async def test_get_many_returns_those_that_exist(store: ImageStore) -> None:
    """Many ids are read at once, more than one statement can name; unknown and deleted ones are left out."""
    saved = {name: await save(store, name) for name in ("a", "b", "c")}
    await store.delete("b")
    ids = ["a", "b", "c", *(f"unknown-{n}" for n in range(1200))]
    assert await store.get_many(ids) == {"a": saved["a"], "c": saved["c"]}
    assert await store.get_many([]) == {}


async def test_a_write_is_seen_only_after_its_commit(store: ImageStore) -> None:
    """Neither a large nor a small body shows before commit."""
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(body_of(6 * CHUNK_BYTES))
        assert await store.get("a") is None
        assert await store.list() == []


async def test_an_aborted_write_leaves_no_trace(store: ImageStore) -> None:
    """After an abort the old version is the current one; the writer is of no further use."""
    saved = await save(store, "a", b"old")
    writer = await store.begin_write("a", VERSION)
    await writer.write(body_of(6 * CHUNK_BYTES))
    await writer.abort()
    await writer.abort()
    assert (await store.get("a"), await read(store, "a")) == (saved, b"old")
    with pytest.raises(StoreError):
        await writer.write(b"more")
    with pytest.raises(StoreError):
        await writer.commit(meta_of(1))


async def test_leaving_the_writer_aborts(store: ImageStore) -> None:
    """An error inside `async with` gives the write up."""

    async def fail() -> None:
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(b"body")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await store.get("a") is None


async def test_a_cancelled_write_leaves_no_trace(store: ImageStore) -> None:
    """A task cancelled while it writes leaves the old version, and the store takes further writes."""
    await save(store, "a", b"old")

    async def write_forever() -> None:
        async with await store.begin_write("a", VERSION) as writer:
            while True:
                await writer.write(body_of(CHUNK_BYTES))
                await asyncio.sleep(0)

    task = asyncio.create_task(write_forever())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await read(store, "a") == b"old"
    await save(store, "a", b"new")
    assert await read(store, "a") == b"new"


@pytest.mark.parametrize("ticks", range(12))
async def test_a_commit_cancelled_at_any_moment_is_whole(store: ImageStore, ticks: int) -> None:
    """A commit that is cancelled has happened or has not; the next write finds no transaction open."""
    await save(store, "a", b"old")
    task = asyncio.create_task(save(store, "a", b"new"))
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await read(store, "a") in (b"old", b"new")
    await save(store, "a", b"next")
    assert await read(store, "a") == b"next"


@pytest.mark.parametrize(
    ("meta", "complaint"),
    [(meta_of(6), "6 bytes in its meta and 5"), (meta_of(5, b"of-another-write"), "another version in its meta")],
    ids=["size", "version"],
)
async def test_meta_of_another_write_is_refused(store: ImageStore, meta: ImageMeta, complaint: str) -> None:
    """Meta with another size or version than the write has is refused; it ends the write, and the old image stays."""
    await save(store, "a", b"old")
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(b"12345")
        with pytest.raises(StoreError, match=complaint):
            await writer.commit(meta)
        with pytest.raises(StoreError, match="begin a new one"):
            await writer.commit(meta_of(5))
    assert await read(store, "a") == b"old"


async def test_expectations_of_a_write(store: ImageStore) -> None:
    """ABSENT, PRESENT and a version each let a write pass in their state alone; a refused write changes nothing."""
    with pytest.raises(StoreConflict):
        await save(store, "a", expect=Expect.PRESENT)
    with pytest.raises(StoreConflict):
        await save(store, "a", expect=os.urandom(16))
    first = await save(store, "a", b"first", expect=Expect.ABSENT)
    with pytest.raises(StoreConflict):
        await save(store, "a", expect=Expect.ABSENT)
    second = await save(store, "a", b"second", expect=first.meta.version)
    with pytest.raises(StoreConflict):
        await save(store, "a", expect=first.meta.version)
    assert await store.get("a") == second
    await save(store, "a", b"third", expect=Expect.PRESENT)
    assert await read(store, "a") == b"third"


async def test_a_failed_commit_ends_the_write(store: ImageStore) -> None:
    """After a conflict the writer is of no further use: a second commit can't store half of an image."""
    await save(store, "a", b"old")
    async with await store.begin_write("a", VERSION) as writer:
        await writer.write(b"12345")
        with pytest.raises(StoreConflict):
            await writer.commit(meta_of(5), expect=Expect.ABSENT)
        with pytest.raises(StoreError, match="begin a new one"):
            await writer.commit(meta_of(5))
    assert await read(store, "a") == b"old"


async def test_a_large_write_that_conflicts_changes_nothing(store: ImageStore) -> None:
    """A conflict is found at commit, after the body was uploaded, and the image stays."""
    await save(store, "a", b"old")
    with pytest.raises(StoreConflict):
        await save(store, "a", body_of(9 * CHUNK_BYTES), expect=Expect.ABSENT)
    assert await read(store, "a") == b"old"


async def test_expectations_of_a_delete(store: ImageStore) -> None:
    """A delete that expects another version, or an image where there is none, changes nothing."""
    saved = await save(store, "a")
    with pytest.raises(StoreConflict):
        await store.delete("a", expect=os.urandom(16))
    assert await store.get("a") == saved
    assert await store.delete("a", expect=saved.meta.version) is True
    with pytest.raises(StoreConflict):
        await store.delete("a", expect=Expect.PRESENT)


async def test_a_stream_outlives_updates_and_deletes(store: ImageStore) -> None:
    """A stream that is open while its image is updated, deleted and swept yields its own version to the end."""
    bodies = [body_of(4 * CHUNK_BYTES + 5, seed) for seed in range(3)]
    await save(store, "a", bodies[0])
    first = await store.open_stream("a")
    await save(store, "a", bodies[1])
    second = await store.open_stream("a")
    assert first is not None
    assert second is not None
    head = await anext(first)
    await store.delete("a")
    await store.sweep()
    assert head + b"".join([chunk async for chunk in first]) == bodies[0]
    assert b"".join([chunk async for chunk in second]) == bodies[1]
    assert await store.open_stream("a") is None


async def test_a_closed_stream_yields_nothing_more(store: ImageStore) -> None:
    """Closing a stream in the middle, twice, ends it."""
    await save(store, "a", body_of(3 * CHUNK_BYTES))
    stream = await store.open_stream("a")
    assert stream is not None
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert [chunk async for chunk in stream] == []


async def test_a_cancelled_stream_harms_no_other(store: ImageStore) -> None:
    """A reader cancelled in the middle leaves other readers and the store as they were."""
    body = body_of(8 * CHUNK_BYTES)
    await save(store, "a", body)

    async def read_slowly() -> None:
        stream = await store.open_stream("a")
        assert stream is not None
        async for _ in stream:
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(read_slowly()) for _ in range(4)]
    await asyncio.sleep(0.002)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await read(store, "a") == body


async def test_an_id_is_used_again_after_delete(store: ImageStore) -> None:
    """A deleted id takes a new image, with a token above its last one, and the old body is gone from it."""
    first = await save(store, "a", body_of(3 * CHUNK_BYTES, 1))
    await store.delete("a")
    assert await store.get("a") is None
    second = await save(store, "a", b"second", expect=Expect.ABSENT)
    assert second.token > first.token
    assert await read(store, "a") == b"second"


@pytest.mark.parametrize("step_ms", [0, -1, -3_600_000], ids=["frozen", "slow", "set-back"])
async def test_tokens_rise_whatever_the_clock_does(store: ImageStore, clock: FixedClock, step_ms: int) -> None:
    """Tokens rise strictly per id under a clock that stands or runs backward, across updates and delete."""
    tokens = [(await save(store, "a")).token]
    for _ in range(3):
        clock.now_ms += step_ms
        tokens.append((await save(store, "a")).token)
    await store.delete("a")
    clock.now_ms += step_ms
    tokens.append((await save(store, "a")).token)
    assert tokens == list(range(tokens[0], tokens[0] + 5))


async def test_a_token_is_the_clock_where_it_can_be(store: ImageStore, clock: FixedClock) -> None:
    """A new version's token is the clock in milliseconds, at least 1 and never above 2**53 - 1."""
    assert (await save(store, "a")).token == clock.now_ms
    clock.now_ms += 5000
    assert (await save(store, "a")).token == clock.now_ms
    clock.now_ms = -7
    assert (await save(store, "b")).token == 1
    clock.now_ms = MAX_TOKEN + 1
    with pytest.raises(StoreError, match="clock"):
        await save(store, "c")
    assert await store.get("c") is None


async def test_list_pages_in_the_order_of_ids(store: ImageStore) -> None:
    """Listing pages by id, by code point, and leaves deleted images out."""
    for name in ("b", "a:2", "a:1", "B", "gone", "c"):
        await save(store, name)
    await store.delete("gone")
    assert [image.id for image in await store.list()] == ["B", "a:1", "a:2", "b", "c"]
    page = await store.list(limit=2)
    assert [image.id for image in page] == ["B", "a:1"]
    assert [image.id for image in await store.list(after="a:1", limit=2)] == ["a:2", "b"]
    assert await store.list(after="c") == []
    assert [image.id for image in await store.list(after="a:", before="a;")] == ["a:1", "a:2"]
    assert [image.id for image in await store.list(before="a:1")] == ["B"]


async def test_an_image_knows_when_it_was_first_saved(store: ImageStore, clock: FixedClock) -> None:
    """Creation is the time of the first save, in every way to read an image; updates keep it, a delete ends it."""
    first = clock.now_ms
    assert (await save(store, "a")).created_ms == first
    clock.now_ms += 1000
    assert (await save(store, "a", token=clock.now_ms + 5000)).created_ms == first
    found = await store.get("a")
    stream = await store.open_stream("a")
    assert stream is not None
    assert found == stream.image == (await store.get_many(["a"]))["a"] == (await store.list())[0]
    assert found is not None
    assert found.created_ms == first
    await stream.aclose()
    await store.delete("a")
    clock.now_ms += 1000
    assert (await save(store, "a")).created_ms == clock.now_ms


async def test_a_commit_takes_a_token_from_elsewhere(store: ImageStore) -> None:
    """A given token is the image's token; one that is not above the last, also of a deleted image, is a conflict."""
    saved = await save(store, "a", b"new", token=7)
    assert saved.token == 7
    for token in (7, 6, MAX_TOKEN + 1):
        with pytest.raises(StoreConflict):
            await save(store, "a", b"other", token=token)
    assert (await store.get("a"), await read(store, "a")) == (saved, b"new")
    await store.delete("a")
    with pytest.raises(StoreConflict):
        await save(store, "a", b"again", token=7)
    assert (await save(store, "a", b"again", token=8)).token == 8


async def test_a_stamp_never_comes_back(store: ImageStore) -> None:
    """Each committed save, update and delete gives a stamp that never was, also after the store was opened again."""
    stamps = [await store.stamp()]
    for _ in range(5):
        await save(store, "a")
        stamps.append(await store.stamp())
        await save(store, "a")
        stamps.append(await store.stamp())
        await store.delete("a")
        stamps.append(await store.stamp())
        await store.close()
        await store.open()
    assert len(set(stamps)) == len(stamps)


async def test_reading_leaves_the_stamp(store: ImageStore) -> None:
    """What only reads leaves the stamp as it is, or the cache would keep nothing."""
    await save(store, "a")
    stamp = await store.stamp()
    await store.get("a")
    await store.get_many(["a", "b"])
    await read(store, "a")
    await store.list()
    assert await store.stamp() == stamp


async def test_key_checks_are_claimed_once(store: ImageStore) -> None:
    """The first claim records its last value; later ones must know all that is recorded, and record their last."""
    old, new, other = b"old-check", b"new-check", b"other-check"
    assert await store.key_checks() == frozenset()
    assert await store.claim_keys([old]) == frozenset()
    assert await store.claim_keys([other]) == {old}
    assert await store.claim_keys([new, old]) == frozenset()
    assert await store.key_checks() == {old}
    assert await store.claim_keys([old, new]) == frozenset()
    assert await store.claim_keys([old]) == {new}
    assert await store.key_checks() == {old, new}


async def test_opening_and_closing_repeat(store: ImageStore) -> None:
    """Opening twice is opening once; after a close it opens again with all that was saved."""
    await store.open()
    saved = await save(store, "a")
    await store.close()
    await store.close()
    await store.open()
    assert await store.get("a") == saved


async def test_concurrent_updates_leave_one_whole_version(store: ImageStore) -> None:
    """Several updates of one id at once: every read meets one of them whole, and every token is another."""
    bodies = [body_of(2 * CHUNK_BYTES + seed, seed) for seed in range(8)]
    await save(store, "a", bodies[0])
    saves = [asyncio.create_task(save(store, "a", body)) for body in bodies]
    while not all(task.done() for task in saves):
        assert await read(store, "a") in bodies
        await asyncio.sleep(0)
    tokens = {task.result().token for task in saves}
    assert len(tokens) == len(bodies)
    current = await store.get("a")
    assert current is not None
    assert current.token == max(tokens)
