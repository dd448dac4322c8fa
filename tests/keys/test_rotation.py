"""Rotation: the status of each secret, rewrapped keys, and a retired secret."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.core.hidden import hide
from pixstore_asgi.core.images import RewrappedKey
from pixstore_asgi.errors import IntegrityError, SecretError, StoreDamaged
from pixstore_asgi.keys import rotation
from pixstore_asgi.keys.rotation import KeyStatus
from pixstore_asgi.store.contract import ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.rings import NEW, OLD, give_known_id, key_id_of, make_database, ring_of
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.sqlite import query

BOTH = ring_of(SECRET, OTHER_SECRET)
THIRD_SECRET = "a-third-secret-for-tests-0123456789-abcdefghijk"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    """An open store, in memory or in SQLite."""
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "pixstore.db")
    await give_known_id(made)
    yield made
    await made.close()


async def save(store: ImageStore, secrets: str | Sequence[str], count: int) -> dict[str, bytes]:
    """Save `count` images under the last of these secrets, and return them by id."""
    pix = Pixstore(store, secret=secrets)
    images = [picture(seed=seed) for seed in range(count)]
    return {(await pix.save_image(image)).id: image for image in images}


async def read(store: ImageStore, secrets: str | Sequence[str], image_id: str) -> bytes | None:
    """Read an image by a Pixstore with these secrets."""
    found = await Pixstore(store, secret=secrets).read_image(image_id)
    return found.data if found else None


async def test_every_secret_has_a_status(store: ImageStore) -> None:
    """A secret known only to the store, to images or to the ring has a status; the ring's keep its order."""
    await save(store, SECRET, 3)
    await save(store, [SECRET, OTHER_SECRET], 2)
    assert await rotation.key_status(store, ring_of(SECRET, OTHER_SECRET, THIRD_SECRET)) == [
        KeyStatus(OLD, images=3, signs=False, loaded=True),
        KeyStatus(NEW, images=2, signs=False, loaded=True),
        KeyStatus(key_id_of(THIRD_SECRET), images=0, signs=True, loaded=True),
    ]
    assert await rotation.key_status(store, ring_of(OTHER_SECRET)) == [
        KeyStatus(OLD, images=3, signs=False, loaded=False),
        KeyStatus(NEW, images=2, signs=True, loaded=True),
    ]


async def test_all_keys_are_rewrapped(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image is rewrapped in batches, keeps its token, and then opens with only the newest secret."""
    monkeypatch.setattr(rotation, "_BATCH", 4)
    images = await save(store, SECRET, 10) | await save(store, [SECRET, OTHER_SECRET], 3)
    tokens = {image.id: image.token for image in await store.list()}
    told: list[tuple[int, int]] = []
    assert await rotation.rewrap_keys(store, BOTH, lambda *progress: told.append(progress)) == 10
    assert told == sorted(told)
    assert told[-1] == (10, 10)
    assert len(told) >= 3
    assert await store.key_usage() == {bytes.fromhex(NEW): 13}
    await rotation.retire_key(store, BOTH, hide(OLD))
    assert {image.id: image.token for image in await store.list()} == tokens
    assert {image_id: await read(store, OTHER_SECRET, image_id) for image_id in images} == images


async def test_rewrapping_again_does_nothing(store: ImageStore) -> None:
    """A second rewrap writes nothing and reports no progress."""
    await save(store, SECRET, 2)
    assert await rotation.rewrap_keys(store, BOTH) == 2
    ids = [image.id for image in await store.list()]
    stamps = store.stamps(ids)
    assert await rotation.rewrap_keys(store, BOTH, lambda *progress: pytest.fail(str(progress))) == 0
    assert await rotation.rewrap_keys(MemoryStore(), BOTH) == 0
    assert store.stamps(ids) == stamps


@pytest.mark.parametrize("ticks", range(0, 40, 4))
async def test_an_interrupted_rewrapping_goes_on(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch, ticks: int
) -> None:
    """A rewrap that is cancelled at any moment leaves each image readable, and the next one does the rest."""
    monkeypatch.setattr(rotation, "_BATCH", 2)
    images = await save(store, SECRET, 9)
    task = asyncio.create_task(rotation.rewrap_keys(store, BOTH))
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    secrets = [SECRET, OTHER_SECRET]
    assert {image_id: await read(store, secrets, image_id) for image_id in images} == images
    await rotation.rewrap_keys(store, BOTH)
    assert await store.key_usage() == {bytes.fromhex(NEW): 9}
    assert {image_id: await read(store, secrets, image_id) for image_id in images} == images


async def test_concurrent_changes_stay(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that others update, delete and save during a rewrap, under either secret, stay as written."""
    monkeypatch.setattr(rotation, "_BATCH", 1)
    images = await save(store, SECRET, 6)
    ids = sorted(images)
    behind, ahead = Pixstore(store, secret=[OTHER_SECRET, SECRET]), Pixstore(store, secret=[SECRET, OTHER_SECRET])
    before_replacing = store.replace_wrapped_keys

    async def change_first(wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes]) -> int:
        """Change the images with keys that are replaced next."""
        monkeypatch.undo()
        await behind.update_image(ids[0], picture(seed=50))
        await ahead.update_image(ids[1], picture(seed=51))
        await behind.delete_image(ids[2])
        images.update({ids[0]: picture(seed=50), ids[1]: picture(seed=51)})
        del images[ids[2]]
        record = await behind.save_image(picture(seed=52))
        images[record.id] = picture(seed=52)
        return await before_replacing(wrapped, checks=checks)

    monkeypatch.setattr(store, "replace_wrapped_keys", change_first)
    await rotation.rewrap_keys(store, BOTH)
    assert await store.key_usage() == {bytes.fromhex(NEW): len(images)}
    await rotation.retire_key(store, BOTH, hide(OLD))
    assert {image_id: await read(store, OTHER_SECRET, image_id) for image_id in images} == images


async def test_rewrapping_ends_though_others_save_under_an_old_secret(store: ImageStore) -> None:
    """A rewrap ends even if each pass leaves a new image under the old secret, and the status shows that image."""
    await save(store, SECRET, 3)
    behind = Pixstore(store, secret=[OTHER_SECRET, SECRET])
    saving: list[asyncio.Task[object]] = []
    replaced = store.replace_wrapped_keys

    async def replace_and_save(wrapped: Sequence[RewrappedKey], *, checks: Sequence[bytes]) -> int:
        count = await replaced(wrapped, checks=checks)
        saving.append(asyncio.create_task(behind.save_image(picture())))
        await asyncio.wait(saving)
        return count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "replace_wrapped_keys", replace_and_save)
        await asyncio.wait_for(rotation.rewrap_keys(store, BOTH), 60)
    old, new = await rotation.key_status(store, BOTH)
    assert (old.key_id, new.key_id) == (OLD, NEW)
    assert old.images > 0
    assert old.images + new.images == 3 + len(saving)


async def test_a_damaged_row_is_reported_after_all_others(store: ImageStore) -> None:
    """A key that does not unwrap stays, and the error names its image after all others are rewrapped."""
    images = await save(store, SECRET, 5)
    damaged = sorted(images)[1]
    image = await store.get(damaged)
    assert image is not None
    changed = image.meta.wrapped_key[:-1] + bytes([image.meta.wrapped_key[-1] ^ 1])
    assert await store.replace_wrapped_keys([RewrappedKey(damaged, image.meta.version, changed)]) == 1
    with pytest.raises(IntegrityError, match=f"the stored row of image {damaged} was changed") as caught:
        await rotation.rewrap_keys(store, BOTH)
    assert caught.value.reason == "wrap"
    assert await store.key_usage() == {bytes.fromhex(NEW): 4, bytes.fromhex(OLD): 1}
    assert await store.get(damaged) == replace(image, meta=replace(image.meta, wrapped_key=changed))


async def test_an_unreadable_row_is_reported_after_all_others(tmp_path: Path) -> None:
    """The error for an unreadable row is raised after the keys of all others are rewrapped."""
    store = SqliteStore(tmp_path / "pixstore.db")
    await give_known_id(store)
    damaged = sorted(await save(store, SECRET, 250))[120]
    query(store.path, f"UPDATE image SET tag = NULL WHERE id = '{damaged}'")
    with pytest.raises(StoreDamaged, match=damaged):
        await rotation.rewrap_keys(store, BOTH)
    assert await store.key_usage() == {bytes.fromhex(NEW): 249, bytes.fromhex(OLD): 1}
    await store.close()


async def test_a_secret_is_retired_when_no_image_needs_it(store: ImageStore) -> None:
    """A secret that images need is not retired, and the error has their number; later the store opens without it."""
    images = await save(store, SECRET, 2)
    with pytest.raises(SecretError, match=rf"secret {OLD} is still needed, by 2 keys: rewrap the keys first"):
        await rotation.retire_key(store, BOTH, hide(OLD))
    with pytest.raises(SecretError, match=OLD):
        await Pixstore(store, secret=OTHER_SECRET).open()
    await store.open()  # the Pixstore that failed to open has closed it
    await store.delete(images.popitem()[0])
    with pytest.raises(SecretError, match="by 1 key: "):
        await rotation.retire_key(store, BOTH, hide(OLD))
    await rotation.rewrap_keys(store, BOTH)
    assert await rotation.retire_key(store, BOTH, hide(OLD)) is True
    ((image_id, image),) = images.items()
    assert await read(store, OTHER_SECRET, image_id) == image
    with pytest.raises(SecretError, match=f"written with secret {NEW}, but this process has {OLD}"):
        await Pixstore(store, secret=SECRET).open()


async def test_a_late_process_saves_nothing_under_a_retired_secret(store: ImageStore) -> None:
    """A process that still signs with the retired secret can read and delete, but not save or update."""
    late = Pixstore(store, secret=[OTHER_SECRET, SECRET])
    record = await late.save_image(picture())
    await rotation.rewrap_keys(store, BOTH)
    await rotation.retire_key(store, BOTH, hide(OLD))
    for saving in (late.save_image(picture(seed=1)), late.update_image(record.id, picture(seed=1))):
        with pytest.raises(SecretError, match=f"secret {OLD} was retired"):
            await saving
    assert await read(store, OTHER_SECRET, record.id) == picture()
    assert await late.get_image_record(record.id) is not None
    assert [image.id for image in await store.list()] == [record.id]
    assert await late.delete_image(record.id)


@pytest.mark.parametrize("key_id", ["00000000", NEW.upper(), "", SECRET, key_id_of("x" * 43)])
async def test_an_unknown_key_id_is_refused(store: ImageStore, key_id: str) -> None:
    """An unknown key id is refused; the error names the known ids and not the given text."""
    await save(store, SECRET, 1)
    with pytest.raises(SecretError, match=f"knows no secret of this key id; it knows {OLD}$") as caught:
        await rotation.retire_key(store, ring_of(SECRET, THIRD_SECRET, OTHER_SECRET), hide(key_id))
    assert not key_id or key_id not in str(caught.value)


async def test_a_secret_known_only_to_the_key_ring_is_not_retired(store: ImageStore) -> None:
    """retire_key returns False for a secret known only to the key ring, which can still sign later."""
    await save(store, SECRET, 1)
    ring = ring_of(THIRD_SECRET, SECRET)
    assert await rotation.retire_key(store, ring, hide(key_id_of(THIRD_SECRET))) is False
    assert not (await store.key_checks()).retired


async def test_a_secret_is_retired_once(store: ImageStore) -> None:
    """A second retirement is an error, and the status shows a retired secret that is still loaded."""
    await save(store, SECRET, 1)
    await rotation.rewrap_keys(store, BOTH)
    await rotation.retire_key(store, BOTH, hide(OLD))
    with pytest.raises(SecretError, match=f"this secret was retired already; the store knows {NEW}$"):
        await rotation.retire_key(store, BOTH, hide(OLD))
    assert await rotation.key_status(store, BOTH) == [
        KeyStatus(OLD, images=0, signs=False, loaded=True, retired=True),
        KeyStatus(NEW, images=1, signs=True, loaded=True),
    ]


async def test_the_signing_secret_is_not_retired(store: ImageStore) -> None:
    """The signing secret is not retired, even if no image needs it."""
    with pytest.raises(SecretError, match=f"secret {OLD} is the one that signs"):
        await rotation.retire_key(store, ring_of(SECRET), hide(OLD))
    assert not (await store.key_checks()).retired


async def test_a_pixstore_rotates_its_secret_away(tmp_path: Path) -> None:
    """After status, rewrap and retire by a Pixstore, the store opens with only the new secret."""
    path = await make_database(tmp_path / "pixstore.db")
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(picture())
    pix = Pixstore(path, secret=[SECRET, OTHER_SECRET])
    held = await pix.get_image_record(record.id)
    assert [(each.key_id, each.images) for each in await pix.key_status()] == [(OLD, 1), (NEW, 0)]
    told: list[tuple[int, int]] = []
    assert await pix.rewrap_keys(on_progress=lambda done, total: told.append((done, total))) == 1
    assert told == [(1, 1)]
    await pix.retire_key(OLD)
    assert [(each.key_id, each.images) for each in await pix.key_status()] == [(OLD, 0), (NEW, 1)]
    again = await pix.get_image_record(record.id)
    assert held is not None
    assert again is not None
    assert (again.token, again.key) == (held.token, held.key)
    await pix.close()
    async with Pixstore(path, secret=OTHER_SECRET) as pix:
        assert [each.key_id for each in await pix.key_status()] == [NEW]
        found = await pix.read_image(record.id)
        assert found is not None
        assert found.data == picture()


async def test_an_image_in_memory_is_served_before_and_after(tmp_path: Path) -> None:
    """A process with a cached image serves the same key and ciphertext after its key was rewrapped."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as old:
        record = await old.save_image(picture())
    async with (
        Pixstore(path, secret=[SECRET, OTHER_SECRET]) as serving,
        Pixstore(path, secret=[SECRET, OTHER_SECRET]) as rewrapping,
    ):

        async def serve() -> tuple[bytes, bytes]:
            fresh = await serving.get_image_record(record.id)
            assert fresh is not None
            payload = await serving.open_payload(record.id, token=record.token, proof=record.stateless_proof)
            async with payload:
                assert payload.state == 0
                return fresh.key, b"".join([piece async for piece in payload])

        before = await serve()
        assert await rewrapping.rewrap_keys() == 1
        assert await serve() == before
