"""npm.md's section on moving: its commands run one after the other as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixstore_asgi.cli.commands import commands
from tests.support.paths import DOCS
from tests.support.samples import SECRET, picture
from tests.transfer.npm_files import NpmFiles

SECTION = (DOCS / "npm.md").read_text().split("\n## Moving in and out\n")[1].split("\n## ")[0]


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of an npm application the three commands take its images over, and write them out in both ways."""
    NpmFiles(tmp_path).add("players:ada", picture("jpeg"), format_byte=3)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    (block,) = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    lines = block.strip().splitlines()
    for line in lines:
        program, *arguments = shlex.split(line)
        result = CliRunner().invoke(commands, arguments)
        assert (program, result.exit_code) == ("pixstore-asgi", 0)
        assert result.output.startswith("1 image ")
    assert len(lines) == 3
    assert Path("pictures/players/ada.jpg").read_bytes() == picture("jpeg")
    assert Path("npm-store/pixstore-images/players/ada.pixstore-image").is_file()


def test_the_options_are_those_of_the_commands() -> None:
    """Every option that the section names is one of a moving command."""
    named = set(re.findall(r"--[a-z][a-z-]+", SECTION))
    taken = {
        name
        for group in ("import", "export")
        for command in commands.commands[group].commands.values()  # type: ignore[attr-defined]
        for option in command.params
        for name in option.opts
    }
    assert len(named) > 5
    assert named <= taken
