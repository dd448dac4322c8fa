"""The commands that move images, run as users run them: their output, exit codes, and state after a kill."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from tests.demo.process import run
from tests.support.postgres import Cluster
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.transfer.imports import take
from tests.transfer.npm_files import NpmFiles

pytestmark = pytest.mark.slow

COUNT = 30


@pytest.fixture
def npm_store(npm_files: NpmFiles) -> NpmFiles:
    """A store of the npm package with 30 images."""
    for n in range(COUNT):
        npm_files.add(f"players:{n:02}", picture(seed=n))
    return npm_files


def importing(npm: NpmFiles, into: Path | str, *more: str) -> list[str]:
    return ["import", "npm", "--database", str(npm.database), "--images", str(npm.images), "--into", str(into), *more]


def exporting(kind: str, database: Path, folder: Path) -> list[str]:
    return ["export", kind, "--database", str(database), "--to", str(folder)]


def run_here(*arguments: str, secret: str | None = None) -> Result:
    """Run a command in this process: test_all_goes_well shows that a process of its own does the same."""
    return CliRunner().invoke(commands, arguments, env={"PIXSTORE_SECRET": secret})


def imported(npm: NpmFiles, into: Path) -> Path:
    """Import a store without the command line, and return the database."""

    async def take_all() -> None:
        async with Pixstore(into, secret=SECRET) as pix:
            assert (await take(npm, pix)).left == []

    asyncio.run(take_all())
    return into


def images_of(database: Path) -> dict[str, bytes]:
    async def read() -> dict[str, bytes]:
        async with Pixstore(database, secret=SECRET) as pix:
            found = {info.id: await pix.read_image(info.id) for info in await pix.list_images(limit=1000)}
            return {image_id: image.data for image_id, image in found.items() if image}

    return asyncio.run(read())


def all_images() -> dict[str, bytes]:
    return {f"players:{n:02}": picture(seed=n) for n in range(COUNT)}


@pytest.mark.parametrize("path", [("import", "npm"), ("export", "npm"), ("export", "images")])
def test_help_is_complete(path: tuple[str, str]) -> None:
    """Every moving command and option explains itself; the exports name the data in clear and its readers."""
    group = commands.commands[path[0]]
    assert isinstance(group, click.Group)
    for option in group.commands[path[1]].params:
        assert isinstance(option, click.Option)
        assert option.help
    text = " ".join(CliRunner().invoke(commands, [*path, "--help"]).output.split())
    if path[0] == "export":
        assert all(said in text for said in ("CLEAR", "0600", "Existing files are not overwritten"))


def test_all_goes_well(npm_store: NpmFiles, tmp_path: Path) -> None:
    """Import and both exports report in a few lines, with exit code 0. Second runs do too."""
    ours = tmp_path / "ours.db"
    commands_done = {
        "taken over into": importing(npm_store, ours),
        "written to": exporting("npm", ours, tmp_path / "npm-out"),
        "in clear": exporting("images", ours, tmp_path / "files"),
    }
    for done, arguments in commands_done.items():
        first = run(*arguments, secret=SECRET)
        assert (first.returncode, first.stderr) == (0, "")
        assert first.stdout.startswith(f"{COUNT} images ")
        assert done in first.stdout.splitlines()[0]
        second = run_here(*arguments, secret=SECRET)
        assert (second.exit_code, second.stderr) == (0, "")
        assert second.stdout.splitlines()[1] == f"{COUNT} images skipped, there already"
    assert images_of(ours) == all_images()


def test_what_is_left_alone_is_listed(npm_store: NpmFiles, tmp_path: Path) -> None:
    """Each image left alone has a line with its id, safely quoted, and the reason; the exit code is 1."""
    npm_store.row("\x1b[2J../x", 1, "{}")
    npm_store.file("players:03").unlink()
    result = run_here(*importing(npm_store, tmp_path / "ours.db"), secret=SECRET)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{COUNT - 1} images taken over")
    assert lines[1] == "2 images left alone:"
    assert lines[2].startswith("  '\\x1b[2J../x'")
    assert lines[3].startswith("  'players:03'")
    assert "missing" in lines[3]
    assert result.stdout.replace("\n", "").isprintable()


def test_dry_run_makes_nothing(npm_store: NpmFiles, tmp_path: Path) -> None:
    """--dry-run reports the planned moves, and leaves no database, key file or lock."""
    before = sorted(os.listdir(tmp_path))
    result = run_here(*importing(npm_store, tmp_path / "ours.db", "--dry-run"))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{COUNT} images would be taken over")
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.servers
def test_dry_run_makes_nothing_in_postgresql(npm_store: NpmFiles, postgres: Cluster) -> None:
    """--dry-run into a schema that is not there leaves none, and asks for no secret."""
    into = f"{postgres.url()}?schema=dry_import"
    result = run_here(*importing(npm_store, into, "--dry-run"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{COUNT} images would be taken over")
    assert "dry_import" not in postgres.run("SELECT nspname FROM pg_namespace")


def test_a_source_that_is_none_makes_nothing(tmp_path: Path) -> None:
    """A database that is not npm's is one line on stderr, and no target is made."""
    (tmp_path / "empty.db").touch()
    arguments = ["--database", str(tmp_path / "empty.db"), "--images", str(tmp_path), "--into", str(tmp_path / "o.db")]
    result = run_here("import", "npm", *arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "npm's pixstore" in result.stderr
    assert os.listdir(tmp_path) == ["empty.db"]


def test_the_source_is_not_the_target(npm_store: NpmFiles) -> None:
    """--into with the source's own database is a wrong use, and nothing is made beside it."""
    before = npm_store.state()
    result = run_here(*importing(npm_store, npm_store.database), secret=SECRET)
    assert (result.exit_code, "--into" in result.stderr) == (2, True)
    assert npm_store.state() == before


def test_the_wrong_secret_is_one_line(npm_store: NpmFiles, tmp_path: Path) -> None:
    """With another secret than the database's nothing is moved in or out."""
    ours = imported(npm_store, tmp_path / "ours.db")
    for arguments in (importing(npm_store, ours), exporting("npm", ours, tmp_path / "out")):
        result = run_here(*arguments, secret=OTHER_SECRET)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert "secret" in result.stderr


DIES_AFTER_SEVEN = """
import os, signal
from pixstore_asgi.transfer.steps import Report
add = Report.add
def dying(self, step):
    add(self, step)
    if self.moved == 7:
        os.kill(os.getpid(), signal.SIGKILL)
Report.add = dying
"""
DIES_IN_A_FILE = """
import os, signal
from pixstore_asgi.transfer import folder
write = folder._write
def dying(file, data, path):
    if path[-1].startswith("07"):
        os.write(file, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, data, path)
folder._write = dying
"""


FAILS_IN_A_FILE = """
import os
from pixstore_asgi.transfer import folder
write = os.write
def failing(file, data):
    if len(data) > 100 and len(os.listdir("/proc/self/cwd/out/players")) == 8:
        raise OSError(28, "No space left on device")
    return write(file, data)
folder.os.write = failing
"""


def run_with(code: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, in a process that runs `code` first."""
    return subprocess.run(
        [sys.executable, "-c", f"{code}\nfrom pixstore_asgi.cli import main; main()", *arguments],
        env={**os.environ, "PIXSTORE_SECRET": SECRET},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run_dying(code: str, arguments: list[str], folder: Path) -> None:
    """Run a command in a process that kills itself on the way."""
    assert run_with(code, arguments, folder).returncode == -signal.SIGKILL


def test_a_full_disk_ends_with_a_report(npm_store: NpmFiles, tmp_path: Path) -> None:
    """If the target fails, the output has the moved images, the reason, and the advice to run the command again."""
    arguments = exporting("images", imported(npm_store, tmp_path / "ours.db"), tmp_path / "out")
    result = run_with(FAILS_IN_A_FILE, arguments, tmp_path)
    assert (result.returncode, result.stdout.startswith("7 images written")) == (1, True)
    reason, hint = result.stderr.splitlines()
    assert reason.startswith("Error: players/07.png can't be written: No space left")
    assert hint == "Run the same command again to continue."
    assert run_here(*arguments, secret=SECRET).exit_code == 0
    assert len(list((tmp_path / "out").rglob("*.png"))) == COUNT


def test_an_import_that_was_killed_goes_on(npm_store: NpmFiles, tmp_path: Path) -> None:
    """After kill -9 in the middle a second run takes over the rest, and all images are there and whole."""
    ours = tmp_path / "ours.db"
    run_dying(DIES_AFTER_SEVEN, importing(npm_store, ours), tmp_path)
    result = run_here(*importing(npm_store, ours), secret=SECRET)
    assert result.stdout.splitlines()[0].startswith(f"{COUNT - 7} images taken over")
    assert result.stdout.splitlines()[1:] == ["7 images skipped, there already"]
    assert images_of(ours) == all_images()


@pytest.mark.parametrize("kind", ["npm", "images"])
@pytest.mark.parametrize("code", [DIES_AFTER_SEVEN, DIES_IN_A_FILE], ids=["between", "in a file"])
def test_an_export_that_was_killed_goes_on(npm_store: NpmFiles, tmp_path: Path, kind: str, code: str) -> None:
    """After kill -9 between two images, or within a file, a second run completes all; nothing else is left there."""
    ours, out = imported(npm_store, tmp_path / "ours.db"), tmp_path / "out"
    run_dying(code, exporting(kind, ours, out), tmp_path)
    result = run_here(*exporting(kind, ours, out), secret=SECRET)
    assert (result.exit_code, result.stderr) == (0, "")
    if kind == "images":
        found = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if not path.is_dir()}
        assert found == {Path(f"players/{n:02}.png"): picture(seed=n) for n in range(COUNT)}
    else:
        again = NpmFiles(out)
        assert images_of(imported(again, tmp_path / "again.db")) == all_images()
        assert len(list(out.rglob("*"))) == COUNT + 3


def test_a_terminal_sees_a_bar_and_ctrl_c_a_report(npm_store: NpmFiles, tmp_path: Path) -> None:
    """On a terminal one line shows count, percent, bytes and rate. After Ctrl-C the report lists the moved images and
    how to continue.
    """
    waiting = (
        "import signal, os\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background shell ignores it
        "from pixstore_asgi.transfer.steps import Report\nadd = Report.add\n"
        "def slow(self, step):\n    add(self, step)\n    if self.moved == 7: os.kill(os.getpid(), signal.SIGINT)\n"
        "Report.add = slow\nfrom pixstore_asgi.cli import main; main()"
    )
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", waiting, *importing(npm_store, tmp_path / "ours.db")],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PIXSTORE_SECRET": SECRET, "TERM": "xterm"},
    )
    os.close(terminal)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            shown += os.read(screen, 65536)
        except OSError:  # the other side has closed the terminal
            break
    os.close(screen)
    assert process.wait(30) == 130
    text = shown.decode()
    assert re.search(rf"\r[^\n]* 7/{COUNT} [^\n]*\d+%[^\n]* KiB, [\d,.]+ [KM]iB/s", text)
    lines = re.split(r"[\r\n]", re.sub(r"\x1b\[\S*?[lh]", "", text))
    assert max(len(line) for line in lines if "%" in line) <= 80  # one line of the terminal
    assert "7 images taken over" in text
    assert "Run the same command again to continue." in text
    assert "Traceback" not in text
    assert len(images_of(tmp_path / "ours.db")) in (7, 8)
