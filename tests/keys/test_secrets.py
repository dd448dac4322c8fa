"""The secrets of a store: from the environment, checked against its images, rolled out and removed."""

import asyncio
from pathlib import Path

import pytest

from pixstore_asgi import InvalidImage, Pixstore, WireState
from pixstore_asgi.errors import SecretError
from pixstore_asgi.store.memory import MemoryStore
from tests.support.payloads import served
from tests.support.rings import NEW, OLD, make_database
from tests.support.samples import OTHER_SECRET, SECRET, picture


@pytest.fixture(autouse=True)
def no_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def test_the_environment_comes_before_the_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PIXSTORE_SECRET lists one or more secrets, separated by white space, and no key file is created."""
    path = tmp_path / "pixstore.db"
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    async with Pixstore(path) as pix:
        record = await pix.save_image(picture())
    monkeypatch.setenv("PIXSTORE_SECRET", f" {OTHER_SECRET}\n{SECRET} ")
    async with Pixstore(path) as pix:
        assert await pix.get_image_record(record.id) is not None
    assert not (tmp_path / "pixstore.db.key").exists()


@pytest.mark.parametrize("value", ["", " \n"])
async def test_an_empty_variable_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """An empty PIXSTORE_SECRET is an error, and creates no key file."""
    monkeypatch.setenv("PIXSTORE_SECRET", value)
    with pytest.raises(SecretError, match="set but empty: unset it to use the key file"):
        await Pixstore(tmp_path / "pixstore.db").open()
    with pytest.raises(SecretError, match="set but empty: set a secret") as caught:  # a store without a key file
        await Pixstore(MemoryStore()).open()
    assert "key file" not in str(caught.value)
    assert not (tmp_path / "pixstore.db.key").exists()


async def test_a_wrong_secret_does_not_open_and_is_named(tmp_path: Path) -> None:
    """Another secret than the images' is refused, the error names both key ids, and nothing is written."""
    path = await make_database(tmp_path / "pixstore.db")
    async with Pixstore(path, secret=SECRET) as pix:
        await pix.save_image(picture())
    with pytest.raises(SecretError, match=f"secret {OLD}, but this process has {NEW}"):
        await Pixstore(path, secret=OTHER_SECRET).open()
    async with Pixstore(path, secret=SECRET) as pix:
        assert [state.key_id for state in await pix.key_status()] == [OLD]


async def test_a_new_secret_rolls_out(tmp_path: Path) -> None:
    """With [new, old], then [old, new], the images and proofs of each replica work in all others at every step."""
    path = await make_database(tmp_path / "pixstore.db")
    replicas = [Pixstore(path, secret=SECRET), Pixstore(path, secret=SECRET)]
    steps = [[SECRET], [OTHER_SECRET, SECRET], [SECRET, OTHER_SECRET]]
    ids = []
    for earlier, later in [(steps[0], steps[1]), (steps[1], steps[2])]:
        replicas = [Pixstore(path, secret=earlier), Pixstore(path, secret=later)]
        for pix in replicas:
            await pix.open()
        for writer, reader in (replicas, replicas[::-1]):
            record = await writer.save_image(picture())
            ids.append(record.id)
            async with await reader.open_payload(
                record.id, token=record.token, proof=record.stateless_proof
            ) as payload:
                assert payload.state == 0
            assert set(await reader.get_image_records(ids)) == set(ids)
        for pix in replicas:
            await pix.close()
    with pytest.raises(SecretError, match=f"written with secret {NEW}"):
        await Pixstore(path, secret=SECRET).open()


async def test_two_workers_with_different_secrets_never_both_save(tmp_path: Path) -> None:
    """The first save in a new database decides its secret; the other worker is refused at its saves and next start."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as first, Pixstore(path, secret=OTHER_SECRET) as second:
        outcomes = await asyncio.gather(*(pix.save_image(picture()) for pix in (first, second)), return_exceptions=True)
        (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert isinstance(refusal, SecretError)
        winner, loser = (first, second) if refusal is outcomes[1] else (second, first)
        await winner.save_image(picture())
        with pytest.raises(SecretError, match="was written with secret"):
            await loser.save_image(picture())
        assert len(await first.list_images()) == 2
    with pytest.raises(SecretError):
        await Pixstore(path, secret=OTHER_SECRET if winner is first else SECRET).open()


async def test_a_store_without_a_key_file_needs_a_secret() -> None:
    """The error for a store in memory without a secret names the argument and the variable."""
    with pytest.raises(SecretError, match=r"secret=… or set PIXSTORE_SECRET"):
        await Pixstore(MemoryStore()).open()


async def test_an_unused_secret_locks_no_process_out(tmp_path: Path) -> None:
    """An open with a wrong newest secret, without a save, does not lock out a process with the right one."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(picture())
    async with Pixstore(path, secret=[SECRET, OTHER_SECRET]):
        pass
    async with Pixstore(path, secret=SECRET) as pix:
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_a_secret_is_known_from_its_first_wrap_on(store: MemoryStore) -> None:
    """Open, read, key_status and a refused upload record no secret; save and rewrap do."""
    old, both = Pixstore(store, secret=SECRET), Pixstore(store, secret=[SECRET, OTHER_SECRET])
    with pytest.raises(InvalidImage):
        await old.save_image(b"no image")
    assert not any(await store.key_checks())
    record = await old.save_image(picture())
    known = (await store.key_checks()).in_use
    assert len(known) == 1
    assert await both.read_image(record.id) is not None
    assert len(await both.key_status()) == 2
    assert (await store.key_checks()).in_use == known
    await both.rewrap_keys()
    assert len((await store.key_checks()).in_use) == 2


async def test_a_store_without_images_accepts_another_secret(store: MemoryStore) -> None:
    """A store without images opens with another secret, which saves, and then the old one can no longer save."""
    old = Pixstore(store, secret=SECRET)
    record = await old.save_image(picture())
    await old.delete_image(record.id)
    assert await Pixstore(store, secret=OTHER_SECRET).save_image(picture())
    with pytest.raises(SecretError, match="was written with secret"):
        await old.save_image(picture())


async def test_a_leaked_secret_is_removed(tmp_path: Path) -> None:
    """Once no key is wrapped under a secret, the store opens without it, and its proofs are refused."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as before:
        leaked = await before.save_image(picture())
    async with Pixstore(path, secret=[SECRET, OTHER_SECRET], verify_old_secrets=False) as pix:
        assert (await served(pix, leaked))[0] is WireState.INVALID_PROOF
        assert await pix.rewrap_keys() == 1
    async with Pixstore(path, secret=OTHER_SECRET) as after:
        assert (await served(after, leaked))[0] is WireState.INVALID_PROOF
        fresh = await after.get_image_record(leaked.id)
        assert await served(after, fresh) == (WireState.SUCCESS, picture())
    with pytest.raises(SecretError, match="written with secret"):
        await Pixstore(path, secret=SECRET).open()
