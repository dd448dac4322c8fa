"""Tests of variants: written alone, deleted and revoked with their original, listed or left out."""

import asyncio
from dataclasses import replace

import pytest

from ...core.ids import variant_id
from ...core.images import Past, RewrappedKey, StoredImage, Tombstone
from ...errors import StoreConflict
from ..contract import CHUNK_BYTES, Expect, ImageStore
from .fixtures import SetClock, StoreFixtures
from .grouping import CARD, GROUP, LARGE, NEWER, THUMB, WRITES, bodies_of, sizes_in, sizes_of
from .steps import VERSION, body_of, save, save_group, stamp_of, wrapped_key_of


class VariantsContract(StoreFixtures):
    """Tests of writes to one variant, and of deletes and revokes of a whole group."""

    async def test_a_variant_is_written_alone(self, store: ImageStore, clock: SetClock) -> None:
        """A variant that is written alone gets its original's creation time and epoch, and a rising token of its own.

        The other images of the group stay unchanged.
        """
        original, card, thumb = await save_group(store, GROUP)
        await store.raise_epoch("a")
        clock.now_ms += 1000
        saved = await save(store, THUMB, b"again", expect=Expect.PRESENT)
        assert (saved.token, saved.created_ms, saved.epoch) == (clock.now_ms, original.created_ms, 1)
        assert saved.token > thumb.token
        clock.now_ms -= 5000
        assert (await save(store, THUMB, b"again", expect=Expect.PRESENT)).token == saved.token + 1
        for token in (saved.token + 1, 1):
            with pytest.raises(StoreConflict):
                await save(store, THUMB, token=token)
        others = await store.get_many(["a", CARD])
        assert others == {"a": replace(original, epoch=1), CARD: replace(card, epoch=1)}
        assert await bodies_of(store) == {**GROUP, THUMB: b"again"}

    async def test_a_variant_of_an_old_version_is_refused(self, store: ImageStore) -> None:
        """A write to a variant can expect a version of the original. If the original has another version, the write is
        refused.
        """
        first = await save(store, "a")
        saved = await save(store, THUMB, b"thumb", expect=first.meta.version)
        with pytest.raises(StoreConflict):
            await save(store, THUMB, expect=saved.meta.version)
        second = await save_group(store, {"a": b"newer", THUMB: b"newer"})
        with pytest.raises(StoreConflict):
            await save(store, THUMB, body_of(6 * CHUNK_BYTES), expect=first.meta.version)
        assert await bodies_of(store) == {"a": b"newer", THUMB: b"newer"}
        await save(store, CARD, expect=second[0].meta.version)

    async def test_a_variant_wants_its_original(self, store: ImageStore) -> None:
        """With `Expect.PRESENT`, the store refuses a variant whose original was never saved or is deleted.

        With `Expect.ANY` the store accepts the variant.
        """
        for _ in range(2):
            with pytest.raises(StoreConflict):
                await save(store, THUMB, expect=Expect.PRESENT)
            await save_group(store, GROUP)
            await store.delete("a")
        assert await store.list() == []
        assert (await save(store, THUMB)).id == THUMB
        assert await store.delete("a") is False
        assert await store.list() == []

    async def test_a_copied_variant_brings_its_past(self, store: ImageStore) -> None:
        """A copied variant gets the given token, creation time and epoch, with or without its original. Its epoch never
        falls.
        """
        copied = await save(store, THUMB, token=7, past=Past(5, 3))
        assert (copied.token, copied.created_ms, copied.epoch) == (7, 5, 3)
        await save(store, "a", token=1000)
        await store.raise_epoch("a")
        copied = await save(store, CARD, token=9, past=Past(6, 0))
        assert (copied.token, copied.created_ms, copied.epoch) == (9, 6, 0)
        again = await save(store, THUMB, token=8, past=Past(5, 1))
        assert again.epoch == 3

    async def test_a_late_variant_looks_no_older_than_its_original(self, store: ImageStore, clock: SetClock) -> None:
        """A variant that is written alone never has a lower token than its original, even if the clock is behind."""
        original = await save(store, "a", token=1000)
        clock.now_ms = 7
        assert (await save(store, THUMB)).token == original.token
        assert (await save(store, THUMB)).token > original.token

    async def test_a_variant_has_no_variants(self, store: ImageStore) -> None:
        """Writing one variant deletes no other variant."""
        await save_group(store, GROUP)
        for image_id in (THUMB, CARD):
            await save(store, image_id, b"again")
        assert await bodies_of(store) == {"a": b"original", CARD: b"again", THUMB: b"again"}

    async def test_a_group_is_deleted_whole(self, store: ImageStore) -> None:
        """A delete of the original deletes its variants in the same step. Their ids keep token and epoch, and no key
        remains.
        """
        saved = await save_group(store, GROUP)
        await store.raise_epoch(THUMB)
        with pytest.raises(StoreConflict):
            await store.delete("a", expect=VERSION)
        assert len(await store.list()) == 3
        assert await store.delete("a", expect=saved[0].meta.version) is True
        assert (await store.list(), await store.key_usage()) == ([], {})
        left = [Tombstone(image.id, image.token, int(image.id == THUMB)) for image in saved]
        assert await store.list_tombstones() == left
        assert await store.delete("a") is False

    async def test_a_variant_is_deleted_alone(self, store: ImageStore) -> None:
        """A delete of a variant expects the variant's version. The other images of the group stay."""
        original, card, thumb = await save_group(store, GROUP)
        with pytest.raises(StoreConflict):
            await store.delete(THUMB, expect=original.meta.version)
        assert await store.delete(THUMB, expect=thumb.meta.version) is True
        assert await store.delete(THUMB) is False
        assert await store.list() == [original, card]

    @pytest.mark.parametrize("ticks", range(6))
    async def test_a_delete_of_a_group_cancelled_at_any_moment_is_whole(self, store: ImageStore, ticks: int) -> None:
        """A cancelled delete of an original has deleted all images of its group or none."""
        await save_group(store, GROUP)
        task = asyncio.ensure_future(store.delete("a"))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await sizes_in(store) in (sizes_of(GROUP), {})
        await save_group(store, NEWER)
        assert await bodies_of(store) == NEWER

    async def test_a_group_is_revoked_whole(self, store: ImageStore) -> None:
        """Raising the epochs of an original or of a range also raises the epochs of the variants.

        Raising the epoch of a variant changes no other image.
        """
        saved = await save_group(store, GROUP)
        await save(store, "b")
        with pytest.raises(StoreConflict):
            await store.raise_epoch("a", expect=VERSION)
        assert await store.raise_epoch("a", expect=saved[0].meta.version) is True
        assert await store.raise_epoch(CARD, expect=saved[1].meta.version) is True
        epochs = [image.epoch for image in await store.list()]
        assert epochs == [1, 2, 1, 0]
        assert await store.raise_epochs(after="", before="b") == 1
        assert [image.epoch for image in await store.list()] == [2, 3, 2, 0]
        await store.delete(CARD)
        assert await store.raise_epoch("a") is True
        assert (await store.list_tombstones())[0].epoch == 3
        assert await store.raise_epoch(CARD) is False

    async def test_a_variant_that_was_revoked_with_its_original_comes_back_revoked(self, store: ImageStore) -> None:
        """A variant that was deleted before its original was revoked gets the raised epoch when it is saved again."""
        await save_group(store, GROUP)
        await store.delete(THUMB)
        await store.raise_epoch("a")
        assert (await save(store, THUMB, expect=Expect.PRESENT)).epoch == 1

    async def test_a_row_takes_key_and_epoch_for_itself(self, store: ImageStore) -> None:
        """A RewrappedKey of an original changes only the original's epoch, not those of its variants. No epoch
        falls.
        """
        saved = await save_group(store, GROUP)
        versions = {image.id: image.meta.version for image in saved}
        wrapped = [RewrappedKey("a", versions["a"], wrapped_key_of(b"new."), 4), RewrappedKey(THUMB, VERSION, b"", 9)]
        assert await store.replace_wrapped_keys(wrapped) == 1
        assert [image.epoch for image in await store.list()] == [4, 0, 0]
        assert await store.replace_wrapped_keys([RewrappedKey("a", versions["a"], wrapped_key_of(), 3)]) == 1
        assert [image.epoch for image in await store.list()] == [4, 0, 0]

    @pytest.mark.parametrize("write", WRITES)
    async def test_every_write_changes_the_stamps_of_the_group(self, store: ImageStore, write: str) -> None:
        """A write to any member changes the version stamps of all members."""
        await save_group(store, GROUP)
        stamps = {image_id: stamp_of(store, image_id) for image_id in GROUP}
        await WRITES[write](store)
        assert [image_id for image_id, stamp in stamps.items() if stamp_of(store, image_id) == stamp] == []

    async def test_a_list_may_leave_variants_out(self, store: ImageStore) -> None:
        """With `originals_only`, `list` returns full pages of originals within its bounds. Without it, it returns all
        images.
        """
        for original in ("a", "b:1", "b:2", "c"):
            await save_group(store, {original: b"x", **{variant_id(original, str(n)): b"y" for n in range(4)}})
        await save(store, variant_id("d", "alone"))
        assert len(await store.list()) == 21

        async def listed(after: str | None = None, before: str | None = None, limit: int = 100) -> list[str]:
            images = await store.list(after=after, before=before, limit=limit, originals_only=True)
            return [image.id for image in images]

        assert await listed() == ["a", "b:1", "b:2", "c"]
        assert await listed(limit=3) == ["a", "b:1", "b:2"]
        assert await listed(after="b:1", limit=1) == ["b:2"]
        assert await listed(after="b:", before="b;") == ["b:1", "b:2"]

    async def test_a_separation_takes_variants_along(self, store: ImageStore) -> None:
        """`separate` wraps the keys of variants again too."""
        await save_group(store, GROUP)
        seen: list[str] = []

        def rewrap(image: StoredImage) -> bytes:
            seen.append(image.id)
            return wrapped_key_of(b"new.")

        assert await store.separate(bytes(range(1, 17)), b"check", rewrap) == 3
        assert sorted(seen) == sorted(GROUP)
        assert await store.key_usage() == {b"new.": 3}

    async def test_a_stream_of_a_variant_outlives_its_group(self, store: ImageStore) -> None:
        """An open stream of a variant can be read to its end, although the group is replaced and deleted and
        gc runs.
        """
        await save_group(store, LARGE)
        stream = await store.open_stream(THUMB)
        assert stream is not None
        head = await anext(stream)
        await save_group(store, GROUP)
        await store.delete("a")
        await store.sweep(limit=1000)
        assert head + b"".join([chunk async for chunk in stream]) == LARGE[THUMB]
