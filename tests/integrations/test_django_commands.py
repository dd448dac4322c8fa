"""Django: `manage.py pixstore` runs the commands of `pixstore-asgi` for the store and the secret of the project."""

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from django.core.management import call_command, execute_from_command_line
from django.test.utils import override_settings

from pixstore_asgi import Pixstore, Variant
from pixstore_asgi.pixstore import parts_of
from pixstore_asgi.store.memory import MemoryStore
from pixstore_asgi.sync import SyncPixstore
from tests.support.django_setup import configure_django
from tests.support.samples import OTHER_SECRET, SECRET, large_png, picture

configure_django()

pytestmark = pytest.mark.slow


def exit_code(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        call_command("pixstore", *arguments)
    return ended.value.code


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """A project with a folder of bodies, and a secret that only its settings have."""
    pixstore = Pixstore(
        tmp_path / "pixstore.db",
        blobs=tmp_path / "bodies",
        secret=SECRET,
        variants=[Variant("thumb", width=16, height=16, fit="cover")],
        pad_to="bucket",
        max_image_bytes=3_000_000,
    )

    async def save() -> None:
        async with pixstore:
            await pixstore.save_image(picture())
            await pixstore.save_image(large_png(2_000_000))

    anyio.run(save)
    with override_settings(PIXSTORE=pixstore):
        yield pixstore


def test_commands_use_the_store_and_the_secret_of_the_project(
    project: Pixstore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """verify reads all bodies and keys, keys knows the secret, and backup finds the folder, without an option."""
    assert exit_code("verify") == 0
    assert "2 images" in capsys.readouterr().out
    assert exit_code("keys", "status") == 0
    assert "signs" in capsys.readouterr().out
    assert exit_code("gc", "--sweep-grace-s", "0") == 0
    assert exit_code("backup", "--to", os.fspath(tmp_path / "backup.db"), "--to-blobs", f"{tmp_path}/copies") == 0
    assert exit_code("doctor") == 0
    assert "the option secret of the project opens this store" in capsys.readouterr().out


def test_an_import_takes_the_options_of_the_project(
    project: Pixstore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`import files` makes the project's variants, keeps its limit and its formats, and `variants` finds all made."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(picture())
    (tmp_path / "media" / "b.png").write_bytes(large_png(4_000_000))
    (tmp_path / "media" / "c.gif").write_bytes(picture("gif"))
    assert exit_code("import", "files", os.fspath(tmp_path / "media")) == 1
    assert "1 image imported" in (said := capsys.readouterr().out)
    assert "b.png" in said
    assert "c.gif" in said
    assert exit_code("variants") == 0
    assert "3 images skipped, complete already" in capsys.readouterr().out


def test_manage_py_takes_options_of_commands(project: Pixstore, capsys: pytest.CaptureFixture[str]) -> None:
    """The arguments of a command pass through Django's own parser of `manage.py`."""
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "pixstore", "stats", "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["all"]["images"] == 2


def test_a_named_store_has_its_own_bodies(
    project: Pixstore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--database leaves the folder of the project out, and the secret still has to be the right one."""
    other = SyncPixstore(Pixstore(tmp_path / "other.db", secret=OTHER_SECRET))
    other.save_image(picture())
    assert exit_code("stats", "--database", f"{tmp_path}/other.db") == 0
    assert "1 image" in capsys.readouterr().out
    assert exit_code("verify", f"--database={tmp_path}/other.db") == 1


def test_help_and_mistakes_are_those_of_the_command_line(project: Pixstore, capsys: pytest.CaptureFixture[str]) -> None:
    """Without arguments the commands are listed, and a mistake is a usage error."""
    assert exit_code() == 0
    assert "manage.py pixstore [OPTIONS] COMMAND" in capsys.readouterr().out
    assert exit_code("gc", "--no-such-option") == 2


@pytest.mark.parametrize("arguments", [["pixstore", "--help"], ["pixstore", "-h"], ["help", "pixstore"]])
def test_each_help_lists_the_commands(
    project: Pixstore, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error advises `manage.py pixstore --help`. It lists the commands, as `manage.py help pixstore` does."""
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *arguments])
    assert ended.value.code == 0
    assert "gc        Remove bodies that no image needs." in capsys.readouterr().out


def test_the_password_of_a_url_is_not_shown() -> None:
    """An error tracker sees the place of the store, as a local variable of the command."""
    place = parts_of(Pixstore("postgresql://ada:letmein@127.0.0.1/museum", secret=SECRET)).place
    assert place.texts()["database"].endswith("/museum")
    assert "letmein" not in f"{place!r}{place.texts()!r}"


def test_a_store_object_needs_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A project that gives its store as an object names the database in the command."""
    with override_settings(PIXSTORE=Pixstore(MemoryStore(), secret=SECRET)):
        assert exit_code("stats") == 2
    assert "Missing option '--database'" in capsys.readouterr().err
