"""Plain pictures under conditions that hurt: imports that are killed, and folders that were made to do harm."""

import csv
import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from pixstore_asgi.errors import InputError
from pixstore_asgi.transfer import plain_image_id
from pixstore_asgi.transfer.folder import Folder
from tests.demo.process import COMMAND
from tests.support.samples import SECRET, large_png, picture
from tests.transfer.test_plain_import import files_of, rows_of, run, stored, write

pytestmark = pytest.mark.slow

FEW, MANY = 200, 10_000
DIES_IN = """
import os, signal, sys
from pixstore_asgi import Pixstore
from pixstore_asgi.cli import plain_commands
from pixstore_asgi.store.sqlite.writer import Writer
from pixstore_asgi.transfer.folder import Folder
from pixstore_asgi.transfer.plain_table import ReportFile
place, count = sys.argv.pop(1), int(sys.argv.pop(1))
def died():
    global count
    count -= 1
    if not count:
        os.kill(os.getpid(), signal.SIGKILL)
def dying(owner, name, late):
    inner = getattr(owner, name)
    def plain(*given, **options):
        late or died()
        result = inner(*given, **options)
        late and died()
        return result
    async def waiting(*given, **options):
        late or died()
        result = await inner(*given, **options)
        late and died()
        return result
    setattr(owner, name, waiting if name == "import_image" else plain)
dying(*{
    "read": (Folder, "read_whole", False),
    "save": (Pixstore, "import_image", False),
    "saved": (Pixstore, "import_image", True),
    "reported": (ReportFile, "add", True),
}[place])
from pixstore_asgi.cli import main
main()
"""


def filled(folder: Path, count: int) -> dict[str, bytes]:
    """Make `count` different pictures, at most 300 in each subfolder. Each has its number in a comment."""
    jpeg = picture("jpeg")
    for number in range(count):
        comment = b"\xff\xfe" + (18).to_bytes(2) + b"%016d" % number
        write(folder / f"{number // 300}" / f"{number}.jpg", jpeg[:2] + comment + jpeg[2:])
    return {name: data for name, (data, _) in files_of(folder).items()}


def importing(folder: Path) -> list[str]:
    return ["import", "files", str(folder), "--into", str(folder.parent / "ours.db")]


def count(database: Path) -> int:
    """Return the number of images in a database that another process may be making."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM image").fetchone()[0])
    return 0


def check(folder: Path, files: dict[str, bytes], report: Path) -> None:
    """Check that each picture is stored once with the bytes of its file, and that the report has each file."""
    assert stored(folder.parent / "ours.db") == {plain_image_id(name): data for name, data in files.items()}
    assert rows_of(report) == {name: (plain_image_id(name), "") for name in files}
    assert {name: data for name, (data, _) in files_of(folder).items()} == files
    with report.open(newline="") as file:
        assert len(list(csv.reader(file))) == len(files) + 1


def test_an_import_that_was_killed_goes_on(tmp_path: Path) -> None:
    """After kill -9 before and after reads, saves and report rows, two further runs complete all."""
    folder, report = tmp_path / "media", tmp_path / "report.csv"
    files = filled(folder, FEW)
    for place, count in (("read", 30), ("save", 25), ("saved", 20), ("saved", 1), ("reported", 90)):
        code = [sys.executable, "-c", DIES_IN, place, str(count), *importing(folder), "--report", str(report)]
        died = subprocess.run(code, env={**os.environ, "PIXSTORE_SECRET": SECRET}, capture_output=True, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert not report.exists()
    held = len(stored(tmp_path / "ours.db"))
    assert 0 < held < FEW
    for moved in (FEW - held, 0):
        result = run(folder, "--report", str(report))
        assert (result.exit_code, result.stdout.startswith(f"{moved} images imported")) == (0, True)
        check(folder, files, report)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_many_pictures_moved_in_twice_and_killed_five_times(tmp_path: Path) -> None:
    """10,000 pictures, with kill -9 at five random moments: two further runs have each there once, with equal bytes."""
    folder, report = tmp_path / "media", tmp_path / "report.csv"
    files = filled(folder, MANY)
    held = 0
    for _ in range(5):
        process = subprocess.Popen(
            [*COMMAND, *importing(folder), "--report", str(report)], env={**os.environ, "PIXSTORE_SECRET": SECRET}
        )
        wanted = held + random.randint(500, 1500)
        while held < wanted:
            time.sleep(random.random() / 50)
            held = count(tmp_path / "ours.db")
            assert process.poll() is None
        process.kill()
        process.wait()
        assert not report.exists()
    held = count(tmp_path / "ours.db")
    assert held < MANY
    for moved in (MANY - held, 0):
        result = run(folder, "--report", str(report))
        assert (result.exit_code, result.stdout.startswith(f"{moved:,} images imported")) == (0, True)
        check(folder, files, report)


def test_hostile_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links out of the folder, pipes, unreadable files and folders, and too long files are refused alone."""
    folder, report, outside = tmp_path / "media", tmp_path / "report.csv", tmp_path / "outside"
    write(folder / "good.png", picture())
    write(outside / "secret.png", picture(seed=1))
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "links").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    (folder / "empty.png").touch()
    (folder / os.fsdecode(b"\xff\n\x1b[2J.txt")).write_text("no picture")
    write(folder / "long.png", b"")
    os.truncate(folder / "long.png", 2**40)
    write(folder / "locked.png", picture(seed=3))
    opened = os.open

    def refusing(path: Any, *given: Any, **options: Any) -> int:  # root may read a file of any mode
        if path == "locked.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *given, **options)

    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(os, "supports_dir_fd", os.supports_dir_fd | {refusing})
    deep = folder.joinpath(*(["deep"] * 120))
    write(deep / "lost.png", picture(seed=2))
    result = run(folder, "--report", str(report))
    assert result.exit_code == 1
    assert result.stdout.replace("\n", "").isprintable()
    found = {name: reason for name, (image_id, reason) in rows_of(report).items() if not image_id}
    assert len(found) == 9
    assert "Permission denied" in found["locked.png"]
    assert all("symbolic link" in found[name] for name in ("link.png", "links", "loop"))
    assert "not a regular file" in found["pipe.png"]
    assert "empty" in found["empty.png"]
    assert "max_image_bytes" in found["long.png"]
    assert "not an image" in found["\\xff\n\x1b[2J.txt"]  # a report escapes bytes that are not UTF-8
    assert sorted(stored(tmp_path / "ours.db").values()) == [picture()]


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows between the begin and the end of its read is refused."""
    write(tmp_path / "a.png", large_png(3_000_000))
    read = os.read

    def growing(file: int, count: int) -> bytes:
        monkeypatch.undo()
        with (tmp_path / "a.png").open("ab") as other:
            other.write(b"more")
        return read(file, count)

    with Folder(tmp_path) as folder:
        whole = folder.read_whole(("a.png",), max_bytes=10_000_000)
        assert whole.data == large_png(3_000_000)
        monkeypatch.setattr("pixstore_asgi.transfer.folder.os.read", growing)
        with pytest.raises(InputError, match="changed while it was read"):
            folder.read_whole(("a.png",), max_bytes=10_000_000)


def test_the_output_is_bounded(tmp_path: Path) -> None:
    """An import keeps and prints 1,000 refusals, and the number of the others."""
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number}.png").touch()
    result = run(folder, "--dry-run")
    lines = result.stdout.splitlines()
    assert lines[1] == "3,000 files left alone:"
    assert lines[-1] == "  and 2,000 more: the file of --report lists all of them"
    assert len(lines) == 1003
