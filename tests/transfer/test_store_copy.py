"""Copies of a store to another one: kept data, further passes, and refusals."""

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Self

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.core.images import RewrappedKey, StoredImage, Tombstone
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import InputError, SecretError, StoreBusy, StoreConflict, WireState
from pixstore_asgi.keys.find import find_ring
from pixstore_asgi.store.contract import CHUNK_BYTES, CommitTerms, ImageStore, ImageWriter, KeyChecks
from pixstore_asgi.store.contract_tests.steps import body_of, checks_of, meta_of, read, save
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.postgres import PostgresStore
from pixstore_asgi.store.sqlite import SqliteStore
from pixstore_asgi.transfer.origin import take_origin
from pixstore_asgi.transfer.steps import Outcome
from pixstore_asgi.transfer.store_copy import copy_store
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture
from tests.support.sqlite import make_version_1, query
from tests.transfer.copies import content_of, copy, counts

pytestmark = pytest.mark.slow

IDS = [f"a:{number:02}" for number in range(30)]


@pytest.fixture(params=["memory", "sqlite"])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    """An open store of either kind."""
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "source.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    """Another one, for the copy."""
    made: ImageStore
    if request.param == "postgres":
        made = PostgresStore(request.getfixturevalue("postgres").url(), schema=f"copy_{abs(hash(tmp_path))}")
    else:
        made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "target.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def pix(source: ImageStore) -> AsyncIterator[Pixstore]:
    """The application that has the source, with 30 images of which each has the token 1000 and more."""
    async with Pixstore(source, secret=SECRET) as opened:
        for number, image_id in enumerate(IDS):
            await opened.import_image(image_id, picture(seed=number), token=1000 + number)
        yield opened


async def test_everything_is_kept(source: ImageStore, target: ImageStore) -> None:
    """Ids, tokens, rows, bodies, creation, epochs, deleted ids, the database's id: both stores have the same."""
    old, new = await checks_of(source, b"old.", b"new.")
    for number, size in enumerate((1, CHUNK_BYTES, 9 * CHUNK_BYTES + 5)):
        await save(source, f"a:{number}", body_of(size, number), token=7 + number, key_id=b"old.", checks=[old])
    for image_id in ("b", "gone"):
        await save(source, image_id, key_id=b"new.", checks=[old, new])
    for image_id in ("a:1", "a:1", "gone"):
        await source.raise_epoch(image_id)
    await source.delete("gone")
    await save(source, "gone", key_id=b"new.", checks=[old, new])
    await source.delete("gone")
    assert counts(await copy(source, target)) == (4, 0, 0, 0)
    assert await content_of(target) == await content_of(source)
    assert (await content_of(target)).tombstones[0].epoch == 1
    assert counts(await copy(source, target)) == (0, 4, 0, 0)
    assert await content_of(target) == await content_of(source)


async def test_a_further_pass_brings_what_is_new_or_changed(
    source: ImageStore, target: ImageStore, pix: Pixstore
) -> None:
    """A new image, a new version, other keys, raised epochs and deletions are in the target after the next pass."""
    assert counts(await copy(source, target)) == (30, 0, 0, 0)
    await pix.save_image(picture(seed=77), directory="a")
    await pix.update_image(IDS[1], picture(seed=78))
    await pix.update_image(IDS[1], picture(seed=79))
    for image_id in (IDS[2], IDS[2], IDS[2], IDS[1]):
        await pix.revoke(image_id)
    for image_id in (IDS[0], IDS[3], IDS[4], IDS[29]):
        await pix.delete_image(image_id)
    await pix.import_image(IDS[4], picture(seed=4), token=5000)
    await pix.reseal_image(IDS[5])
    assert counts(await copy(source, target)) == (5, 23, 3, 0)
    assert await content_of(target) == await content_of(source)


async def test_rotated_keys_come_with_the_next_pass(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """Keys wrapped anew replace those in the target, the new secret is known there and the old one retired."""
    await copy(source, target)
    rotating = Pixstore(source, secret=[SECRET, OTHER_SECRET])
    await rotating.rewrap_keys()
    (old, _) = await rotating.key_status()
    await rotating.retire_key(old.key_id)
    ring = await find_ring(source, KeyRing(OTHER_SECRET))
    assert counts(await copy(source, target, ring=ring)) == (30, 0, 0, 0)
    assert await content_of(target) == await content_of(source)
    assert [len(checks) for checks in await target.key_checks()] == [1, 1]
    assert counts(await copy(source, MemoryStore(), ring=ring)) == (30, 0, 0, 0)


async def test_retired_secrets_are_retired_in_a_new_target(source: ImageStore, target: ImageStore) -> None:
    """A target that never had an image under a retired secret refuses it all the same."""
    old, new = await checks_of(source, b"old.", b"new.")
    await save(source, "a", key_id=b"new.", checks=[new])
    await source.retire_key_check(old)
    await copy(source, target)
    assert await target.key_checks() == await source.key_checks() == KeyChecks(frozenset({new}), frozenset({old}))


async def test_a_secret_that_the_source_forgot_is_in_nobodys_way(
    source: ImageStore, target: ImageStore, pix: Pixstore
) -> None:
    """Where the source has no image under a secret any more and forgot it, the next pass goes on all the same."""
    await copy(source, target)
    await Pixstore(source, secret=[SECRET, OTHER_SECRET]).rewrap_keys()
    await Pixstore(source, secret=OTHER_SECRET).save_image(picture())
    assert len((await source.key_checks()).in_use) == 1
    assert counts(await copy(source, target)) == (31, 0, 0, 0)
    assert (await content_of(target)).images == (await content_of(source)).images
    async with Pixstore(target, secret=OTHER_SECRET) as moved:
        await moved.save_image(picture())
        assert len((await target.key_checks()).in_use) == 1


async def test_records_from_before_hold_after(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """A proof of the source is good at the target, and one that was revoked in between is not."""
    good, revoked = await pix.get_image_record(IDS[0]), await pix.get_image_record(IDS[1])
    assert good is not None
    assert revoked is not None
    await copy(source, target)
    await pix.revoke(IDS[1])
    await copy(source, target)
    async with Pixstore(target, secret=SECRET) as moved:
        states = [
            (await moved.open_payload(each.id, token=each.token, proof=each.stateless_proof)).state
            for each in (good, revoked)
        ]
        assert states == [WireState.SUCCESS, WireState.INVALID_PROOF]
        image = await moved.read_image(IDS[1])
        assert image is not None
        assert image.data == picture(seed=1)


async def test_a_deleted_id_goes_on_from_its_last_token(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """An image deleted before the first pass can't come back in the target at a token that it had before."""
    await pix.revoke(IDS[0])
    await pix.delete_image(IDS[0])
    await copy(source, target)
    async with Pixstore(target, secret=SECRET) as moved:
        with pytest.raises(StoreConflict):
            await moved.import_image(IDS[0], picture(), token=1000)
        await moved.import_image(IDS[0], picture(), token=1001)
    await target.open()
    again = await target.get(IDS[0])
    assert again is not None
    assert again.epoch == 1


async def test_what_the_source_takes_meanwhile_is_whole(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """An image that is updated or deleted while a pass runs comes with its new version, or not at all."""
    async with aclosing(copy_store(source, target)) as steps:
        await anext(steps)
        await pix.update_image(IDS[28], picture(seed=88))
        await pix.delete_image(IDS[29])
        await pix.delete_image(IDS[0])
        taken = [step async for step in steps]
    assert [step.image_id for step in taken if step.outcome is Outcome.DELETED] == [IDS[0]]
    assert IDS[29] not in {step.image_id for step in taken}
    assert await content_of(target) == await content_of(source)


@pytest.mark.parametrize("steps", [0, 1, 9, 29])
async def test_a_pass_that_was_cut_off_goes_on(
    source: ImageStore, target: ImageStore, pix: Pixstore, steps: int
) -> None:
    """Existing images are skipped, and the rest is copied."""
    async with aclosing(copy_store(source, target)) as cut:
        for _ in range(steps):
            await anext(cut)
    there = len(await target.list())
    assert there >= steps
    assert counts(await copy(source, target)) == (30 - there, there, 0, 0)
    assert await content_of(target) == await content_of(source)


async def test_secrets_are_known_before_and_after_the_images(source: ImageStore, target: ImageStore) -> None:
    """A pass that is cut off has brought all secrets that were in use, and one that ends those of meanwhile too."""
    one, two, three = await checks_of(source, b"one.", b"two.", b"3rd.")
    await save(source, "a", key_id=b"one.", checks=[one])
    await save(source, "b", key_id=b"two.", checks=[one, two])
    async with aclosing(copy_store(source, target)) as cut:
        await anext(cut)
    assert (await target.key_checks()).in_use == {one, two}
    async with aclosing(copy_store(source, target)) as steps:
        await anext(steps)
        await save(source, "c", key_id=b"3rd.", checks=[one, two, three])
        assert [step.image_id async for step in steps] == ["b", "c"]
    assert (await target.key_checks()).in_use == {one, two, three}


async def test_a_secret_that_the_targets_own_images_need_stays(source: ImageStore, target: ImageStore) -> None:
    """Retired in the source, it is not retired in a target where an image that is left alone is under it."""
    old, new = await checks_of(source, b"old.", b"new.")
    await save(source, "a", key_id=b"old.", checks=[old])
    await copy(source, target)
    await save(target, "own", key_id=b"old.", checks=[old])
    await save(source, "a", key_id=b"new.", checks=[old, new])
    await source.retire_key_check(old)
    assert counts(await copy(source, target)) == (1, 0, 0, 1)
    assert await target.key_checks() == KeyChecks(frozenset({old, new}), frozenset())
    await target.delete("own")
    assert counts(await copy(source, target)) == (0, 1, 0, 0)
    assert await target.key_checks() == await source.key_checks()


async def test_a_copy_that_came_no_further_than_the_id_goes_on(source: ImageStore, target: ImageStore) -> None:
    """Cut off once the target has the source's id and one secret, the next pass brings the other secrets too."""
    one, two = await checks_of(source, b"one.", b"two.")
    await save(source, "a", key_id=b"one.", checks=[one])
    await save(source, "b", key_id=b"two.", checks=[one, two])
    await take_origin(source, target)
    assert counts(await copy(source, target)) == (2, 0, 0, 0)
    assert await content_of(target) == await content_of(source)


class _SavesAgain(MemoryStore):
    """Has an image saved again just before it is asked for deleted ones."""

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        await save(self, "a")
        return await super().list_tombstones(after=after, before=before, limit=limit)


async def test_an_image_saved_again_meanwhile_is_no_strangers(target: ImageStore) -> None:
    """Deleted and saved again while a pass looks for it, an image is left to the next pass, and not listed."""
    source = _SavesAgain()
    await _save_one(source)
    await save(source, "a")
    await copy(source, target)
    await source.delete("a")
    assert counts(await copy(source, target)) == (0, 1, 0, 0)
    assert counts(await copy(source, target)) == (1, 1, 0, 0)


class _SavesAndDeletesAgain(MemoryStore):
    """Has an image saved just before it is first asked for a range of deleted ones, and deleted just after."""

    was_asked = False

    async def list_tombstones(
        self, *, after: str | None = None, before: str | None = None, limit: int = 100
    ) -> Sequence[Tombstone]:
        is_first = before is not None and not self.was_asked
        if is_first:
            self.was_asked = True
            await save(self, "a")
        found = await super().list_tombstones(after=after, before=before, limit=limit)
        if is_first:
            await self.delete("a")
        return found


async def test_an_image_saved_and_deleted_again_meanwhile_is_deleted(target: ImageStore) -> None:
    """An image that the source saves and deletes between two questions of a pass is deleted in the target."""
    source = _SavesAndDeletesAgain()
    await _save_one(source)
    await save(source, "a")
    await copy(source, target)
    await source.delete("a")
    assert counts(await copy(source, target)) == (0, 1, 1, 0)
    assert source.was_asked
    assert await target.get("a") is None


class _IsWrittenMeanwhile(MemoryStore):
    """Takes an image of another's just before it takes one of a copy."""

    async def begin_write(self, image_id: str, version: bytes) -> ImageWriter:  # type: ignore[override]
        async with await super().begin_write(image_id, bytes(16)) as writer:
            await writer.write(b"own")
            await writer.commit(meta_of(3, bytes(16)), CommitTerms(token=1))
        return await super().begin_write(image_id, version)


async def test_what_others_save_in_the_target_meanwhile_stays(source: ImageStore) -> None:
    """An image that comes into the target by another writer while it is copied is left alone, and listed."""
    target = _IsWrittenMeanwhile()
    await _save_one(source)
    assert counts(await copy(source, target)) == (0, 0, 0, 1)
    assert await read(target, "other") == b"own"


async def test_a_damaged_image_is_left_alone(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """With a secret at hand each image is decrypted: one that fails is listed, and all others are copied."""
    ring = await find_ring(source, KeyRing(SECRET))
    image = await source.get(IDS[7])
    assert image is not None
    async with await source.begin_write(IDS[7], image.meta.version) as writer:
        await writer.write(bytes(image.meta.size))
        await writer.commit(image.meta)
    await source.replace_wrapped_keys([RewrappedKey(IDS[8], await _version(source, IDS[8]), bytes(52))])
    report = await copy(source, target, ring=ring)
    assert counts(report) == (28, 0, 0, 2)
    assert [step.image_id for step in report.left] == IDS[7:9]
    assert "fails authentication" in report.left[0].reason
    assert await target.get(IDS[7]) is None
    assert counts(await copy(source, target)) == (2, 28, 0, 0)


async def _version(store: ImageStore, image_id: str) -> bytes:
    image = await store.get(image_id)
    assert image is not None
    return image.meta.version


async def test_a_changed_row_replaces_nothing(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """With a secret at hand a wrapped key that does not unwrap leaves the good one in the target."""
    await copy(source, target)
    before = await content_of(target)
    await source.replace_wrapped_keys([RewrappedKey(IDS[8], await _version(source, IDS[8]), bytes(52))])
    report = await copy(source, target, ring=await find_ring(source, KeyRing(SECRET)))
    assert counts(report) == (0, 29, 0, 1)
    assert await content_of(target) == before


@pytest.mark.parametrize(("chunks", "lost"), [(9, 5), (1, 0)])
async def test_a_body_that_misses_a_part_is_left_alone(tmp_path: Path, chunks: int, lost: int) -> None:
    """Without a secret too, half an image, or none of it, is never copied, and keeps no other one from it."""
    source, target = SqliteStore(tmp_path / "source.db"), MemoryStore()
    await source.open()
    checks = await checks_of(source, b"key.")
    for image_id in ("a", "b", "c"):
        await save(source, image_id, body_of(chunks * CHUNK_BYTES), key_id=b"key.", checks=checks)
    query(source.path, f"DELETE FROM chunk WHERE id = (SELECT blob << 16 | {lost} FROM image WHERE id = 'b')")
    report = await copy(source, target)
    assert (counts(report), [step.image_id for step in report.left]) == ((2, 0, 0, 1), ["b"])
    assert "missing" in report.left[0].reason
    assert await target.get("b") is None
    await source.close()


async def test_a_row_that_is_no_row_is_left_alone(tmp_path: Path, target: ImageStore) -> None:
    """An image of which only the id can be read is listed, keeps no other one back, and stays in an earlier copy."""
    source = SqliteStore(tmp_path / "source.db")
    await source.open()
    checks = await checks_of(source, b"key.")
    for image_id in ("a", "b", "c", "d"):
        await save(source, image_id, key_id=b"key.", checks=checks)
    query(source.path, "UPDATE image SET tag = NULL WHERE id = 'b'")
    report = await copy(source, target)
    assert (counts(report), [step.image_id for step in report.left]) == ((3, 0, 0, 1), ["b"])
    assert "damaged" in report.left[0].reason
    query(source.path, "UPDATE image SET tag = NULL WHERE id = 'c'")
    await save(source, "e", key_id=b"key.", checks=checks)
    assert counts(await copy(source, target)) == (1, 2, 0, 2)
    assert [image.id for image in await target.list()] == ["a", "c", "d", "e"]
    await source.close()


async def test_a_damaged_row_of_a_copy_is_left_alone(source: ImageStore, tmp_path: Path) -> None:
    """Of an earlier copy one damaged row is listed, and keeps nothing else from being brought up to date."""
    target = SqliteStore(tmp_path / "copy.db")
    await target.open()
    checks = await checks_of(source, b"key.")
    for image_id in ("a", "b", "c"):
        await save(source, image_id, key_id=b"key.", checks=checks)
    await copy(source, target)
    query(target.path, "UPDATE image SET tag = NULL WHERE id = 'b'")
    await source.delete("a")
    await save(source, "d", key_id=b"key.", checks=checks)
    report = await copy(source, target)
    assert (counts(report), [step.image_id for step in report.left]) == ((1, 1, 1, 1), ["b"])
    assert sorted([image_id for image_id in ("a", "c", "d") if await target.get(image_id)]) == ["c", "d"]
    await target.close()


class _AwayStream:
    """A body with chunks that can't be read for now."""

    def __init__(self, image: StoredImage) -> None:
        self.image = image

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StoreBusy("the bucket can't be reached: try again")

    def skip(self, most: int) -> int:
        return 0

    async def aclose(self) -> None:
        pass


class _IsAway(MemoryStore):
    """Has the rows at hand, and no body."""

    async def open_stream(self, image_id: str) -> _AwayStream | None:  # type: ignore[override]
        image = await self.get(image_id)
        return _AwayStream(image) if image else None


async def test_a_source_that_is_away_is_no_damage(target: ImageStore) -> None:
    """Where bodies can't be had for a while, the copy ends there, and lists no image as damaged."""
    source = _IsAway()
    await _save_one(source)
    with pytest.raises(StoreBusy, match="can't be reached"):
        await copy(source, target)


async def test_a_body_that_the_target_does_not_take_is_left_alone(source: ImageStore) -> None:
    """An image that is longer than the target's limit is listed with both numbers."""
    target = MemoryStore()
    target.max_body_bytes = 10
    checks = await checks_of(source, b"key.")
    for size in (10, 11):
        await save(source, f"a{size}", body_of(size), key_id=b"key.", checks=checks)
    for is_dry in (True, False):
        report = await copy(source, target, dry_run=is_dry)
        assert (counts(report), report.left[0].image_id) == ((1, 0, 0, 1), "a11")
        assert "11 bytes, and the target accepts at most 10" in report.left[0].reason


async def test_a_target_in_use_loses_nothing(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """Images that others saved, updated or deleted in the target are left unchanged, and listed."""
    await copy(source, target)
    moved = Pixstore(target, secret=SECRET)
    await moved.update_image(IDS[0], picture(seed=90))
    await moved.delete_image(IDS[1])
    await moved.import_image("own", picture(seed=91), token=5)
    before = await content_of(target)
    report = await copy(source, target)
    assert counts(report) == (0, 28, 0, 3)
    assert {step.image_id for step in report.left} == {IDS[0], IDS[1], "own"}
    assert await content_of(target) == before


async def _save_one(store: ImageStore) -> None:
    await save(store, "other", key_id=b"key.", checks=await checks_of(store, b"key."))


async def test_what_the_target_deleted_since_stays_deleted(
    source: ImageStore, target: ImageStore, pix: Pixstore
) -> None:
    """An image, or a variant, that was deleted in the target after the copy is left deleted, and the reason says so."""
    await copy(source, target)
    await target.delete(IDS[0])
    left = {step.image_id: step.reason async for step in copy_store(source, target) if step.outcome is Outcome.LEFT}
    assert left == {IDS[0]: "deleted in the target since the backup or copy was made: left deleted"}
    assert await target.get(IDS[0]) is None


async def _save_and_delete_one(store: ImageStore) -> None:
    await save(store, "other")
    await store.delete("other")


@pytest.mark.parametrize("write", [_save_one, _save_and_delete_one])
@pytest.mark.parametrize("is_dry", [True, False])
async def test_a_target_of_another_origin_is_refused(
    source: ImageStore, target: ImageStore, pix: Pixstore, write: Callable[[ImageStore], Awaitable[None]], is_dry: bool
) -> None:
    """A store that has, or had, images of its own is no target, and stays as it was."""
    await write(target)
    before = await content_of(target)
    with pytest.raises(InputError, match="of another origin"):
        await copy(source, target, dry_run=is_dry)
    assert await content_of(target) == before


async def test_a_store_is_not_copied_onto_itself(source: ImageStore, pix: Pixstore, tmp_path: Path) -> None:
    """Neither as the same object nor by another name of the same file."""
    with pytest.raises(InputError, match="onto itself"):
        await copy(source, source)
    if isinstance(source, SqliteStore):
        (tmp_path / "link.db").symlink_to(source.path)
        again = SqliteStore(tmp_path / "link.db")
        await again.open()
        with pytest.raises(InputError, match="onto itself"):
            await copy(source, again)
        await again.close()


async def test_a_source_without_images_is_refused(source: ImageStore, target: ImageStore) -> None:
    """Nothing is copied out of a store that nothing was saved in, and the target stays a new one."""
    before = await content_of(target)
    with pytest.raises(InputError, match="nothing was saved in the source yet"):
        await copy(source, target)
    assert await content_of(target) == before


async def test_a_target_that_others_have_open_is_refused(tmp_path: Path) -> None:
    """A new SQLite target gets its id while no other process has it open, because that process would keep the
    old id.
    """
    source = MemoryStore()
    await _save_one(source)
    target, other = (SqliteStore(tmp_path / "target.db") for _ in range(2))
    await target.open()
    await other.open()
    with pytest.raises(StoreBusy, match="stop them first"):
        await copy(source, target)
    await other.close()
    assert counts(await copy(source, target)) == (1, 0, 0, 0)
    await target.close()


async def test_a_dry_run_writes_nothing(source: ImageStore, target: ImageStore, pix: Pixstore) -> None:
    """It reports the planned run, for a missing target, a new one, and an earlier copy."""
    new = await content_of(target)
    assert counts(await copy(source, None, dry_run=True)) == (30, 0, 0, 0)
    assert counts(await copy(source, target, dry_run=True)) == (30, 0, 0, 0)
    assert await content_of(target) == new
    await copy(source, target)
    before = await content_of(target)
    await pix.update_image(IDS[0], picture(seed=80))
    await pix.revoke(IDS[1])
    await pix.delete_image(IDS[29])
    assert counts(await copy(source, target, dry_run=True)) == (2, 27, 1, 0)
    assert await content_of(target) == before


@pytest.mark.parametrize("unbound", [1, 2])
async def test_keys_from_before_the_database_had_an_id(target: ImageStore, unbound: int) -> None:
    """A database older than ids is copied while its early keys are under one secret; several are to be rewrapped."""
    source = MemoryStore()
    await source.separate(bytes(16), b"old1check-value.", lambda image: image.meta.wrapped_key)
    for number in range(1, unbound + 1):
        await save(source, f"a{number}", key_id=b"old%d" % number)
    olds = [b"old%dcheck-value." % number for number in range(1, unbound + 1)]
    new = await checks_of(source, b"new.")
    source._key_checks = source._key_checks._replace(in_use=frozenset(olds))
    await save(source, "b", key_id=b"new.", checks=[*olds, *new])
    if unbound == 1:
        await copy(source, target)
        assert await content_of(target) == await content_of(source)
    else:
        with pytest.raises(SecretError, match="keys rewrap"):
            await copy(source, target)


async def test_a_database_of_the_first_version_is_copied(tmp_path: Path, target: ImageStore) -> None:
    """Its keys, which are bound to no id, open in the target as they do in the source."""
    async with Pixstore(tmp_path / "source.db", secret=SECRET) as pix:
        record = await pix.save_image(picture())
    make_version_1(tmp_path / "source.db", SECRET)
    source = SqliteStore(tmp_path / "source.db")
    await source.open()
    ring = await find_ring(source, KeyRing(SECRET))
    assert counts(await copy(source, target, ring=ring)) == (1, 0, 0, 0)
    await source.close()
    async with Pixstore(target, secret=SECRET) as moved:
        image = await moved.read_image(record.id)
        assert image is not None
        assert image.data == picture()
        await moved.save_image(picture(seed=1))


@pytest.mark.slow
async def test_memory_is_bounded(tmp_path: Path) -> None:
    """Large images are copied and checked chunk by chunk: far less memory than one of them is used."""
    source, target = SqliteStore(tmp_path / "source.db"), SqliteStore(tmp_path / "target.db")
    image = large_png(96 * 2**20)
    async with Pixstore(source, secret=SECRET, max_image_bytes=len(image)) as pix:
        await pix.import_image("large", image, token=1)
        await target.open()
        ring = await find_ring(source, KeyRing(SECRET))
        tracemalloc.start()
        try:
            assert counts(await copy(source, target, ring=ring)) == (1, 0, 0, 0)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 16 * 2**20
        assert await read(target, "large") == await read(source, "large")
        await target.close()
