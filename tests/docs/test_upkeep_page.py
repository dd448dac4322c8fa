"""upkeep.md and monitoring.md: each command prints the text below it, and the code of monitoring.md runs."""

import asyncio
import logging
import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from pixstore_asgi import ImageRecord, Pixstore, PixstoreApp
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.testing import MemoryPixstore
from tests.support.console import Shell, steps_of
from tests.support.paths import DOCS
from tests.support.requests import headers
from tests.support.samples import SECRET, large_png

MONITORING = (DOCS / "monitoring.md").read_text()
STEPS = [*steps_of((DOCS / "upkeep.md").read_text()), *steps_of(MONITORING)]
EXAMPLES = [
    (command.removeprefix("pixstore-asgi "), output)
    for command, output in STEPS
    if command.startswith("pixstore-asgi ")
]
DIRECTORIES = {"players": 12, "teams": 3}
KEY_ID = re.compile(r"(?<=secret )[0-9a-f]{8}|(?<=secret=\")[0-9a-f]{8}")
MACHINE = {r"SQLite [\d.]+": "SQLite 3.46.1", r"[\d,.]+ GiB free": "56.4 GiB free", r"(?<=file system: )\S+": "ext4"}
"""What is another one on another machine, as it stands on the page."""


async def fill(path: Path) -> None:
    """Save the images of the page's store: pictures of two directories, some of them updated and deleted."""
    async with Pixstore(path, secret=SECRET) as pix:
        for directory, images in DIRECTORIES.items():
            for number in range(images):
                await pix.import_image(f"{directory}:{number:04}", large_png(100_000 + number), token=1)
        await pix.import_image("logo", large_png(2_000_000), token=1)
        await pix.delete_image("teams:0002")
    change(path, "INSERT INTO blob (id, state, changed_ms) VALUES (100, 2, 0)")
    change(path, "INSERT INTO chunk VALUES (?, ?)", 100 << 16, bytes(150_000))


def change(path: Path, statement: str, *values: object) -> None:
    """Change a database as a disk would, or a process that was killed: the time of the last change stays."""
    before = os.stat(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def damage(path: Path) -> None:
    """Change one bit of a picture, and leave a body behind."""
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT chunk.id, data FROM image JOIN chunk ON chunk.id = blob << 16 WHERE image.id = 'players:0007'"
        chunk, data = db.execute(query).fetchone()
    change(path, "UPDATE chunk SET data = ? WHERE id = ?", data[:500] + bytes([data[500] ^ 1]) + data[501:], chunk)
    change(path, "INSERT INTO blob (id, state, changed_ms) VALUES (101, 1, 0)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("pixstore.db", "damaged.db"):
        asyncio.run(fill(tmp_path / name))
    damage(tmp_path / "damaged.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    return tmp_path


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_examples_print_what_they_say(folder: Path, command: str, output: str) -> None:
    """Each command of the page, on such a store, prints its lines; key ids are others each time."""
    result = CliRunner().invoke(commands, shlex.split(command))
    printed = KEY_ID.sub("0a1b2c3d", result.output.replace(str(folder), "/var/lib/pictures"))
    for pattern, text in MACHINE.items():
        printed = re.sub(pattern, text, printed)
    assert printed == output
    assert result.exit_code == (1 if "damaged" in command else 0)


def test_every_command_has_an_example() -> None:
    """The pages show all that look after a store, but for those of backup.md."""
    assert {command.split()[0] for command, _ in EXAMPLES} == {"verify", "doctor", "stats", "gc"}


def test_the_schema_version_is_the_present_one(folder: Path) -> None:
    """The page's question to a database of this version gets the page's answer."""
    ((command, output),) = [step for step in STEPS if step.command.startswith("sqlite3 ")]
    program, path, statement = shlex.split(command)
    assert (program, path) == ("sqlite3", "pixstore.db")
    with closing(sqlite3.connect(path)) as db:
        ((version,),) = db.execute(statement).fetchall()
    assert f"{version}\n" == output


def test_a_timer_writes_the_gauges(folder: Path) -> None:
    """The page's command leaves a whole file for the node exporter, and no other."""
    (command,) = re.findall(r"```sh\n(cd .*?\n.*?)\n```", MONITORING)
    there = folder / "exporter"
    there.mkdir()
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    instead = {"/var/lib/prometheus/node-exporter": str(there), "/var/lib/pictures": str(folder)}
    with Shell(folder, environment=environment, instead=instead) as shell:
        assert shell.run(command) == (0, "")
    assert [path.name for path in there.iterdir()] == ["pixstore.prom"]
    assert "pixstore_images 15\n" in (there / "pixstore.prom").read_text()


@pytest.mark.parametrize("file", ["audit.py", "traced.py"])
def test_the_code_sees_each_answer(file: str, caplog: pytest.LogCaptureFixture) -> None:
    """The applications of the page serve an image, and the audit has a line with who asked for what."""
    (code,) = re.findall(rf"```python\n# {file}\n(.*?)```", MONITORING, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    caplog.set_level(logging.INFO, "audit")
    asyncio.run(ask_for_one(names["images"]))
    if file == "audit.py":
        (line,) = [record.message for record in caplog.records if record.name == "audit"]
        assert re.fullmatch(r"None asked for '\S+': Success, \d+ bytes", line)


async def ask_for_one(images: Callable[[Pixstore], PixstoreApp]) -> None:
    async with MemoryPixstore() as pix:
        record = ImageRecord.parse(await pix.save_image(large_png(2_000)))
        transport = httpx.ASGITransport(images(pix))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            answer = await http.get(f"/{record.id}", headers=headers(record))
    assert answer.headers["x-pixstore-state"] == "Success"
