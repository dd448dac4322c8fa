"""Tests of reads: one image, many images, all images in order, and streams."""

import asyncio

from ..contract import CHUNK_BYTES, WHOLE_BYTES, ImageStore
from .fixtures import StoreFixtures
from .steps import body_of, read, save


class ReadingContract(StoreFixtures):
    """Tests of reads of rows and bodies."""

    async def test_an_unknown_id_is_none(self, store: ImageStore) -> None:
        """For an id without an image, `get` and `open_stream` return None, and `delete` returns False."""
        assert await store.get("nobody") is None
        assert await store.open_stream("nobody") is None
        assert await store.delete("nobody") is False

    async def test_what_is_read_at_once_is_the_current_version(self, store: ImageStore) -> None:
        """`read_nowait` returns the current version with its whole body, or None.

        It always returns None for bodies above WHOLE_BYTES, and for ids without an image.
        """
        for size in (1, CHUNK_BYTES, CHUNK_BYTES + 1, WHOLE_BYTES):
            saved = await save(store, "a", body_of(size))
            image, chunks = store.read_nowait("a") or (saved, [body_of(size)])
            assert (image, b"".join(chunks)) == (saved, body_of(size))
        await save(store, "a", body_of(WHOLE_BYTES + 1))
        assert store.read_nowait("a") is None
        await save(store, "a", b"small")
        await store.delete("a")
        assert store.read_nowait("a") is None
        assert store.read_nowait("nobody") is None

    async def test_get_many_returns_those_that_exist(self, store: ImageStore) -> None:
        """`get_many` accepts more ids than one statement can name. It leaves out unknown and deleted ids."""
        saved = {name: await save(store, name) for name in ("a", "b", "c")}
        await store.delete("b")
        ids = ["a", "b", "c", *(f"unknown-{n}" for n in range(1200))]
        assert await store.get_many(ids) == {"a": saved["a"], "c": saved["c"]}
        assert await store.get_many(["a", "a"]) == {"a": saved["a"]}
        assert await store.get_many([]) == {}

    async def test_list_pages_in_the_order_of_ids(self, store: ImageStore) -> None:
        """`list` returns pages of images, ordered by the code points of their ids. Deleted images are left out."""
        for name in ("b", "a:2", "a:1", "B", "gone", "c"):
            await save(store, name)
        await store.delete("gone")
        assert [image.id for image in await store.list()] == ["B", "a:1", "a:2", "b", "c"]
        page = await store.list(limit=2)
        assert [image.id for image in page] == ["B", "a:1"]
        assert [image.id for image in await store.list(after="a:1", limit=2)] == ["a:2", "b"]
        assert await store.list(after="c") == []
        assert len(await store.list(after="", before="")) == 5
        assert [image.id for image in await store.list(after="a:", before="a;")] == ["a:1", "a:2"]
        assert [image.id for image in await store.list(before="a:1")] == ["B"]

    async def test_a_stream_outlives_updates_and_deletes(self, store: ImageStore) -> None:
        """An open stream yields all of its own version, even if the image is updated and deleted and gc runs
        meanwhile.
        """
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

    async def test_skipped_chunks_are_left_out(self, store: ImageStore) -> None:
        """`skip` skips whole chunks, at most `most` bytes. The stream then yields the rest of the body."""
        for size in (5, CHUNK_BYTES, WHOLE_BYTES, 6 * CHUNK_BYTES + 5):
            body = body_of(size)
            await save(store, "a", body)
            for most in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 1, size - 1, size, 10 * size):
                stream = await store.open_stream("a")
                assert stream is not None
                skipped = stream.skip(most)
                assert skipped <= min(most, size)
                assert skipped % CHUNK_BYTES == 0
                assert b"".join([chunk async for chunk in stream]) == body[skipped:]

    async def test_a_closed_stream_yields_nothing_more(self, store: ImageStore) -> None:
        """After `aclose`, a stream yields no more chunks. A second `aclose` does nothing."""
        await save(store, "a", body_of(3 * CHUNK_BYTES))
        stream = await store.open_stream("a")
        assert stream is not None
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        assert [chunk async for chunk in stream] == []

    async def test_a_cancelled_stream_harms_no_other(self, store: ImageStore) -> None:
        """After cancelled reads, the store and its other readers work as before."""
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
