"""Tests of writes and deletes: complete or without effect, visible after their commit, refused in an
unexpected state.
"""

import asyncio
import os
from dataclasses import replace

import pytest

from ...core.images import ImageMeta
from ...errors import ImageExists, StoreConflict, StoreError
from ..contract import CHUNK_BYTES, CommitTerms, Expect, ImageStore
from .fixtures import StoreFixtures
from .steps import VERSION, body_of, meta_of, read, save, stamp_of

_SIZES = [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 7]


class WritingContract(StoreFixtures):
    """Tests of writes, commits and deletes."""

    @pytest.mark.parametrize("size", _SIZES)
    async def test_a_write_is_read_back(self, store: ImageStore, size: int) -> None:
        """After its commit, an image can be read: its row, and its body in chunks of 256 KiB and a rest."""
        body = body_of(size)
        saved = await save(store, "a", body)
        assert await store.get("a") == saved
        stream = await store.open_stream("a")
        assert stream is not None
        assert stream.image == saved
        chunks = [chunk async for chunk in stream]
        assert b"".join(chunks) == body
        assert all(len(chunk) == CHUNK_BYTES for chunk in chunks[:-1])

    async def test_a_write_is_seen_only_after_its_commit(self, store: ImageStore) -> None:
        """Before its commit, an image can't be read, although several chunks of its body are written."""
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(body_of(6 * CHUNK_BYTES))
            assert await store.get("a") is None
            assert await store.list() == []

    async def test_an_aborted_write_leaves_no_trace(self, store: ImageStore) -> None:
        """After an abort the old version is current, and the writer refuses further calls."""
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

    async def test_an_epoch_rises(self, store: ImageStore) -> None:
        """Each `raise_epoch` adds one and changes the stamp. Nothing else changes, and an unknown id returns False."""
        saved, stamps = await save(store, "a", b"body"), [stamp_of(store, "a")]
        assert saved.epoch == 0
        for epoch in (1, 2, 3):
            assert await store.raise_epoch("a") is True
            assert await store.get("a") == replace(saved, epoch=epoch)
            assert await store.get_many(["a"]) == {"a": replace(saved, epoch=epoch)}
            stamps.append(stamp_of(store, "a"))
        assert len(set(stamps)) == len(stamps)
        assert await store.raise_epoch("nobody") is False
        assert await read(store, "a") == b"body"

    async def test_an_epoch_stays_with_its_id(self, store: ImageStore) -> None:
        """An id keeps its epoch across an update and a delete: an image that is saved again has it."""
        await save(store, "a")
        await store.raise_epoch("a")
        assert (await save(store, "a", b"second")).epoch == 1
        await store.delete("a")
        assert await store.raise_epoch("a") is False
        assert (await save(store, "a", b"third")).epoch == 1

    async def test_an_epoch_keeps_to_a_version(self, store: ImageStore) -> None:
        """If the image is not in the expected state, `raise_epoch` raises StoreConflict and nothing changes."""
        first = await save(store, "a", b"first")
        second = await save(store, "a", b"second")
        with pytest.raises(StoreConflict):
            await store.raise_epoch("a", expect=first.meta.version)
        with pytest.raises(StoreConflict):
            await store.raise_epoch("nobody", expect=Expect.PRESENT)
        assert await store.get("a") == second
        assert await store.raise_epoch("a", expect=second.meta.version) is True

    async def test_epochs_of_a_range_rise_together(self, store: ImageStore) -> None:
        """`raise_epochs` raises the epochs of all images between two ids, and of no other. Their stamps change."""
        for image_id in ("a", "b:1", "b:2", "b:3", "c"):
            await save(store, image_id)
        await store.delete("b:3")
        stamps = store.stamps(["b:1", "b:2"])
        assert await store.raise_epochs(after="b:", before="b;") == 2
        assert not set(stamps) & set(store.stamps(["b:1", "b:2"]))
        assert [(image.id, image.epoch) for image in await store.list()] == [("a", 0), ("b:1", 1), ("b:2", 1), ("c", 0)]
        assert await store.raise_epochs() == 4
        assert {image.epoch for image in await store.list()} == {1, 2}

    async def test_leaving_the_writer_aborts(self, store: ImageStore) -> None:
        """An error inside `async with` aborts the write."""

        async def fail() -> None:
            async with await store.begin_write("a", VERSION) as writer:
                await writer.write(b"body")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await store.get("a") is None

    async def test_a_cancelled_write_leaves_no_trace(self, store: ImageStore) -> None:
        """If a task is cancelled while it writes, the old version stays and the store accepts further writes."""
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
    async def test_a_commit_cancelled_at_any_moment_is_whole(self, store: ImageStore, ticks: int) -> None:
        """A cancelled commit has happened completely or not at all, and the next write works as before."""
        await save(store, "a", b"old")
        task = asyncio.create_task(save(store, "a", b"new"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await read(store, "a") in (b"old", b"new")
        await save(store, "a", b"next")
        assert await read(store, "a") == b"next"

    @pytest.mark.parametrize("ticks", range(6))
    async def test_a_delete_cancelled_at_any_moment_is_whole(self, store: ImageStore, ticks: int) -> None:
        """A cancelled delete has happened completely or not at all, and the next write works as before."""
        saved = await save(store, "a", b"old")
        task = asyncio.create_task(store.delete("a"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await store.get("a") in (saved, None)
        await save(store, "a", b"next")
        assert await read(store, "a") == b"next"

    async def test_a_sweep_leaves_what_is_current_or_being_written(self, store: ImageStore) -> None:
        """gc removes at most `limit` bodies. It removes no body that is current or still being written."""
        body = body_of(6 * CHUNK_BYTES)
        for seed in range(3):
            saved = await save(store, "a", body_of(2 * CHUNK_BYTES, seed))
        async with await store.begin_write("b", VERSION) as writer:
            await writer.write(body)
            assert await store.sweep(limit=1) <= 1
            await store.sweep()
            await writer.commit(meta_of(len(body)))
        assert (await store.get("a"), await read(store, "a")) == (saved, body_of(2 * CHUNK_BYTES, 2))
        assert await read(store, "b") == body

    @pytest.mark.parametrize("meta", [meta_of(6), meta_of(5, b"of-another-write")], ids=["size", "version"])
    async def test_meta_of_another_write_is_refused(self, store: ImageStore, meta: ImageMeta) -> None:
        """If a commit's meta has another size or version than the write, the store refuses it. The write ends; the old
        image stays.
        """
        await save(store, "a", b"old")
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(b"12345")
            with pytest.raises(StoreError):
                await writer.commit(meta)
            with pytest.raises(StoreError):
                await writer.commit(meta_of(5))
        assert await read(store, "a") == b"old"

    async def test_expectations_of_a_write(self, store: ImageStore) -> None:
        """A write that expects ABSENT, PRESENT or a version needs that state. A refused write changes nothing."""
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=Expect.PRESENT)
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=os.urandom(16))
        first = await save(store, "a", b"first", expect=Expect.ABSENT)
        with pytest.raises(ImageExists):
            await save(store, "a", expect=Expect.ABSENT)
        second = await save(store, "a", b"second", expect=first.meta.version)
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=first.meta.version)
        assert await store.get("a") == second
        await save(store, "a", b"third", expect=Expect.PRESENT)
        assert await read(store, "a") == b"third"

    async def test_a_failed_commit_ends_the_write(self, store: ImageStore) -> None:
        """After a commit was refused, the writer refuses a second one, which could store half of an image."""
        await save(store, "a", b"old")
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(b"12345")
            with pytest.raises(ImageExists):
                await writer.commit(meta_of(5), CommitTerms(expect=Expect.ABSENT))
            with pytest.raises(StoreError):
                await writer.commit(meta_of(5))
        assert await read(store, "a") == b"old"

    async def test_a_large_write_that_conflicts_changes_nothing(self, store: ImageStore) -> None:
        """If a commit is refused after a large body was written, the image stays unchanged."""
        await save(store, "a", b"old")
        with pytest.raises(ImageExists):
            await save(store, "a", body_of(9 * CHUNK_BYTES), expect=Expect.ABSENT)
        assert await read(store, "a") == b"old"

    async def test_expectations_of_a_delete(self, store: ImageStore) -> None:
        """A delete raises StoreConflict and changes nothing if it expects another version, or an image that does not
        exist.
        """
        saved = await save(store, "a")
        with pytest.raises(StoreConflict):
            await store.delete("a", expect=os.urandom(16))
        assert await store.get("a") == saved
        assert await store.delete("a", expect=saved.meta.version) is True
        with pytest.raises(StoreConflict):
            await store.delete("a", expect=Expect.PRESENT)

    async def test_an_id_is_used_again_after_delete(self, store: ImageStore) -> None:
        """A deleted id can be saved again. The new token is above its last one, and the old body can't be read."""
        first = await save(store, "a", body_of(3 * CHUNK_BYTES, 1))
        await store.delete("a")
        assert await store.get("a") is None
        second = await save(store, "a", b"second", expect=Expect.ABSENT)
        assert second.token > first.token
        assert await read(store, "a") == b"second"

    async def test_one_of_concurrent_first_saves_succeeds(self, store: ImageStore) -> None:
        """Of several saves of one id that expect no image, exactly one succeeds; the others raise ImageExists. After a
        delete the same holds, under a higher token.
        """
        bodies, last = [body_of(2 * CHUNK_BYTES + seed, seed) for seed in range(4)], 0
        for _ in range(2):
            saves = (save(store, "a", body, expect=Expect.ABSENT) for body in bodies)
            outcomes = await asyncio.gather(*saves, return_exceptions=True)
            assert sum(type(outcome) is ImageExists for outcome in outcomes) == len(bodies) - 1
            current = await store.get("a")
            assert current is not None
            assert current.token > last
            assert await read(store, "a") == bodies[outcomes.index(current)]
            last = current.token
            await store.delete("a")

    async def test_concurrent_updates_leave_one_whole_version(self, store: ImageStore) -> None:
        """While several tasks update one id, every read returns one whole version, and all tokens differ."""
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
