"""Tests of image groups: an original and its variants are saved together or not at all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ...core.ids import MAX_TOKEN, variant_id
from ...core.images import Past, Tombstone
from ...errors import ImageExists, SecretError, StoreConflict, StoreError
from ..contract import CHUNK_BYTES, CommitTerms, Expect, ImageStore, ImageWriter, KeyChecks
from ..memory import MemoryStore
from .fixtures import SetClock, StoreFixtures
from .steps import (
    VERSION,
    body_of,
    checks_of,
    meta_of,
    read,
    save,
    save_group,
    written,
)

CARD, THUMB = variant_id("a", "card"), variant_id("a", "thumb")
GROUP = {"a": b"original", CARD: b"card", THUMB: b"thumb"}
NEWER = {"a": b"newer original", CARD: b"newer card", THUMB: b"newer thumb"}
LARGE = {image_id: body_of(6 * CHUNK_BYTES, seed) for seed, image_id in enumerate(GROUP)}
NEIGHBOURS = ("A", "a-", "a0", "a:b", "a_", "aa", variant_id("aa", "thumb"), variant_id("a:b", "thumb"))
"""Ids that sort near the ids of the group, but do not belong to it."""

Write = Callable[[ImageStore], Awaitable[object]]
WRITES: dict[str, Write] = {
    "all": lambda store: save_group(store, NEWER),
    "the original": lambda store: save(store, "a"),
    "a variant": lambda store: save(store, THUMB),
    "delete": lambda store: store.delete("a"),
    "delete a variant": lambda store: store.delete(THUMB),
    "revoke": lambda store: store.raise_epoch("a"),
    "revoke a variant": lambda store: store.raise_epoch(THUMB),
}


async def bodies_of(store: ImageStore) -> dict[str, bytes | None]:
    """Return the bodies of the group's existing images, by id."""
    return {image_id: await read(store, image_id) for image_id in await store.get_many(list(GROUP))}


async def sizes_in(store: ImageStore) -> dict[str, int]:
    """Return the sizes of the group's existing images, by id, read as one snapshot."""
    return {image_id: image.meta.size for image_id, image in (await store.get_many(list(GROUP))).items()}


def sizes_of(bodies: dict[str, bytes]) -> dict[str, int]:
    """Return the size of each body, by id."""
    return {image_id: len(body) for image_id, body in bodies.items()}


async def refuse(store: ImageStore, error: type[Exception], *variants: ImageWriter) -> None:
    """Commit an original with these writers of variants. Check that the store raises `error`, and that all writers have
    ended.
    """
    writer, meta = await written(store, "a", b"12345")
    with pytest.raises(error):
        await writer.commit(meta, variants=[(variant, meta_of(5)) for variant in variants])
    for each in (writer, *variants):
        with pytest.raises(StoreError):
            await each.write(b"more")
        with pytest.raises(StoreError):
            await each.commit(meta_of(5))


class GroupingContract(StoreFixtures):
    """Tests of one commit for an original and its variants."""

    @pytest.mark.parametrize("bodies", [GROUP, LARGE, {**GROUP, CARD: LARGE[CARD]}], ids=["small", "large", "mixed"])
    async def test_a_group_comes_whole(self, store: ImageStore, bodies: dict[str, bytes]) -> None:
        """After the commit, original and variants can be read. They have the same token, creation time and epoch."""
        saved = await save_group(store, bodies)
        assert [image.id for image in saved] == list(bodies)
        assert len({(image.token, image.created_ms, image.epoch) for image in saved}) == 1
        assert await store.get_many(list(bodies)) == {image.id: image for image in saved}
        await store.sweep(limit=1000)
        assert await bodies_of(store) == bodies
        assert await store.list() == list(saved)

    async def test_nothing_of_a_group_shows_before_its_commit(self, store: ImageStore) -> None:
        """A variant can't be read before the commit of its original, although its body is completely written."""
        writer, meta = await written(store, THUMB, LARGE[THUMB])
        assert (await store.list(), await store.get(THUMB), await store.open_stream(THUMB)) == ([], None, None)
        first = await store.begin_write("a", VERSION)
        await first.write(b"12345")
        await first.commit(meta_of(5), variants=[(writer, meta)])
        assert await bodies_of(store) == {"a": b"12345", THUMB: LARGE[THUMB]}

    @pytest.mark.parametrize("newer", [NEWER, LARGE], ids=["small", "large"])
    async def test_a_group_is_replaced_whole(self, store: ImageStore, clock: SetClock, newer: dict[str, bytes]) -> None:
        """An update gives all images of the group a new version and a higher token. They keep their creation time."""
        first = await save_group(store, GROUP)
        clock.now_ms += 1000
        second = await save_group(store, newer, CommitTerms(expect=first[0].meta.version))
        assert {image.token for image in second} == {clock.now_ms}
        assert {image.created_ms for image in second} == {first[0].created_ms}
        await store.sweep(limit=1000)
        assert await bodies_of(store) == newer

    async def test_variants_that_are_left_out_are_deleted(self, store: ImageStore) -> None:
        """A commit deletes existing variants that it does not bring. Their ids keep token and epoch.

        A commit without variants deletes all of them.
        """
        saved = await save_group(store, GROUP, key_id=b"old.")
        await store.raise_epoch("a")
        await save_group(store, {"a": b"again", THUMB: b"again"}, key_id=b"new.")
        assert await bodies_of(store) == {"a": b"again", THUMB: b"again"}
        assert await store.list_tombstones() == [Tombstone(CARD, saved[1].token, 1)]
        assert await store.key_usage() == {b"new.": 2}
        alone = await save(store, "a", b"alone", key_id=b"one.")
        assert await bodies_of(store) == {"a": b"alone"}
        assert [each.id for each in await store.list_tombstones()] == [CARD, THUMB]
        assert await store.key_usage() == {b"one.": 1}
        assert {image.token for image in await save_group(store, GROUP)} == {alone.token + 1}

    async def test_a_commit_may_let_variants_stay(self, store: ImageStore) -> None:
        """A commit with `variants=None` replaces the original and keeps its variants, which a copy needs."""
        _, *variants = await save_group(store, GROUP)
        writer, meta = await written(store, "a", b"again")
        (image,) = await writer.commit(meta, variants=None)
        assert await store.list() == [image, *variants]

    async def test_groups_leave_their_neighbours_alone(self, store: ImageStore) -> None:
        """A write to a group does not change images with similar ids."""
        before = {image_id: await save(store, image_id) for image_id in NEIGHBOURS}
        for write in WRITES.values():
            await write(store)
        assert await store.get_many(NEIGHBOURS) == before

    async def test_a_token_is_above_all_of_the_group(self, store: ImageStore, clock: SetClock) -> None:
        """The group's new token is above the last token of each member, even if that member is deleted or left out."""
        await save_group(store, GROUP)
        high = await save(store, THUMB, token=clock.now_ms + 1_000_000)
        saved = await save_group(store, {"a": b"a", CARD: b"b"})
        assert {image.token for image in saved} == {high.token + 1}
        await store.put_tombstones([Tombstone(THUMB, high.token + 500, 0)])
        assert (await save(store, "a")).token == high.token + 501
        assert await store.delete("a") is True
        assert {image.token for image in await save_group(store, GROUP)} == {high.token + 502}

    async def test_a_token_from_elsewhere_is_the_originals(self, store: ImageStore) -> None:
        """If a commit brings a token, its variants get that token too. If a variant's last token is not below that
        token, the variant gets its own last token plus one.
        """
        await save_group(store, GROUP, CommitTerms(token=5))
        await save(store, THUMB, token=90)
        saved = await save_group(store, NEWER, CommitTerms(token=7))
        assert [image.token for image in saved] == [7, 7, 91]
        for token in (7, 6):
            with pytest.raises(StoreConflict):
                await save_group(store, GROUP, CommitTerms(token=token))
        assert await store.list() == list(saved)
        await save(store, THUMB, token=MAX_TOKEN)
        with pytest.raises(StoreError):
            await save_group(store, GROUP, CommitTerms(token=8))
        with pytest.raises(StoreError):
            await save(store, "a")
        assert await store.get("a") == saved[0]

    async def test_variants_have_the_past_of_their_original(self, store: ImageStore, clock: SetClock) -> None:
        """Variants saved later get their original's creation time and epoch. A variant's own epoch never falls."""
        first = await save(store, "a")
        assert await store.raise_epoch("a") is True
        clock.now_ms += 1000
        saved = await save_group(store, GROUP)
        assert {(image.created_ms, image.epoch) for image in saved} == {(first.created_ms, 1)}
        for _ in range(2):
            assert await store.raise_epoch(THUMB) is True
        assert [image.epoch for image in await save_group(store, NEWER)] == [1, 1, 3]
        brought = await save_group(store, GROUP, CommitTerms(past=Past(5, 2)))
        assert [(image.created_ms, image.epoch) for image in brought] == [(5, 2), (5, 2), (5, 3)]

    async def test_all_keys_of_a_group_are_admitted_together(self, store: ImageStore) -> None:
        """If the store refuses the key ring, it refuses the whole group. If it accepts the ring, all keys are under its
        last secret.
        """
        old, new = await checks_of(store, b"old.", b"new.")
        saved = await save_group(store, GROUP, CommitTerms([old]), key_id=b"old.")
        with pytest.raises(SecretError):
            await save_group(store, NEWER, CommitTerms([new]), key_id=b"new.")
        assert await store.list() == list(saved)
        await save_group(store, NEWER, CommitTerms([old, new]), key_id=b"new.")
        assert await store.key_usage() == {b"new.": 3}
        assert await store.key_checks() == KeyChecks(frozenset({old, new}), frozenset())

    async def test_a_refused_group_leaves_the_one_of_before(self, store: ImageStore) -> None:
        """If the original is not as expected, the group stays unchanged, and none of the new images can be read."""
        with pytest.raises(StoreConflict):
            await save_group(store, LARGE, CommitTerms(expect=Expect.PRESENT))
        assert (await store.list(), await store.list_tombstones()) == ([], [])
        saved = await save_group(store, GROUP)
        for expect, error in ((Expect.ABSENT, ImageExists), (VERSION, StoreConflict)):
            with pytest.raises(error):
                await save_group(store, LARGE, CommitTerms(expect=expect))
        await store.sweep(limit=1000)
        assert (await store.list(), await bodies_of(store)) == (list(saved), GROUP)

    async def test_what_is_no_variant_of_it_ends_all(self, store: ImageStore) -> None:
        """A commit raises StoreError and ends all its writers if one of `variants` does not fit.

        These do not fit: a writer of another image, of a variant of another original, or of another store; a writer
        that has ended; two writers of one variant; a meta of another write.
        """
        saved = await save_group(store, GROUP)

        async def begin(image_id: str, where: ImageStore = store) -> ImageWriter:
            writer = await where.begin_write(image_id, VERSION)
            await writer.write(b"12345")
            return writer

        for image_id in ("a", "b", variant_id("b", "thumb"), variant_id("aa", "thumb")):
            await refuse(store, StoreError, await begin(CARD), await begin(image_id))
        await refuse(store, StoreError, await begin(CARD), await begin(CARD))
        await refuse(store, StoreError, await begin(CARD), await begin(THUMB, MemoryStore()))
        ended = await begin(THUMB)
        await ended.abort()
        await refuse(store, StoreError, await begin(CARD), ended)
        writer = await begin(THUMB)
        await writer.write(b"longer than its meta")
        await refuse(store, StoreError, writer, await begin(CARD))
        writer, meta = await written(store, CARD, b"body")
        with pytest.raises(StoreError):
            await writer.commit(meta, variants=[(await begin(THUMB), meta_of(5))])
        await store.sweep(limit=1000)
        assert (await store.list(), await bodies_of(store)) == (list(saved), GROUP)

    @pytest.mark.parametrize("ticks", [*range(8), 10, 14, 20, 30])
    async def test_a_group_cancelled_at_any_moment_is_whole(self, store: ImageStore, ticks: int) -> None:
        """A cancelled commit has happened for all images of the group or for none. All its writers have ended."""
        await save_group(store, GROUP)
        (writer, meta), *variants = [await written(store, image_id, body) for image_id, body in NEWER.items()]
        task = asyncio.ensure_future(writer.commit(meta, variants=variants))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await sizes_in(store) in (sizes_of(GROUP), sizes_of(NEWER))
        for each in (writer, *(variant for variant, _ in variants)):
            if not ticks:
                await each.abort()  # the commit has not begun
            with pytest.raises(StoreError):
                await each.write(b"more")
        await save_group(store, LARGE)
        assert await bodies_of(store) == LARGE

    async def test_groups_at_once_do_not_mix(self, store: ImageStore) -> None:
        """If several groups are saved under one id at the same time, every read returns images of only one of them."""
        groups = [{image_id: b"%d" % n + bytes(n) for image_id in GROUP} for n in range(8)]
        saves = [asyncio.create_task(save_group(store, bodies)) for bodies in groups]
        while not all(task.done() for task in saves):
            images = (await store.get_many(list(GROUP))).values()
            assert len(images) in (0, len(GROUP))
            assert len({(image.token, image.meta.size) for image in images}) <= 1
            await asyncio.sleep(0)
        assert len({task.result()[0].token for task in saves}) == len(groups)
        assert await bodies_of(store) in groups
