"""Tests of the usage of directories, and of its limits. A store without the method `usage` skips them."""

import asyncio

import pytest

from ...core.images import DirectoryLimit, StoredImage, Usage
from ...errors import DirectoryFull
from ..contract import CHUNK_BYTES, CommitTerms, ImageStore
from ..inspection import Countable
from .fixtures import StoreFixtures
from .steps import body_of, read, save, save_group, written

THUMB = "ada:a~thumb"


async def of(store: Countable, directory: str) -> Usage:
    """Return the usage of a directory."""
    return await store.usage(after=f"{directory}:", before=f"{directory};")


async def save_within(
    store: ImageStore, limit: tuple[int | None, int | None], image_id: str, body: bytes = b"1234", *variants: bytes
) -> StoredImage:
    """Save an image, with variants of these bodies, under a limit of images and bytes."""
    group = {image_id: body} | {f"{image_id}~v{number}": variant for number, variant in enumerate(variants)}
    return (await save_group(store, group, CommitTerms(limit=DirectoryLimit(*limit))))[0]


class CountingContract(StoreFixtures):
    """Tests of `usage`, and of commits with a limit."""

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

    async def test_a_full_directory_takes_no_image(self, store: ImageStore, counts: Countable) -> None:
        """A commit that exceeds the number of images is refused and changes nothing. A new version is no new image."""
        saved = await save_within(store, (1, None), "ada:a")
        for body in (b"1234", body_of(6 * CHUNK_BYTES)):
            with pytest.raises(DirectoryFull, match="directory ada has 1 of at most 1 images") as caught:
                await save_within(store, (1, None), "ada:b", body)
            assert (caught.value.directory, caught.value.reason) == ("ada", "images")
        await store.sweep()
        assert (await store.list(), await store.list_tombstones()) == ([saved], [])
        await save_within(store, (1, None), "ada:a", b"newer", b"thumb", b"card")
        await save_within(store, (1, None), "bob:b")
        assert await of(counts, "ada") == Usage(1, 14)
        await store.delete("ada:a")
        await save_within(store, (1, None), "ada:b")

    async def test_bytes_include_variants_and_exclude_the_replaced(self, store: ImageStore, counts: Countable) -> None:
        """The bytes after a commit may reach the limit and not exceed it. Variants count, replaced versions do not."""
        await save_within(store, (None, 10), "ada:a", b"1234", b"12", b"1234")
        for image_id, body in (("ada:b", b"1"), ("ada:a", b"12345678901")):
            with pytest.raises(
                DirectoryFull, match="directory ada has 10 of at most 10 bytes, and the image needs 1 more"
            ):
                await save_within(store, (None, 10), image_id, body)
        assert await read(store, "ada:a") == b"1234"
        await save_within(store, (None, 10), "ada:a", b"1234567890")
        assert await of(counts, "ada") == Usage(1, 10)

    async def test_a_version_that_is_not_longer_always_fits(self, store: ImageStore, counts: Countable) -> None:
        """In a directory above its limits, an image may be replaced by a version that is not longer."""
        for image_id in ("ada:a", "ada:b"):
            await save(store, image_id, b"1234567890")
        await save_within(store, (1, 5), "ada:a", b"0123456789")
        await save_within(store, (1, 5), "ada:a", b"012")
        with pytest.raises(DirectoryFull):
            await save_within(store, (1, 5), "ada:a", b"0123")
        assert await of(counts, "ada") == Usage(2, 13)

    async def test_concurrent_commits_share_the_room(self, store: ImageStore, counts: Countable) -> None:
        """Of concurrent commits with a limit, exactly those succeed that have room. Other directories do not matter."""
        saves = [save_within(store, (None, 12), f"{directory}:{n}") for n in range(8) for directory in ("ada", "bob")]
        saves += [save_within(store, (3, None), f"cy:{n}") for n in range(8)]
        outcomes = await asyncio.gather(*saves, return_exceptions=True)
        assert [type(each) for each in outcomes if not isinstance(each, StoredImage)] == [DirectoryFull] * 15
        assert [await of(counts, directory) for directory in ("ada", "bob", "cy")] == [Usage(3, 12)] * 3
