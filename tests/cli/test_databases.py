"""Every option that names a database takes a path, a sqlite URL and, where it is not about the file, any other URL."""

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli import commands as cli
from pixstore_asgi.cli.stores import Database, DatabaseType, PlaceType
from pixstore_asgi.demo import app as demo_app
from pixstore_asgi.store.connect import DRIVERS, Driver, StoreTarget, connect
from pixstore_asgi.store.inspection import Inspectable
from pixstore_asgi.store.memory import MemoryStore
from tests.support.s3 import S3Server
from tests.support.samples import SECRET, picture
from tests.transfer.npm_files import NpmFiles

ELSEWHERE = "elsewhere://user:hunter2@host/images"


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


SPELLINGS = pytest.mark.parametrize("spell", [str, url_of], ids=["path", "url"])
Spell = Callable[[Path], str]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The store at ELSEWHERE, which has no file."""
    store = MemoryStore()
    monkeypatch.setitem(DRIVERS, "elsewhere", Driver("elsewhere://host/name", lambda url, **options: store))
    return store


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The applications of the commands that serve. The commands end at once."""
    apps: list[Any] = []

    def end_at_once(app: Any, listener: socket.socket, *, on_ready: Callable[[], None], **rest: Any) -> None:
        apps.append(app)
        on_ready()

    monkeypatch.setattr(cli, "run_server", end_at_once)
    return apps


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """List the commands of a group and of the groups in it, as they are typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.commands, list(map(str, arguments)), env={"PIXSTORE_SECRET": SECRET})


def save(target: StoreTarget) -> None:
    async def save_one() -> None:
        async with Pixstore(target, secret=SECRET) as pix:
            await pix.import_image("cats:1", picture(), token=7)

    asyncio.run(save_one())


def ids_in(target: StoreTarget) -> list[str]:
    async def read() -> list[str]:
        async with Pixstore(target, secret=SECRET) as pix:
            return [info.id for info in await pix.list_images()]

    return asyncio.run(read())


@SPELLINGS
def test_serve_takes_both(tmp_path: Path, served: list[Any], spell: Spell) -> None:
    """`serve` serves the database of either spelling, names its path, and misses it in either."""
    path = tmp_path / "pixstore.db"
    missing = run("serve", "--database", spell(path), "--port", 0)
    assert missing.exit_code == 1
    assert missing.output.startswith(f"Error: there is no store at {path}: ")
    save(path)
    result = run("serve", "--database", spell(path), "--port", 0)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Serving the images of {path} on http://")
    assert len(served) == 1


@SPELLINGS
def test_demo_takes_both(tmp_path: Path, served: list[Any], monkeypatch: pytest.MonkeyPatch, spell: Spell) -> None:
    """`demo` keeps its pictures in the database of either spelling."""
    targets: list[StoreTarget] = []

    def noted(target: StoreTarget) -> Pixstore:
        targets.append(target)
        return Pixstore(target)

    monkeypatch.setattr(demo_app, "create_pixstore", noted)
    result = run("demo", "--database", spell(tmp_path / "pixstore.db"), "--port", 0)
    assert result.exit_code == 0, result.output
    assert targets == [tmp_path / "pixstore.db"]
    assert len(served) == 1


@SPELLINGS
@pytest.mark.parametrize("what", ["images", "npm"])
def test_export_takes_both(tmp_path: Path, spell: Spell, what: str) -> None:
    """`export` reads the database of either spelling, which must be there."""
    path, folder = tmp_path / "pixstore.db", tmp_path / "out"
    missing = run("export", what, "--database", spell(path), "--to", folder)
    assert missing.exit_code == 2
    assert "does not exist" in missing.output
    save(path)
    result = run("export", what, "--database", spell(path), "--to", folder)
    assert (result.exit_code, "1 image written" in result.output) == (0, True), result.output


@SPELLINGS
def test_import_takes_both(tmp_path: Path, spell: Spell) -> None:
    """`import npm` makes and fills the database of either spelling, and takes none that is its own source."""
    npm, path = NpmFiles(tmp_path / "npm"), tmp_path / "pixstore.db"
    npm.add("cats:1")
    arguments = ("import", "npm", "--database", npm.database, "--images", npm.images, "--into")
    result = run(*arguments, spell(path))
    assert result.exit_code == 0, result.output
    assert f"1 image taken over into {path}" in result.output
    assert ids_in(path) == ["cats:1"]
    assert "the npm package's own database" in run(*arguments, spell(npm.database)).output


@SPELLINGS
def test_backup_and_restore_take_both(tmp_path: Path, spell: Spell) -> None:
    """`backup` copies the database of either spelling, and `restore` brings it back to either."""
    path, backup = tmp_path / "pixstore.db", tmp_path / "backup.db"
    save(path)
    assert run("backup", "--database", spell(path), "--to", backup).output == f"1 image backed up to {backup}\n"
    path.unlink()
    assert run("restore", "--from", backup, "--database", spell(path)).output == f"1 image restored to {path}\n"
    assert ids_in(path) == ["cats:1"]


def test_a_shell_completes_paths() -> None:
    """The name of a database is completed like a file's name, and a place of bodies like a folder's."""
    context = click.Context(cli.serve)
    (completion,) = DatabaseType().shell_complete(context, cli.serve.params[0], "pix")
    assert (completion.type, completion.value) == ("file", "pix")
    (folder,) = PlaceType().shell_complete(context, cli.serve.params[1], "pic")
    assert (folder.type, folder.value) == ("dir", "pic")


def test_a_store_elsewhere_is_served(elsewhere: MemoryStore, served: list[Any]) -> None:
    """`serve` and `demo` take the URL of a store without a file. Their output shows no password."""
    result = run("serve", "--database", ELSEWHERE, "--port", 0)
    assert result.output.startswith("Serving the images of elsewhere://host/images on http://")
    assert run("demo", "--database", ELSEWHERE, "--port", 0).exit_code == 0
    assert len(served) == 2


def test_a_store_elsewhere_is_moved_to_and_from(elsewhere: MemoryStore, tmp_path: Path) -> None:
    """`import` and `export` take the URL of a store without a file. Their output shows no password."""
    npm = NpmFiles(tmp_path / "npm")
    npm.add("cats:1")
    source = ("--database", npm.database, "--images", npm.images)
    result = run("import", "npm", *source, "--into", ELSEWHERE)
    assert result.output == "1 image taken over into elsewhere://host/images\n"
    assert ids_in(elsewhere) == ["cats:1"]
    for what in ("images", "npm"):
        result = run("export", what, "--database", ELSEWHERE, "--to", tmp_path / f"to-{what}")
        assert (result.exit_code, "1 image written" in result.output) == (0, True), result.output
        assert "hunter2" not in result.output


def test_a_store_elsewhere_is_backed_up(elsewhere: MemoryStore, tmp_path: Path) -> None:
    """`backup` makes a file of a store that has none, and `restore` fills one; neither shows a password."""
    backup, path = tmp_path / "backup.db", tmp_path / "pixstore.db"
    save(path)
    assert run("backup", "--database", path, "--to", backup).exit_code == 0
    result = run("restore", "--from", backup, "--database", ELSEWHERE)
    assert result.output == "1 image restored to elsewhere://host/images\n"
    assert ids_in(elsewhere) == ["cats:1"]
    again = tmp_path / "again.db"
    assert run("backup", "--database", ELSEWHERE, "--to", again).output == f"1 image backed up to {again}\n"
    assert ids_in(again) == ["cats:1"]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("other://user:hunter2@host/db", "there is no store for other://…; known are sqlite:///path/to/pixstore.db"),
        ("sqlite://user:hunter2@host/db", "a sqlite URL is sqlite:///relative/path or sqlite:////absolute/path"),
        ("sqlite:///", "store names no file"),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--database"],
        ["demo", "--database"],
        ["export", "npm", "--to", "x", "--database"],
        ["export", "images", "--to", "x", "--database"],
        ["import", "npm", "--database", __file__, "--images", ".", "--into"],
        ["backup", "--to", "x", "--database"],
        ["restore", "--from", __file__, "--database"],
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else None,
)
def test_a_url_of_no_store_is_refused(arguments: list[str], url: str, complaint: str) -> None:
    """A value that is not a store's URL is refused with an example, before anything is done, without its password."""
    result = run(*arguments, url)
    assert result.exit_code == 2
    assert f"Error: Invalid value for '{arguments[-1]}': {complaint}" in result.output
    assert "hunter2" not in result.output


TAKING_A_STORE = [
    ["serve"],
    ["export", "images", "--to", "out"],
    ["export", "npm", "--to", "out"],
    ["variants", "--placeholder"],
    ["keys", "status"],
    ["keys", "rewrap"],
    ["keys", "retire", "12345678"],
    ["keys", "separate"],
    ["verify"],
    ["gc"],
    ["stats"],
    ["backup", "--to", "out"],
    ["doctor"],
]


def test_no_command_is_left_out() -> None:
    """Each command with a `--database` that must exist is among those that are tried below."""
    for path, command in leaves(cli.commands):
        types = [option.type for option in command.params if option.name == "database"]
        if any(isinstance(each, DatabaseType) and each._path.exists for each in types):
            assert any(" ".join(words).startswith(path) for words in TAKING_A_STORE), path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["empty file", "schema"])
@pytest.mark.parametrize("arguments", TAKING_A_STORE, ids=" ".join)
def test_a_misspelt_store_is_not_made(
    arguments: list[str], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A command for existing stores creates none, and does not report success."""
    monkeypatch.chdir(tmp_path)
    database = str(tmp_path / "empty.db")
    if kind == "schema":
        database = f"{request.getfixturevalue('postgres').url()}?schema=misspelt"
    else:
        Path(database).touch()
    result = run(*arguments, "--database", database)
    assert result.exit_code == 1
    assert re.search("there is no store at|is not a database of pixstore-asgi", result.output)
    if kind == "schema":
        store = connect(database)
        assert isinstance(store, Inspectable)
        assert not asyncio.run(store.is_made())
    else:
        assert [(file.name, file.stat().st_size) for file in tmp_path.iterdir()] == [("empty.db", 0)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--database", "x.db", "--host", ""],
        ["export", "images", "--database", __file__, "--to="],
        ["backup", "--database", __file__, "--to", ""],
        ["restore", "--from", __file__, "--database", ""],
        ["verify", "--database", ""],
    ],
)
def test_an_empty_value_is_refused(arguments: list[str]) -> None:
    """A variable that is not set names neither the working directory nor every address."""
    result = run(*arguments)
    assert result.exit_code == 2
    option = next(each for each in reversed(arguments) if each).rstrip("=")
    assert f"Error: Invalid value for '{option}': it is empty: check that the variable is set" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["backup", "--database", __file__, "--to"],
        ["restore", "--database", "x.db", "--from"],
        ["export", "images", "--database", __file__, "--to"],
        ["export", "npm", "--database", __file__, "--to"],
        ["import", "npm", "--into", "x.db", "--images", ".", "--database"],
        ["import", "npm", "--into", "x.db", "--database", __file__, "--images"],
    ],
    ids=" ".join,
)
def test_a_url_in_the_place_of_a_path_is_refused(arguments: list[str]) -> None:
    """It is not repeated: it may hold a password; and no folder of its name is made."""
    result = run(*arguments, "postgresql://user:hunter2@host/pictures")
    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}': give a path, not a URL" in result.output
    assert "hunter2" not in result.output


BUCKETS = [
    (path, option.opts[0])
    for path, command in leaves(cli.commands)
    for option in command.params
    if option.opts[0].endswith("blobs")
]


@pytest.mark.parametrize(("path", "option"), BUCKETS, ids=" ".join)
def test_a_url_of_no_bucket_is_refused(path: str, option: str) -> None:
    """A value that is not a bucket's URL is a usage error, not a fault of the store."""
    result = run(*path.split(), option, "s3:pictures")
    assert result.exit_code == 2
    assert f"Error: Invalid value for '{option}': this is not the URL of a bucket" in result.output


@pytest.mark.slow
def test_bodies_in_a_bucket_are_moved_in_and_out(tmp_path: Path, s3: S3Server) -> None:
    """With --blobs, imported images are kept in the bucket, and exported from it as files."""
    npm, database = NpmFiles(tmp_path / "npm"), tmp_path / "pixstore.db"
    npm.add("cats:1")
    bodies = ("--blobs", s3.url(f"cli-{abs(hash(tmp_path))}"))
    source = ("--database", npm.database, "--images", npm.images)
    taken = run("import", "npm", *source, "--into", database, *bodies)
    assert taken.exit_code == 0, taken.output
    without = run("export", "images", "--database", database, "--to", tmp_path / "without")
    assert "has bodies outside its database: pass --blobs" in without.output
    written = run("export", "images", "--database", database, *bodies, "--to", tmp_path / "files")
    assert written.exit_code == 0, written.output
    assert [path.name for path in (tmp_path / "files" / "cats").iterdir()] == ["1.png"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@host:5432/images", "postgresql://host:5432/images"),
        ("postgresql://user@host/images?password=hunter2&schema=pix2", "postgresql://host/images?schema=pix2"),
        ("postgresql://user@host/images?schema=pa@hunter2", "postgresql://…"),
        ("postgresql://user:pa/hunter2@host/images", "postgresql://…"),
        ("postgresql://user:pa?hunter2@host/images", "postgresql://…"),
        ("postgresql://user:pa#hunter2@host/images", "postgresql://…"),
    ],
)
def test_no_part_of_a_password_is_shown(url: str, shown: str) -> None:
    """If a password has characters that separate parts of URLs, nothing behind the scheme is printed."""
    assert str(Database(url, None)) == shown
