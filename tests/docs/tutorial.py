"""docs/tutorial.md: its files, assembled stage by stage as a reader does it, and its commands."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.paths import DOCS
from tests.support.servers import uvicorn_of

PAGE = (DOCS / "tutorial.md").read_text()
STAGES = re.split(r"^## (?=\d\. )", PAGE, flags=re.MULTILINE)[1:]
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_FIRST_LINE = re.compile(r"(?:#|//|<!--|/\*) ([\w./-]+\.(?:py|html|css|js))(?:, above: (.+?))?(?: -->| \*/)?\n")


class Change(NamedTuple):
    """A block of code: the whole file `name`, or lines above the line of that file that has the text `above`."""

    name: str
    above: str | None
    text: str


def changes(stage: int) -> list[Change]:
    """Return the files and changes of a stage, from 1, in the order of the page."""
    found = []
    for language, text in _BLOCK.findall(STAGES[stage - 1]):
        if language != "sh":
            first = _FIRST_LINE.match(text)
            assert first, f"a block of stage {stage} does not name its file: {text[:60]}"
            found.append(Change(first[1], first[2], text))
    return found


def commands(stage: int) -> list[list[str]]:
    """Return the lines of each block of commands of a stage."""
    blocks = [text for language, text in _BLOCK.findall(STAGES[stage - 1]) if language == "sh"]
    return [text.replace("\\\n", "").splitlines() for text in blocks]


def write_stage(stage: int, folder: Path) -> None:
    """Make the changes of one stage in a folder that has those of the stages before it."""
    (folder / "static").mkdir(exist_ok=True)
    for change in changes(stage):
        path = folder / change.name
        text = change.text
        if change.above:
            lines = path.read_text().splitlines(keepends=True)
            (place,) = (number for number, line in enumerate(lines) if line.strip().startswith(change.above))
            text = "".join([*lines[:place], text, *lines[place:]])
        path.write_text(text)


def write_stages(last: int, folder: Path) -> None:
    """Make the changes of the stages up to one of them."""
    for stage in range(1, last + 1):
        write_stage(stage, folder)


class Reader:
    """Someone who follows the page in a folder: writes its files, and enters its commands in one terminal."""

    PASSWORD = "{}-and-a-long-password"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_folder = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        for name in ("PIXSTORE_SECRET", "SESSION_SECRET"):
            self.environment.pop(name, None)

    @contextmanager
    def at_stage(self, stage: int, *, writes: bool = True) -> Iterator[str]:
        """Follow one stage up to its server, which runs until the block ends; yield its URL."""
        if writes:
            write_stage(stage, self.folder)
        lines = [line for block in commands(stage) for line in block]
        place = next((number for number, line in enumerate(lines) if line.startswith("uvicorn ")), len(lines))
        for line in lines[:place]:
            if stage > 1:  # stage 1 makes the environment, which is the one that the tests run in
                self.enter(line)
        arguments = shlex.split(lines[place].removeprefix("uvicorn ")) if place < len(lines) else ["main:app"]
        with uvicorn_of(Path(sys.executable), arguments, self.folder, self.environment) as url:
            yield url

    def enter(self, line: str) -> str:
        """Run a command, answering the question for a password; return its output."""
        if line.startswith("export "):
            name = line.removeprefix("export ").partition("=")[0]
            self.environment[name] = self._run(f"{line}; printenv {name}").strip()
            return ""
        return self._run(line, self.PASSWORD.format(line.split()[-1]) + "\n")

    def _run(self, line: str, answer: str = "") -> str:
        # In a session of its own it has no terminal, so that getpass reads the answer from its input.
        done = subprocess.run(
            ["sh", "-c", line],
            input=answer,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout
