"""Tests of the usage of directories. A store without the method `usage` skips them."""

import pytest

from ...core.images import Usage
from ..contract import CHUNK_BYTES, ImageStore
from ..inspection import Countable
from .fixtures import StoreFixtures
from .steps import body_of, save, save_group, written

THUMB = "ada:a~thumb"


async def of(store: Countable, directory: str) -> Usage:
    """Return the usage of a directory."""
    return await store.usage(after=f"{directory}:", before=f"{directory};")


class CountingContract(StoreFixtures):
    """Tests of `usage`."""

    @pytest.fixture
    def counts(self, store: ImageStore) -> Countable:
        if not isinstance(store, Countable):
            pytest.skip("the store has no method `usage`")
        return store

    async def test_usage_counts_current_images(self, store: ImageStore, counts: Countable) -> None:
        """The usage has the number of images, and the bytes of images and variants: of current versions only."""
        assert await of(counts, "ada") == Usage(0, 0)
        await save_group(store, {"ada:a": b"original", THUMB: b"thumb"})
        await save(store, "ada:b", body_of(6 * CHUNK_BYTES))
        assert await of(counts, "ada") == Usage(2, 13 + 6 * CHUNK_BYTES)
        await save(store, "ada:a", b"newer")
        assert await of(counts, "ada") == Usage(2, 5 + 6 * CHUNK_BYTES)
        await store.delete("ada:b")
        assert await of(counts, "ada") == Usage(1, 5)
        writer, _ = await written(store, "ada:c", body_of(6 * CHUNK_BYTES))
        assert await of(counts, "ada") == Usage(1, 5)
        await writer.abort()

    async def test_usage_leaves_other_directories_out(self, store: ImageStore, counts: Countable) -> None:
        """Only ids between the bounds count, without the bounds all of them."""
        for image_id in ("ada", "ada-b:c", "ada:a", "adab:c", "ad:a", "Ada:a"):
            await save(store, image_id, b"1234")
        assert await of(counts, "ada") == Usage(1, 4)
        assert await counts.usage() == Usage(6, 24)
        assert await counts.usage(after="ada", before="ada:a") == Usage(1, 4)
