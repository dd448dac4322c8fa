"""How the tests themselves are run."""

import subprocess
import sys

from tests.support.paths import ROOT


def collect(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "tests/asgi/test_slow_clients.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_long_tests_run_only_where_they_are_asked_for() -> None:
    """Whatever -m selects, a soak test needs --soak."""
    assert collect("-m", "soak").returncode == 5
    assert collect("-m", "soak", "--soak").returncode == 0


def test_the_test_command_with_arguments_is_pytest_alone() -> None:
    """What follows the arguments of the test command, the client's tests and the coverage gate, is for a whole run."""
    lines = (ROOT / ".ci" / "test").read_text().splitlines()
    (passing,) = [number for number, line in enumerate(lines) if line == '[ $# -eq 0 ] || exec .venv/bin/pytest "$@"']
    assert all("--cov" not in line and "node --test" not in line for line in lines[:passing])
