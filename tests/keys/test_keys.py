"""Key ring, key file and key-check value."""

import asyncio
import hmac
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi import InvalidImage, Pixstore, WireState
from pixstore_asgi.core.keyring import KeyRing
from pixstore_asgi.errors import PixstoreError, SecretError
from pixstore_asgi.keys.file import create_key_file, read_key_file
from pixstore_asgi.store.memory import MemoryStore
from tests.support.payloads import served
from tests.support.rings import DATABASE_ID, NEW, OLD, make_database
from tests.support.samples import OTHER_SECRET, SECRET, picture


@pytest.fixture(autouse=True)
def no_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "short",
        "x" * 42,
        b"",
        b"x" * 31,
        [],
        ["y" * 43, "short"],
        "x" * 40 + " \n" + "x" * 10,
        ["y" * 43] * 2,
        {"y" * 43},
    ],
)
def test_bad_secrets_are_refused(secret: Any) -> None:
    """One that is missing, too short, holds white space, is listed twice or has no order is refused, unquoted."""
    with pytest.raises(SecretError) as caught:
        KeyRing(secret)
    text = str(caught.value)
    assert "short" not in text.replace("too short", "")
    assert "x" * 10 not in text
    assert "y" * 10 not in text


@pytest.mark.parametrize("secret", ["too-short", b"too short"])
def test_a_short_secret_names_the_command(secret: str | bytes) -> None:
    """The error for a short secret names the command that prints a good one."""
    with pytest.raises(SecretError, match="pixstore-asgi secret"):
        Pixstore(MemoryStore(), secret=secret)


def test_bytes_are_a_secret_too() -> None:
    """32 bytes are a secret, and the same ring in whatever bytes type."""
    assert repr(KeyRing(bytes(range(32)))) == repr(KeyRing([bytearray(range(32))]))  # type: ignore[list-item]


def test_keys_of_windows_are_remembered_and_few() -> None:
    """A purpose has the same key every time, each MAC begins anew, and only a few keys are held."""
    key = KeyRing(SECRET).signing
    macs = []
    for number in [*range(50), *range(50)]:
        mac = key.mac(b"%d" % number)
        mac.update(b"message")
        macs.append(mac.finalize())
    assert macs[:50] == macs[50:]
    assert len(set(macs)) == 50
    assert macs[7] == hmac.digest(key.expand(b"7", 32), b"message", "sha256")
    assert len(key._macs) <= 8


def test_key_ids_are_public_and_stable() -> None:
    """The key id is a literal of its secret and its database, and a ring's repr shows ids alone."""
    ring = KeyRing([SECRET, OTHER_SECRET])
    assert repr(ring) == "KeyRing(576e6f5c, b0632a92)"
    ring = ring.bound_to(DATABASE_ID)
    assert (OLD, NEW) == ("1049be92", "ec28588f")
    assert repr(ring) == f"KeyRing({OLD}, {NEW})"
    assert repr(ring.signing) == f"RingKey({NEW})"
    assert [check[:4].hex() for check in ring.check_values] == [OLD, NEW]
    assert ring.newest.check_values == ring.check_values[1:]


def test_unbound_keys_unwrap_alone_and_where_they_may_be() -> None:
    """A database that is older than ids has keys that are bound to none: they unwrap, and neither sign nor verify."""
    unbound = [bytes.fromhex(key_id) for key_id in ("576e6f5c", "b0632a92")]
    older = KeyRing([SECRET, OTHER_SECRET]).bound_to(b"\0" + DATABASE_ID[1:])
    assert all(older.get(key_id) for key_id in unbound)
    assert not older.verifying.keys() & unbound
    assert [check[:4] for check in older.check_values] == [*unbound, *older.verifying]
    assert list(older.verifying.values())[-1] is older.signing
    assert not any(KeyRing([SECRET, OTHER_SECRET]).bound_to(DATABASE_ID).get(key_id) for key_id in unbound)


async def test_a_key_file_is_made_with_its_database(tmp_path: Path) -> None:
    """Without any secret a new database gets a key file of mode 0600 beside it, and later opens use it."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path) as pix:
        record = await pix.save_image(picture())
    key_file = tmp_path / "pixstore.db.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pixstore.db", "pixstore.db.key", "pixstore.db.lock"]
    async with Pixstore(path) as pix:
        again = await pix.get_image_record(record.id)
    assert again is not None
    assert again.key == record.key


async def test_a_lost_key_file_is_not_made_again(tmp_path: Path) -> None:
    """A database that was written to does not open without its secret, and no new key file appears."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path) as pix:
        record = await pix.save_image(picture())
    key_file = tmp_path / "pixstore.db.key"
    kept = key_file.rename(tmp_path / "kept")
    with pytest.raises(SecretError, match="the secret is missing"):
        await Pixstore(path).open()
    assert not key_file.exists()
    kept.rename(key_file)
    async with Pixstore(path) as pix:
        assert await pix.get_image_record(record.id) is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
async def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Group- or world-readable, it is no secret: refused, with the command that mends it."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path):
        pass
    (tmp_path / "pixstore.db.key").chmod(mode)
    with pytest.raises(SecretError, match="chmod 600"):
        await Pixstore(path).open()


async def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    """A key file that holds no secret is refused, and named."""
    (tmp_path / "pixstore.db.key").touch(mode=0o600)
    with pytest.raises(SecretError, match=r"key file .* contains no secret: restore the right one"):
        await Pixstore(tmp_path / "pixstore.db").open()


async def test_a_link_as_key_file_is_refused(tmp_path: Path) -> None:
    """A symbolic link in the key file's place is not followed."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "pixstore.db.key").symlink_to(tmp_path / "secret")
    with pytest.raises(SecretError, match="can't be read"):
        await Pixstore(tmp_path / "pixstore.db").open()


def test_a_key_file_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """Where no file can be made, the error names the variable to set."""
    with pytest.raises(SecretError, match="set PIXSTORE_SECRET instead"):
        create_key_file(tmp_path / "nowhere" / "key")


def test_one_secret_wins_a_race(tmp_path: Path) -> None:
    """Many makers of one key file at once all get the same secret, and no temporary file is left."""
    path = tmp_path / "key"
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: create_key_file(path), range(64)))
    assert made == {read_key_file(path)}
    assert len(made.pop()) == 43
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_no_second_copy_of_the_key_file_stays(tmp_path: Path) -> None:
    """What a process that was killed while it made the key file left beside it goes when it is read next,
    and no other file."""
    script = (
        "import os, pathlib, sys; from pixstore_asgi.keys.file import create_key_file\n"
        "os.unlink = lambda path: os._exit(9)\n"
        "create_key_file(pathlib.Path(sys.argv[1]))"
    )
    key_file = tmp_path / "pixstore.db.key"
    assert subprocess.run([sys.executable, "-c", script, key_file], check=False, timeout=60).returncode == 9
    assert key_file.stat().st_nlink == 2
    for name in ("pixstore.db.key.old", "other"):
        (tmp_path / name).write_text(key_file.read_text())
    (tmp_path / "link").hardlink_to(key_file)
    secret = read_key_file(key_file)
    left = ["link", "other", "pixstore.db.key", "pixstore.db.key.old"]
    assert sorted(file.name for file in tmp_path.iterdir()) == left
    assert create_key_file(key_file) == secret


async def test_the_environment_comes_before_the_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PIXSTORE_SECRET holds one or more secrets, separated by white space, and no key file is made."""
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
    """PIXSTORE_SECRET set to nothing, a variable that was not filled in, does not silently make a key file."""
    monkeypatch.setenv("PIXSTORE_SECRET", value)
    with pytest.raises(SecretError, match="set but empty: unset it to use the key file"):
        await Pixstore(tmp_path / "pixstore.db").open()
    with pytest.raises(SecretError, match="set but empty: set a secret") as caught:  # where no key file could be used
        await Pixstore(MemoryStore()).open()
    assert "key file" not in str(caught.value)
    assert not (tmp_path / "pixstore.db.key").exists()


async def test_a_wrong_secret_does_not_open_and_is_named(tmp_path: Path) -> None:
    """Where images are under another secret, one is refused by their public key ids, and nothing is written."""
    path = await make_database(tmp_path / "pixstore.db")
    async with Pixstore(path, secret=SECRET) as pix:
        await pix.save_image(picture())
    with pytest.raises(SecretError, match=f"secret {OLD}, and given is {NEW}"):
        await Pixstore(path, secret=OTHER_SECRET).open()
    async with Pixstore(path, secret=SECRET) as pix:
        assert [state.key_id for state in await pix.key_status()] == [OLD]


async def test_a_new_secret_rolls_out(tmp_path: Path) -> None:
    """[new, old] then [old, new]: images and proofs of either replica work at every step; afterwards both count."""
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
    """The first to save in a new database decides its secret; the other is refused when it saves, and at its next
    start."""
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


async def test_a_store_without_a_place_for_a_key_file_wants_a_secret() -> None:
    """A store in memory has no key file: the error names the argument and the variable."""
    with pytest.raises(SecretError, match=r"secret=… or set PIXSTORE_SECRET"):
        await Pixstore(MemoryStore()).open()


def test_processes_share_one_key_file(tmp_path: Path) -> None:
    """Processes that start together on one new database end up with the same secret."""
    script = (
        "import asyncio, sys; from pixstore_asgi import Pixstore\n"
        "async def main():\n"
        "    async with Pixstore(sys.argv[1]) as pix: print(pix._life.ring)\n"
        "asyncio.run(main())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PIXSTORE_SECRET"}
    command = [sys.executable, "-c", script, str(tmp_path / "pixstore.db")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(4)]
    rings = {process.communicate(timeout=60)[0] for process in running}
    assert len(rings) == 1
    assert rings.pop().startswith("KeyRing(")


def test_a_secret_error_is_a_pixstore_error() -> None:
    """One except clause catches all of this package's errors."""
    assert issubclass(SecretError, PixstoreError)


async def test_a_secret_that_nothing_is_under_locks_nobody_out(tmp_path: Path) -> None:
    """Opening once with a mistaken newest secret, saving nothing, keeps nobody out who has the right one."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path, secret=SECRET) as pix:
        record = await pix.save_image(picture())
    async with Pixstore(path, secret=[SECRET, OTHER_SECRET]):
        pass
    async with Pixstore(path, secret=SECRET) as pix:
        assert await served(pix, record) == (WireState.SUCCESS, picture())


async def test_a_secret_is_known_from_its_first_wrap_on(store: MemoryStore) -> None:
    """Opening, reading, key_status and an upload that is refused record no secret; saving and rewrapping do."""
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


async def test_without_images_no_secret_is_asked_for(store: MemoryStore) -> None:
    """A store whose images are all gone opens with another secret, which can save there, and then alone."""
    old = Pixstore(store, secret=SECRET)
    record = await old.save_image(picture())
    await old.delete_image(record.id)
    assert await Pixstore(store, secret=OTHER_SECRET).save_image(picture())
    with pytest.raises(SecretError, match="was written with secret"):
        await old.save_image(picture())


async def test_a_leaked_secret_is_thrown_out(tmp_path: Path) -> None:
    """Once no key is wrapped under it the store opens without it, and a proof that it signs opens nothing there."""
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
