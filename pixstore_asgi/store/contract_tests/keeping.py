"""Tests of the data beside bodies: tokens that only rise, creation times, version stamps, the store's id."""

import asyncio
from pathlib import Path

import anyio.to_thread
import pytest

from ...core.ids import MAX_TOKEN
from ...core.images import DATABASE_ID_BYTES, is_older_than_ids
from ...errors import StoreConflict, StoreError
from ..contract import ImageStore
from .fixtures import SetClock, StoreFixtures
from .steps import read, save, stamp_of


class KeepingContract(StoreFixtures):
    """Tests of tokens, times, version stamps, the store's id, opening and closing."""

    async def test_each_event_loop_opens_it_for_itself(self, store: ImageStore) -> None:
        """A second event loop can open, use and close the store, and the store stays open in the first one."""
        saved = await save(store, "a", b"body")

        async def use() -> bytes | None:
            await store.open()
            try:
                await save(store, "b", b"other")
                return await read(store, "a")
            finally:
                await store.close()

        assert await anyio.to_thread.run_sync(asyncio.run, use()) == b"body"
        assert await store.get("a") == saved
        assert await read(store, "b") == b"other"

    @pytest.mark.parametrize("step_ms", [0, -1, -3_600_000], ids=["frozen", "slow", "set-back"])
    async def test_tokens_rise_whatever_the_clock_does(self, store: ImageStore, clock: SetClock, step_ms: int) -> None:
        """The tokens of an id rise strictly across updates and deletes, even if the clock stops or goes backward."""
        tokens = [(await save(store, "a")).token]
        for _ in range(3):
            clock.now_ms += step_ms
            tokens.append((await save(store, "a")).token)
        await store.delete("a")
        clock.now_ms += step_ms
        tokens.append((await save(store, "a")).token)
        assert tokens == list(range(tokens[0], tokens[0] + 5))

    async def test_a_token_is_the_clock_where_it_can_be(self, store: ImageStore, clock: SetClock) -> None:
        """A new token is the clock in epoch milliseconds, but at least 1. If the clock is above 2**53 - 1, the save
        raises StoreError.
        """
        assert (await save(store, "a")).token == clock.now_ms
        clock.now_ms += 5000
        assert (await save(store, "a")).token == clock.now_ms
        clock.now_ms = -7
        assert (await save(store, "b")).token == 1
        clock.now_ms = MAX_TOKEN + 1
        with pytest.raises(StoreError):
            await save(store, "c")
        assert await store.get("c") is None

    async def test_a_commit_takes_a_token_from_elsewhere(self, store: ImageStore) -> None:
        """A commit that brings a token sets it. If that token is not above the last one, even of a deleted image, the
        store raises StoreConflict.
        """
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

    async def test_an_image_knows_when_it_was_first_saved(self, store: ImageStore, clock: SetClock) -> None:
        """Every read returns the time of the image's first save. Updates keep that time; a save after a delete sets it
        again.
        """
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

    async def test_a_stamp_never_comes_back(self, store: ImageStore) -> None:
        """Each save, update and delete changes the version stamp to a new value, even if the store is closed and opened
        in between.
        """
        stamps = [stamp_of(store, "a")]
        for _ in range(5):
            await save(store, "a")
            stamps.append(stamp_of(store, "a"))
            await save(store, "a")
            stamps.append(stamp_of(store, "a"))
            await store.delete("a")
            stamps.append(stamp_of(store, "a"))
            await store.close()
            await store.open()
        assert len(set(stamps)) == len(stamps)

    async def test_each_id_has_its_stamp(self, store: ImageStore) -> None:
        """`stamps` returns one stamp for each id, known or not. For an empty list of ids it returns an empty list."""
        await save(store, "a")
        assert len(store.stamps(["nobody", "a", "nobody", "a"])) == 4
        assert len(store.stamps([])) == 0

    async def test_a_store_keeps_its_id(self, store: ImageStore) -> None:
        """The store has an id from its first open on. `separate` changes it; a write or a further open does not."""
        first = await store.database_id()
        assert len(first) == DATABASE_ID_BYTES
        assert not is_older_than_ids(first)
        await save(store, "a")
        await store.close()
        await store.open()
        assert await store.database_id() == first
        other = bytes(range(1, DATABASE_ID_BYTES + 1))
        assert await store.separate(other, b"check", lambda image: image.meta.wrapped_key) == 1
        await store.close()
        await store.open()
        assert await store.database_id() == other

    async def test_opening_and_closing_repeat(self, store: ImageStore) -> None:
        """A repeated open or close changes nothing. After a close, an open makes all saved images readable again."""
        await store.open()
        saved = await save(store, "a")
        await store.close()
        await store.close()
        await store.open()
        assert await store.get("a") == saved

    async def test_a_store_tells_where_a_key_file_may_be(self, store: ImageStore) -> None:
        """`key_file` is a Path, or None if the store has no place for a key file."""
        assert store.key_file is None or isinstance(store.key_file, Path)

    async def test_a_store_tells_its_largest_body(self, store: ImageStore) -> None:
        """`max_body_bytes` is a number of bytes, or None if the store sets no limit."""
        assert store.max_body_bytes is None or store.max_body_bytes > 0
