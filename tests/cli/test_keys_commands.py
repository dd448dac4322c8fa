"""`pixstore-asgi keys`: its output, its work, and its end when it is stopped."""

import asyncio
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pixstore_asgi import Pixstore
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.cli.keys_commands import keys
from pixstore_asgi.keys import rotation
from tests.support.console import section_of
from tests.support.paths import DOCS
from tests.support.rings import NEW, OLD, make_database
from tests.support.samples import OTHER_SECRET, SECRET, picture
from tests.support.stores import new_place

BOTH = f"{SECRET} {OTHER_SECRET}"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of 5 images under the old secret and 2 under the new one."""
    path = asyncio.run(make_database(tmp_path / "pixstore.db"))
    save(path, SECRET, 5)
    save(path, [SECRET, OTHER_SECRET], 2)
    return path


def save(path: Path, secrets: str | Sequence[str], count: int) -> None:
    async def save_all() -> None:
        async with Pixstore(path, secret=secrets) as pix:
            for seed in range(count):
                await pix.save_image(picture(seed=seed))

    asyncio.run(save_all())


def run(*arguments: object, secret: str = BOTH) -> Result:
    return CliRunner().invoke(commands, ["keys", *map(str, arguments)], env={"PIXSTORE_SECRET": secret})


def run_for_json(*arguments: object, secret: str = BOTH) -> Any:
    result = run(*arguments, "--json", secret=secret)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", keys.commands.values(), ids=lambda command: command.name)
def test_help_and_options_are_complete(command: click.Command) -> None:
    """Each command explains itself and its options."""
    result = CliRunner().invoke(commands, ["keys", str(command.name), "--help"])
    assert result.exit_code == 0
    for option in command.params:
        assert isinstance(option, click.Argument) or (isinstance(option, click.Option) and option.help)


def test_a_rotation_is_brought_to_its_end(database: Path) -> None:
    """Status, rewrap, retire, each told in words; then the new secret alone opens the database."""
    result = run("status", "--database", database)
    assert result.output.splitlines() == [
        "key id          keys",
        f"{OLD}           5  loaded",
        f"{NEW}           2  signs",
    ]
    result = run("retire", OLD, "--database", database)
    assert result.exit_code == 1
    assert result.stderr == f"Error: secret {OLD} is still needed, by 5 keys: rewrap the keys first\n"
    result = run("rewrap", "--database", database)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "5 keys rewrapped\n", "")
    result = run("retire", OLD, "--database", database)
    assert result.exit_code == 0
    assert result.output.startswith(f"{database} opens without secret {OLD} now: ")
    assert run("status", "--database", database).output.splitlines()[1] == f"{OLD}           0  retired"
    result = run("status", "--database", database, secret=OTHER_SECRET)
    assert result.output.splitlines()[1:] == [f"{NEW}           7  signs"]
    assert run("status", "--database", database, secret=SECRET).exit_code == 1


def test_json_tells_the_same(database: Path) -> None:
    """With --json each command prints one JSON value on stdout."""
    old, new = run_for_json("status", "--database", database)
    assert old == {"key_id": OLD, "keys": 5, "signs": False, "loaded": True, "retired": False}
    assert new == {"key_id": NEW, "keys": 2, "signs": True, "loaded": True, "retired": False}
    assert run_for_json("rewrap", "--database", f"sqlite:///{database}") == {"rewrapped": 5, "left": 0}
    assert run_for_json("rewrap", "--database", database) == {"rewrapped": 0, "left": 0}
    assert run_for_json("retire", OLD, "--database", database) == {"retired": OLD}


def test_a_secret_that_the_database_has_forgotten(database: Path) -> None:
    """After a save of a process that has the newer secret alone there is nothing to retire, and that is no error."""
    run("rewrap", "--database", database)
    save(database, OTHER_SECRET, 1)
    result = run("retire", OLD, "--database", database)
    assert (result.exit_code, result.output) == (
        0,
        f"{database} does not know secret {OLD}, though PIXSTORE_SECRET lists it: there is nothing to retire.\n",
    )
    assert run_for_json("retire", OLD, "--database", database) == {"retired": None}


@pytest.mark.slow
def test_a_bucket_is_not_asked_for(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where bodies are in a bucket, each command except `separate` works without it, and warns of nothing."""
    place = new_place("sqlite+s3", tmp_path, request)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)

    async def save_and_replace() -> None:
        async with Pixstore(place.database, blobs=place.blobs, secret=[SECRET, OTHER_SECRET]) as pix:
            record = await pix.save_image(picture())
            await pix.update_image(record.id, picture(seed=1))

    asyncio.run(save_and_replace())
    key_id = run_for_json("status", "--database", place.database)[0]["key_id"]
    for arguments in (["rewrap"], ["status"], ["retire", key_id]):
        result = run(*arguments, "--database", place.database)
        assert result.exit_code == 0, result.output
    assert not [each for each in caplog.records if getattr(each, "event", "") == "blobs_not_given"]


def test_what_is_left_is_told(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where images stay under an older secret their number is told on stderr, and the exit code is 1."""

    async def rewrap_none(*_: object) -> int:
        return 0

    monkeypatch.setattr(rotation, "rewrap_keys", rewrap_none)
    result = run("rewrap", "--database", database, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"rewrapped": 0, "left": 5}
    assert result.stderr.startswith(f"5 keys left under {OLD}, because other processes save with it:\n")


def test_a_copy_is_separated(database: Path) -> None:
    """By the two commands of the page a copy comes under an id of its own, with all its images."""
    section = section_of((DOCS / "moving-stores.md").read_text(), "Make a copy for staging")
    copy = database.with_name("staging.db")
    for line in re.findall(r"^\$ pixstore-asgi (.*)$", section, re.MULTILINE):
        here = line.replace("/var/lib/pictures", str(copy.parent)).replace("/srv/staging/pixstore.db", str(copy))
        result = CliRunner().invoke(commands, here.split(), env={"PIXSTORE_SECRET": BOTH})
        assert result.exit_code == 0, result.output
    assert result.output == f"{copy} has its own id now, with 7 keys; its secrets have new key ids.\n"
    old, new = run_for_json("status", "--database", copy)
    assert (old["keys"], new["keys"], new["signs"]) == (0, 7, True)
    assert new["key_id"] != NEW
    assert run_for_json("separate", "--database", copy, secret=OTHER_SECRET) == {"separated": 7}


def test_errors_are_one_line(database: Path) -> None:
    """A wrong secret, a wrong key id and a missing database are one line on stderr each, without a traceback."""
    for arguments, secret, text in [
        (("rewrap", "--database", database), OTHER_SECRET, f"written with secret {OLD}"),
        (
            ("retire", "00000000", "--database", database),
            BOTH,
            f"it knows {min(OLD, NEW)}, {max(OLD, NEW)}",
        ),
    ]:
        result = run(*arguments, secret=secret)
        assert result.exit_code == 1
        assert text in result.stderr
        assert result.stderr.count("\n") == 1
    assert run("status", "--database", database.with_name("typo.db")).exit_code == 2
    assert not database.with_name("typo.db").exists()


def test_a_secret_in_place_of_its_key_id_is_not_quoted(database: Path) -> None:
    """A secret with any first character is on no terminal and in no log afterwards."""
    for secrets in ([SECRET], [f"--{SECRET}"], [f"-{SECRET}"], [OLD, SECRET], []):
        result = run("retire", *secrets, "--database", database)
        assert result.output
        assert SECRET not in result.output


ONE_BY_ONE = """
from pixstore_asgi.cli import main
from pixstore_asgi.keys import rotation
rotation._BATCH = 1
"""
INTERRUPTED = (
    ONE_BY_ONE
    + """
import os, signal, sys, time
from pixstore_asgi.store.tables import keys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
replace, batch, moment = keys.replace_wrapped_keys, int(sys.argv.pop(1)), sys.argv.pop(1)

def interrupt():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)  # the event loop hears of it while this thread has not answered

async def replace_and_interrupt(*arguments, **options):
    global batch
    batch -= 1
    if batch == 0 and moment == "before":
        interrupt()
    replaced = await replace(*arguments, **options)
    if batch == 0 and moment == "after":
        interrupt()
    return replaced

keys.replace_wrapped_keys = replace_and_interrupt
"""
)


def start_rewrapping(
    database: Path, code: str = ONE_BY_ONE, words: Sequence[object] = (), stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start `keys rewrap`, one image at a time, in a process of its own."""
    arguments = [*map(str, words), "keys", "rewrap", "--database", str(database)]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", f"{code}\nmain()", *arguments],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, "PIXSTORE_SECRET": BOTH},
    )


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_an_interruption_is_no_loss(database: Path, batch: int, moment: str) -> None:
    """Ctrl-C while a batch is written, which it is all the same, ends with exit code 130 and the number that is done.

    That holds for who presses it twice, too. The next run does the rest.
    """
    with start_rewrapping(database, INTERRUPTED, [batch, moment]) as process:
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, ""), errors
    done = f"{batch} key{'' if batch == 1 else 's'}"
    assert errors == f"Stopped after {done}. Run the same command again to continue.\n"
    assert run_for_json("status", "--database", database)[0]["keys"] == 5 - batch
    assert run_for_json("rewrap", "--database", database) == {"rewrapped": 5 - batch, "left": 0}


@pytest.mark.slow
def test_a_terminal_sees_how_far_it_is(database: Path) -> None:
    """Where stderr is a terminal a bar counts the images, those alone that are not under the newest secret."""
    ours, theirs = pty.openpty()
    with start_rewrapping(database, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # EIO, when the other side has closed
            while piece := os.read(ours, 1024):
                shown += piece
        output, _ = process.communicate(timeout=30)
    os.close(ours)
    assert output == "5 keys rewrapped\n"
    assert b"Rewrapping" in shown
    assert b"5/5" in shown
