"""Copies of images with variants: row by row, and finally equal to the source, which is written meanwhile."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from pixstore_asgi.core.ids import variant_id
from pixstore_asgi.core.images import RewrappedKey
from pixstore_asgi.errors import StoreConflict
from pixstore_asgi.store.contract import CommitTerms, Expect, ImageStore, ImageStream
from pixstore_asgi.store.contract_tests.grouping import CARD, GROUP, NEWER, THUMB
from pixstore_asgi.store.contract_tests.steps import checks_of, save, save_group, wrapped_key_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.transfer.store_copy import ImageCopy, copy_store
from tests.transfer.copies import content_of, copy, counts

pytestmark = pytest.mark.slow

ORIGINALS = ("a", "a:b", "aa", "b")


@pytest.fixture(params=["memory", "sqlite"])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    """An open store of either kind that knows a secret."""
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "source.db")
    await made.open()
    await save(made, "first", key_id=b"key.", checks=await checks_of(made, b"key."))
    await made.delete("first")
    yield made
    await made.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    """Another one, for the copy."""
    made: ImageStore
    if request.param == "postgres":
        made = PostgresStore(request.getfixturevalue("postgres").url(), schema=f"groups_{abs(hash(tmp_path))}")
    else:
        made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "target.db")
    await made.open()
    yield made
    await made.close()


async def check_same(source: ImageStore, target: ImageStore) -> None:
    """Run a last pass, which leaves nothing alone and both stores the same, and another one that finds them so."""
    assert (await copy(source, target)).left == []
    assert await content_of(target) == await content_of(source)
    images = len(await source.list(limit=1000))
    assert counts(await copy(source, target)) == (0, images, 0, 0)


async def test_groups_are_kept(source: ImageStore, target: ImageStore) -> None:
    """Tokens, epochs and tombstones of variants are the source's, those that differ from their original's too."""
    await save_group(source, GROUP, CommitTerms(token=7))
    for image_id in ("a", THUMB, THUMB):
        await source.raise_epoch(image_id)
    await save(source, CARD, b"again", token=90)
    await save_group(source, {"b": b"b", variant_id("b", "gone"): b"gone"})
    await save(source, "b")
    await save(source, variant_id("lone", "thumb"))
    assert counts(await copy(source, target)) == (5, 0, 0, 0)
    await check_same(source, target)
    assert [(image.token, image.epoch) for image in (await target.list())[:3]] == [(7, 1), (90, 1), (7, 3)]


STEPS: dict[str, tuple[Callable[[ImageStore], Awaitable[object]], tuple[int, int, int, int]]] = {
    "a new version of all": (lambda store: save_group(store, NEWER), (3, 2, 0, 0)),
    "one variant left out": (lambda store: save_group(store, {"a": b"a", CARD: b"c"}), (2, 2, 1, 0)),
    "no variants any more": (lambda store: save(store, "a"), (1, 2, 2, 0)),
    "a variant alone": (lambda store: save(store, THUMB, expect=Expect.PRESENT), (1, 4, 0, 0)),
    "another variant": (lambda store: save(store, variant_id("a", "new")), (1, 5, 0, 0)),
    "all revoked": (lambda store: store.raise_epoch("a"), (3, 2, 0, 0)),
    "a variant revoked": (lambda store: store.raise_epoch(THUMB), (1, 4, 0, 0)),
    "all deleted": (lambda store: store.delete("a"), (0, 2, 3, 0)),
    "a variant deleted": (lambda store: store.delete(THUMB), (0, 4, 1, 0)),
}


@pytest.mark.parametrize("step", STEPS)
async def test_the_next_pass_brings_what_was_done_to_a_group(source: ImageStore, target: ImageStore, step: str) -> None:
    """After any write, the next pass counts each affected row once, and then both stores are equal."""
    change, expected = STEPS[step]
    await save_group(source, GROUP)
    await save_group(source, {"b": b"b", variant_id("b", "thumb"): b"t"})
    assert counts(await copy(source, target)) == (5, 0, 0, 0)
    await change(source)
    assert counts(await copy(source, target)) == expected
    await check_same(source, target)


async def test_epochs_rise_once(source: ImageStore, target: ImageStore) -> None:
    """An original with an epoch that is behind by several raises its variants only to their epochs in the source."""
    await save(source, "a")
    await copy(source, target)
    for _ in range(5):
        await source.raise_epoch("a")
    await save(source, THUMB, expect=Expect.PRESENT)
    await source.replace_wrapped_keys(
        [RewrappedKey(image.id, image.meta.version, wrapped_key_of()) for image in await source.list()]
    )
    assert counts(await copy(source, target)) == (2, 0, 0, 0)
    assert {image.epoch for image in await target.list()} == {5}
    await check_same(source, target)


async def test_an_original_that_is_copied_leaves_its_variants(source: ImageStore, target: ImageStore) -> None:
    """Variants that came before their original stay when it comes, first or again, and are not brought once more."""
    for bodies in (GROUP, NEWER):
        saved = await save_group(source, bodies)
        if bodies is GROUP:
            await copy(source, target)
            continue
        there = await target.get_many(list(GROUP))
        bringing = ImageCopy(source, target, None, is_dry=False)
        for image in saved[1:]:
            await bringing.bring(image, there[image.id])
        await bringing.bring(saved[0], there["a"])
    assert await target.list() == list(saved)
    await check_same(source, target)


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
async def test_a_pass_is_cut_off_within_a_group(source: ImageStore, target: ImageStore, steps: int) -> None:
    """If a pass ends anywhere and the source changes then, the next pass copies the rest."""
    for original in ORIGINALS:
        await save_group(source, {original: b"x", variant_id(original, "card"): b"y"})
    async with aclosing(copy_store(source, target)) as cut:
        for _ in range(steps):
            await anext(cut)
        await save_group(source, {"a": b"newer", variant_id("a", "thumb"): b"newer"})
    await source.delete("b")
    await check_same(source, target)


async def change_at_random(store: ImageStore, chance: random.Random) -> None:
    """Change a group, or one of its variants, in any possible way."""
    original = chance.choice(ORIGINALS)
    variants = [variant_id(original, name) for name in ("card", "thumb")]
    match chance.randrange(7):
        case 0 | 1 | 2:
            kept = [each for each in variants if chance.random() < 0.6]
            await save_group(store, {each: b"%d" % chance.randrange(10**6) for each in (original, *kept)})
        case 3:
            if await store.get(original):
                await save(store, chance.choice(variants), b"%d" % chance.randrange(10**6), expect=Expect.PRESENT)
        case 4:
            await store.raise_epoch(chance.choice((original, *variants)))
        case 5:
            await store.delete(chance.choice((original, *variants)))
        case _:
            images = await store.list()
            await store.replace_wrapped_keys(
                [RewrappedKey(image.id, image.meta.version, wrapped_key_of()) for image in images]
            )


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 20))])
async def test_passes_follow_a_source_in_use(source: ImageStore, target: ImageStore, seed: int) -> None:
    """While groups are saved, changed, revoked and deleted at random between the steps of passes that are cut off at
    random, no pass leaves anything alone, and one after the last write makes both the same."""
    chance, reasons = random.Random(seed), list[str]()
    for _ in range(6):
        async with aclosing(copy_store(source, target)) as steps:
            async for step in steps:
                reasons.append(step.reason)
                await change_at_random(source, chance)
                if chance.random() < 0.1:
                    break
        await change_at_random(source, chance)
    assert [reason for reason in reasons if reason] == []
    await check_same(source, target)


class _IsChangedWhileRead(MemoryStore):
    """Has a group saved anew between the row and the body of each of its images that is read."""

    def __init__(self, bodies: Sequence[dict[str, bytes]]) -> None:
        super().__init__()
        self.bodies = list(bodies)

    async def open_stream(self, image_id: str) -> ImageStream | None:  # type: ignore[override]
        stream = await super().open_stream(image_id)
        if self.bodies:
            await save_group(self, self.bodies.pop())
        return stream


async def test_a_group_that_changes_under_a_pass_comes_with_the_next(target: ImageStore) -> None:
    """Versions of two saves may be in the target between two passes; after the last one there is one again."""
    source = _IsChangedWhileRead([NEWER, {"a": b"third", THUMB: b"third"}])
    await save_group(source, GROUP, CommitTerms(await checks_of(source, b"key.")), key_id=b"key.")
    await copy(source, target)
    assert source.bodies == []
    await check_same(source, target)


async def test_a_variant_of_others_in_the_target_is_left_alone(source: ImageStore, target: ImageStore) -> None:
    """Images that another writer saved in the target are listed and stay."""
    await save_group(source, GROUP)
    await copy(source, target)
    own = await save(target, THUMB, b"own", expect=Expect.PRESENT)
    await save(target, variant_id("a", "own"), expect=Expect.PRESENT)
    report = await copy(source, target)
    assert [step.image_id for step in report.left] == [THUMB, variant_id("a", "own")]
    assert await target.get(THUMB) == own


async def test_of_two_copies_of_a_variant_one_comes(source: ImageStore, target: ImageStore) -> None:
    """A second one of the same version is refused by its token, and the first one stays whole."""
    saved = await save_group(source, GROUP)
    await copy(source, target)
    bringing = ImageCopy(source, target, None, is_dry=False)
    with pytest.raises(StoreConflict):
        await bringing.bring(saved[2], replace(saved[2], token=saved[2].token - 1))
    assert await content_of(target) == await content_of(source)
