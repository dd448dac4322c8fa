"""Tests of copies between stores: images keep their creation time and epoch, and deleted images become tombstones."""

from dataclasses import replace

import pytest

from ...core.images import Past, Tombstone
from ...errors import StoreConflict
from ..contract import CHUNK_BYTES, CommitTerms, Expect, ImageStore, KeyChecks
from .fixtures import SetClock, StoreFixtures
from .steps import VERSION, body_of, checks_of, meta_of, read, save, stamp_of

_LARGE = body_of(6 * CHUNK_BYTES)


class CopyingContract(StoreFixtures):
    """Tests of images with a given past, of tombstones, and of one version that is written more than once."""

    async def test_an_image_brings_its_past(self, store: ImageStore, clock: SetClock) -> None:
        """A commit with `past` sets creation time and epoch. Every read returns them, and an update keeps them."""
        saved = await save(store, "a", b"body", token=7, past=Past(5, 3))
        assert (saved.token, saved.created_ms, saved.epoch) == (7, 5, 3)
        stream = await store.open_stream("a")
        assert stream is not None
        assert stream.image == await store.get("a") == (await store.list())[0] == saved
        await stream.aclose()
        updated = await save(store, "a", b"newer")
        assert (updated.created_ms, updated.epoch) == (5, 3)
        assert await store.raise_epoch("a") is True
        raised = await store.get("a")
        assert raised == replace(updated, epoch=4)

    async def test_a_past_never_lowers_an_epoch(self, store: ImageStore) -> None:
        """If the id has a higher epoch than `past`, the higher one stays, even after a delete. So revoked proofs stay
        revoked.
        """
        await save(store, "a")
        await store.raise_epoch("a")
        await store.raise_epoch("a")
        assert (await save(store, "a", past=Past(1, 1))).epoch == 2
        await store.delete("a")
        again = await save(store, "a", past=Past(9, 0))
        assert (again.created_ms, again.epoch) == (9, 2)

    async def test_a_refused_past_changes_nothing(self, store: ImageStore) -> None:
        """If the image is not as expected, a commit with `past` changes nothing."""
        saved = await save(store, "a")
        with pytest.raises(StoreConflict):
            await save(store, "a", expect=Expect.ABSENT, past=Past(1, 9))
        assert await store.get("a") == saved

    async def test_deleted_images_are_listed(self, store: ImageStore) -> None:
        """`list_tombstones` returns deleted ids in order, each with its last token and epoch. It has bounds and pages
        like `list`.
        """
        tokens = {image_id: (await save(store, image_id)).token for image_id in ("c", "a", "b:1", "B", "kept", "again")}
        await store.raise_epoch("a")
        for image_id in ("c", "a", "b:1", "B", "again"):
            await store.delete(image_id)
        await save(store, "again")
        left = [Tombstone(image_id, tokens[image_id], int(image_id == "a")) for image_id in ("B", "a", "b:1", "c")]
        assert await store.list_tombstones() == left
        assert await store.list_tombstones(after="", before="") == left
        assert await store.list_tombstones(after="B", limit=2) == left[1:3]
        assert await store.list_tombstones(after="a", before="c") == left[2:3]
        assert [image.id for image in await store.list()] == ["again", "kept"]

    async def test_an_id_gets_a_tombstone(self, store: ImageStore) -> None:
        """A tombstone for an unknown id has the effect of a delete: the next token and epoch continue from it."""
        tombstones = [Tombstone("a", 2**50, 4), Tombstone("b", 3, 0)]
        await store.put_tombstones(tombstones)
        assert await store.list_tombstones() == tombstones
        assert (await store.list(), await store.get("a")) == ([], None)
        with pytest.raises(StoreConflict):
            await save(store, "a", token=2**50)
        saved = await save(store, "a")
        assert (saved.token, saved.epoch) == (2**50 + 1, 4)
        await store.put_tombstones([])

    async def test_a_tombstone_lowers_nothing(self, store: ImageStore) -> None:
        """A deleted id keeps the higher token and the higher epoch. If the id has an image, the image stays
        unchanged.
        """
        saved = await save(store, "a", token=100)
        await store.raise_epoch("a")
        await store.put_tombstones([Tombstone("a", 900, 9)])
        assert await store.get("a") == replace(saved, epoch=1)
        await store.delete("a")
        await store.put_tombstones([Tombstone("a", 99, 5)])
        await store.put_tombstones([Tombstone("a", 101, 2)])
        assert await store.list_tombstones() == [Tombstone("a", 101, 5)]

    async def test_a_tombstone_changes_the_stamp(self, store: ImageStore) -> None:
        """Writing a tombstone changes the version stamp of its id."""
        stamp = stamp_of(store, "a")
        await store.put_tombstones([Tombstone("a", 5, 0)])
        assert stamp_of(store, "a") != stamp

    async def test_secrets_are_known_before_their_images_are_there(self, store: ImageStore) -> None:
        """A call of `replace_wrapped_keys` without keys stores the last check value of its key ring."""
        old, new = await checks_of(store, b"old.", b"new.")
        assert await store.replace_wrapped_keys([], checks=[old]) == 0
        assert await store.replace_wrapped_keys([], checks=[old, new]) == 0
        assert await store.key_checks() == KeyChecks(frozenset({old, new}), frozenset())

    @pytest.mark.parametrize("first", [0, 1])
    async def test_one_version_is_written_twice_at_once(self, store: ImageStore, first: int) -> None:
        """If two writers write one version, only one commit succeeds. The end of the other writer does not remove the
        body.
        """
        writers = [await store.begin_write("a", VERSION) for _ in range(2)]
        for writer in writers:
            await writer.write(_LARGE)
        (saved,) = await writers[first].commit(meta_of(len(_LARGE)), CommitTerms(expect=Expect.ABSENT))
        with pytest.raises(StoreConflict):
            await writers[1 - first].commit(meta_of(len(_LARGE)), CommitTerms(expect=Expect.ABSENT))
        await store.sweep(limit=1000)
        assert (await store.get("a"), await read(store, "a")) == (saved, _LARGE)

    async def test_a_version_given_up_is_written_again(self, store: ImageStore) -> None:
        """After a write of a version was aborted, the same version can be written again, and gc does not remove its
        body.
        """
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(_LARGE)
        async with await store.begin_write("a", VERSION) as writer:
            await writer.write(_LARGE)
            await store.sweep()
            await writer.commit(meta_of(len(_LARGE)))
        await store.sweep(limit=1000)
        assert await read(store, "a") == _LARGE
