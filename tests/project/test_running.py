"""How the tests themselves are run."""

import re
import subprocess
import sys
import tomllib

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]


def collect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "tests/asgi/test_slow_clients.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_soak_tests_run_only_with_soak() -> None:
    """A soak test needs --soak, with any -m."""
    assert collect("-m", "soak").returncode == 5
    assert collect("-m", "soak", "--soak").returncode == 0


def test_the_test_command_with_arguments_runs_only_pytest() -> None:
    """With arguments, the test command does not run the client's tests, which belong to a whole run."""
    lines = (ROOT / "scripts" / "test").read_text().splitlines()
    (passing,) = [number for number, line in enumerate(lines) if line == '[ $# -eq 0 ] || exec .venv/bin/pytest "$@"']
    assert all("node --test" not in line for line in lines[:passing])


def test_only_the_fast_command_leaves_out_slow_tests() -> None:
    """The fast command uses registered marks, and no other command uses `slow`, so a whole run has every test."""
    paths = [*(ROOT / "scripts").iterdir(), *(ROOT / ".ci").iterdir()]
    commands = {path.name: path.read_text() for path in paths if path.is_file()}
    (selection,) = re.findall(r'-m "([^"]+)"', commands.pop("test-fast"))
    registered = {line.partition(":")[0] for line in PYTEST["markers"]}
    assert set(re.findall(r"not (\w+)", selection)) == {"browser", "servers", "slow"} <= registered
    assert not [name for name, text in commands.items() if "slow" in text]
    assert "-m" not in PYTEST["addopts"].split()
