"""Runs the console blocks of a page in order, in one shell, and compares their output with the page's."""

import os
import re
import secrets
import subprocess
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

KEY_ID = re.compile(r"\b[0-9a-f]{8}\b")


class Step(NamedTuple):
    """A command of a page, and the output below it."""

    command: str
    output: str


def section_of(page: str, heading: str) -> str:
    """Return the section of a page under a heading of the second level."""
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def steps_of(text: str) -> list[Step]:
    """Return the commands of all console blocks in a text, in order."""
    blocks = re.findall(r"^( *)```console\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    joined = "".join(textwrap.dedent(block) for _, block in blocks)
    return [Step(*found) for found in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", joined, re.MULTILINE)]


class Shell:
    """A bash that runs a page's commands; variables last from one command to the next.

    instead: texts of the page, such as paths, and this test's texts for them.
    handlers: functions that run some programs in place of the shell; they take the arguments, and return the output.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str],
        instead: Mapping[str, str],
        handlers: Mapping[str, Callable[[Sequence[str]], str]] | None = None,
    ) -> None:
        self.instead = dict(instead)
        self.printed: list[str] = []
        self._handlers = dict(handlers or {})
        self._key_ids: dict[str, str] = {}
        self._process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env={**os.environ, **environment},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def follow(self, text: str) -> None:
        """Run the steps of a text, and compare the output of each with the page's."""
        steps = steps_of(text)
        assert steps
        for step in steps:
            self.do(step)

    def do(self, step: Step) -> None:
        """Run one step; its output must be the page's. There `…` stands for anything, and key ids for other ones."""
        code, printed = self.run(step.command)
        assert code == 0, f"{step.command}\n{printed}"
        for there, here in self.instead.items():
            printed = printed.replace(here, there)
        found = re.fullmatch(self._pattern_of(step.output), printed)
        assert found, f"$ {step.command}\n{printed}\nis not what the page has:\n{step.output}"
        self._key_ids.update({name[1:]: value for name, value in found.groupdict().items()})

    def run(self, command: str) -> tuple[int, str]:
        """Run a command of the page with this test's paths, and return its exit code and its output."""
        for there, here in {**self.instead, **self._key_ids}.items():
            command = command.replace(there, here)
        before, _, last = command.rpartition("&& ")
        program, *arguments = last.split()
        if program not in self._handlers:
            return self._run(command)
        code, printed = self._run(before.removesuffix(" ").removesuffix("&&") or ":")
        return (code, printed) if code else (0, printed + self._handlers[program](arguments))

    def _run(self, command: str) -> tuple[int, str]:
        mark = secrets.token_hex(8)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\necho {mark} $?\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if found := re.fullmatch(f"(.*){mark} (\\d+)\n", line):
                printed += found[1] and f"{found[1]}\n"
                return int(found[2]), printed
            printed += line
        raise AssertionError(f"the shell ended: {printed}")

    def _pattern_of(self, output: str) -> str:
        pattern = re.escape(output).replace("…", ".*")
        for key_id in dict.fromkeys(KEY_ID.findall(output)):
            known = self._key_ids.get(key_id)
            first, *others = pattern.split(key_id)
            if known:
                pattern = known.join([first, *others])
            else:
                pattern = first + f"(?P<k{key_id}>[0-9a-f]{{8}})" + f"(?P=k{key_id})".join(others)
        return pattern
