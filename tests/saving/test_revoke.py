"""Calling back: proofs that were handed out are good no more, a key that is out is of no version any more."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pixstore_asgi import ImageNotFound, ImageRecord, Pixstore, PixstoreApp, StoreConflict, WireState
from pixstore_asgi.errors import InputError
from pixstore_asgi.store.contract import CHUNK_BYTES, ImageStore
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.store.sqlite import SqliteStore
from tests.support.asgi import client
from tests.support.batches import body_of, entry_of, frames_of
from tests.support.payloads import served
from tests.support.requests import headers
from tests.support.samples import HOSTILE_IDS, SECRET, large_png, picture


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Any) -> ImageStore:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "pixstore.db")


@pytest.fixture(params=[0, 64 * 1024 * 1024], ids=["uncached", "cached"])
async def pix(request: pytest.FixtureRequest, store: ImageStore) -> AsyncIterator[Pixstore]:
    async with Pixstore(store, secret=SECRET, cache_bytes=request.param) as opened:
        yield opened


async def fresh(pix: Pixstore, record: ImageRecord) -> ImageRecord:
    found = await pix.get_image_record(record.id)
    assert found is not None
    return found


@pytest.mark.parametrize("size", [300, 3 * CHUNK_BYTES])
async def test_revoked_proofs_open_nothing(pix: Pixstore, size: int) -> None:
    """From the next request on they are InvalidProof, alone, in a batch and by HEAD; a new record works at once."""
    record, app = await pix.save_image(large_png(size)), PixstoreApp(pix)
    for _ in range(2):
        assert await served(pix, record) == (WireState.SUCCESS, large_png(size))
        assert await pix.revoke(record.id) == 1
        assert (await served(pix, record))[0] is WireState.INVALID_PROOF
        async with client(app) as http:
            head = await http.head(f"/{record.id}", headers=headers(record))
            assert head.headers["x-pixstore-state"] == "InvalidProof"
            batch = await http.post("/-/batch", content=body_of(entry_of(record)))
        assert [body for _, _, body in frames_of(batch.content)] == [b"\x05"]
        record = await fresh(pix, record)


async def test_revoking_leaves_the_image(pix: Pixstore) -> None:
    """Id, token, key and ciphertext stay, so browsers' caches stay valid under a new record."""
    old = await pix.save_image(picture())
    await pix.revoke(old.id)
    new = await fresh(pix, old)
    assert (new.token, new["meta"]) == (old.token, old["meta"])
    assert new.stateless_proof != old.stateless_proof


async def test_another_process_sees_it_at_once(tmp_path: Any) -> None:
    """However hot the image is there, the request after the revocation is refused there too."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as here, Pixstore(path, secret=SECRET) as there:
        record = await here.save_image(picture())
        for _ in range(20):
            assert (await served(there, record))[0] is WireState.SUCCESS
            await here.revoke(record.id)
            assert (await served(there, record))[0] is WireState.INVALID_PROOF
            record = await fresh(there, record)


async def test_a_directory_is_revoked_as_a_whole(pix: Pixstore) -> None:
    """All images of it and no other, however much its name begins like another's."""
    inside = [await pix.save_image(picture(), directory="players") for _ in range(3)]
    outside = [await pix.save_image(picture(), directory=name) for name in ("player", "players2", "players-", None)]
    assert await pix.revoke(directory="players") == 3
    assert await pix.revoke(directory="missing") == 0
    for record in inside:
        assert (await served(pix, record))[0] is WireState.INVALID_PROOF
        assert (await served(pix, await fresh(pix, record)))[0] is WireState.SUCCESS
    for record in outside:
        assert (await served(pix, record))[0] is WireState.SUCCESS


async def test_a_revocation_outlives_update_and_delete(pix: Pixstore) -> None:
    """Neither a new version nor an image that comes back under the id makes an old proof good again."""
    saved = await pix.save_image(picture())
    await pix.revoke(saved.id)
    updated = await pix.update_image(saved.id, picture("webp"))
    assert (await served(pix, saved))[0] is WireState.INVALID_PROOF
    assert await served(pix, updated) == (WireState.SUCCESS, picture("webp"))
    await pix.delete_image(saved.id)
    back = await pix.import_image(saved.id, picture(), token=updated.token + 1)
    assert (await served(pix, saved))[0] is WireState.INVALID_PROOF
    assert await served(pix, back) == (WireState.SUCCESS, picture())


async def test_revoking_keeps_to_a_token(pix: Pixstore) -> None:
    """With if_token only the version that was seen is revoked; the image of another stays as it was."""
    old = await pix.save_image(picture())
    new = await pix.update_image(old.id, picture("webp"))
    with pytest.raises(StoreConflict, match="updated meanwhile"):
        await pix.revoke(old.id, if_token=old.token)
    assert (await served(pix, new))[0] is WireState.SUCCESS
    assert await pix.revoke(old.id, if_token=new.token) == 1
    assert (await served(pix, new))[0] is WireState.INVALID_PROOF


@pytest.mark.parametrize("image_id", ["unknown", *HOSTILE_IDS])
async def test_what_is_not_there_is_not_called_back(pix: Pixstore, image_id: str) -> None:
    """Revoking or resealing no image is ImageNotFound."""
    with pytest.raises(ImageNotFound):
        await pix.revoke(image_id)
    with pytest.raises(ImageNotFound):
        await pix.reseal_image(image_id)


@pytest.mark.parametrize(
    "wrong", [{}, {"image_id": "a", "directory": "b"}, {"directory": "b", "if_token": 5}, {"directory": "a/b"}]
)
async def test_a_call_that_names_no_one_thing_is_refused(pix: Pixstore, wrong: dict[str, Any]) -> None:
    """One image or one directory, and a token with an image alone."""
    with pytest.raises(InputError):
        await pix.revoke(**wrong)


async def test_unproven_images_have_nothing_to_revoke() -> None:
    """Where proofs are not checked a revocation changes nothing."""
    async with Pixstore(MemoryStore(), secret=SECRET, proof_window_ms=-1) as pix:
        record = await pix.save_image(picture())
        await pix.revoke(record.id)
        assert (await served(pix, record))[0] is WireState.SUCCESS


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
async def test_a_resealed_image_has_another_key(pix: Pixstore, kind: str) -> None:
    """The same picture under a new key, nonce and token; who holds the old record gets the new version with its key."""
    image = large_png(3 * CHUNK_BYTES) if kind == "png" else picture(kind)
    old = await pix.save_image(image)
    new = await pix.reseal_image(old.id)
    assert new.token > old.token
    assert not {old.key, old.iv, old.tag} & {new.key, new.iv, new.tag}
    assert await served(pix, new) == (WireState.SUCCESS, image)
    assert await served(pix, old) == (WireState.UPDATED, image)
    found = await pix.read_image(old.id)
    assert found is not None
    assert (found.data, found.format) == (image, kind)


async def test_what_is_there_is_resealed_whatever_is_accepted_now(store: ImageStore) -> None:
    """Formats and sizes that are off by now are no reason to keep a key that is out."""
    async with Pixstore(store, secret=SECRET, image_formats=("gif", "png")) as before:
        records = [await before.save_image(image) for image in (picture("gif"), large_png(5000))]
        async with Pixstore(store, secret=SECRET, image_formats=("webp",), max_image_bytes=100) as after:
            for record in records:
                assert (await after.reseal_image(record.id)).key != record.key


async def test_resealing_keeps_to_a_token(pix: Pixstore) -> None:
    """With if_token only the version that was seen gets a new key."""
    old = await pix.save_image(picture())
    new = await pix.update_image(old.id, picture("webp"))
    with pytest.raises(StoreConflict, match="updated meanwhile"):
        await pix.reseal_image(old.id, if_token=old.token)
    assert (await fresh(pix, old)).key == new.key
    assert (await pix.reseal_image(old.id, if_token=new.token)).key != new.key
