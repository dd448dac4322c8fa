"""The key file beside a database: its creation, its checks, and one secret for all processes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.errors import SecretError
from pixstore_asgi.keys.file import create_key_file, read_key_file
from tests.support.samples import SECRET, picture


@pytest.fixture(autouse=True)
def no_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXSTORE_SECRET", raising=False)


async def test_a_key_file_is_created_with_its_database(tmp_path: Path) -> None:
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


async def test_a_lost_key_file_is_not_created_again(tmp_path: Path) -> None:
    """A database with images does not open without its secret, and no new key file is created."""
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
    """A key file that group or others can read is refused, and the error names the command to fix it."""
    path = tmp_path / "pixstore.db"
    async with Pixstore(path):
        pass
    (tmp_path / "pixstore.db.key").chmod(mode)
    with pytest.raises(SecretError, match="chmod 600"):
        await Pixstore(path).open()


async def test_an_empty_key_file_is_refused(tmp_path: Path) -> None:
    """A key file without a secret is refused, and the error names it."""
    (tmp_path / "pixstore.db.key").touch(mode=0o600)
    with pytest.raises(SecretError, match=r"key file .* contains no secret: restore the right one"):
        await Pixstore(tmp_path / "pixstore.db").open()


async def test_a_link_as_key_file_is_refused(tmp_path: Path) -> None:
    """A symbolic link in place of the key file is not followed."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "pixstore.db.key").symlink_to(tmp_path / "secret")
    with pytest.raises(SecretError, match="can't be read"):
        await Pixstore(tmp_path / "pixstore.db").open()


def test_the_error_for_a_read_only_folder_names_the_variable(tmp_path: Path) -> None:
    """If the key file can't be created, the error names the variable to set."""
    with pytest.raises(SecretError, match="set PIXSTORE_SECRET instead"):
        create_key_file(tmp_path / "nowhere" / "key")


def test_one_secret_wins_a_race(tmp_path: Path) -> None:
    """Threads that create one key file at once all get the same secret, and leave no temporary file."""
    path = tmp_path / "key"
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: create_key_file(path), range(64)))
    assert made == {read_key_file(path)}
    assert len(made.pop()) == 43
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_no_second_copy_of_the_key_file_stays(tmp_path: Path) -> None:
    """The temporary name that a killed process left is removed at the next read, and no other file is."""
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


@pytest.mark.slow
def test_processes_share_one_key_file(tmp_path: Path) -> None:
    """Processes that start together on one new database get the same secret."""
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
