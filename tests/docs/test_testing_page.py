"""testing.md: its application's tests pass in the hands of a newcomer, and its table has every fixture."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pixstore_asgi.testing import fixtures
from tests.docs.tables import rows
from tests.support.paths import DOCS, ROOT

PAGE = (DOCS / "testing.md").read_text()
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
MODULE_FILES = dict(re.findall(r"```python\n# scouts/(\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
LIKE_TESTCLIENT = "ignore:Using `httpx` with `starlette.testclient`"


def run(folder: Path, *arguments: str, files: dict[str, str] = FILES) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with files of the page and nothing else, far from this checkout's own configuration."""
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
    )


@pytest.mark.slow
def test_the_examples_pass(tmp_path: Path) -> None:
    """The tests on the page pass as they stand, without a warning, and leave no file behind."""
    assert set(FILES) == {"players.py", "conftest.py", "test_players.py", "test_players_async.py"}
    options = ("-W", "error", "-W", LIKE_TESTCLIENT, "-p", "no:cacheprovider")
    result = run(tmp_path, "-m", "pytest", "-q", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == set(FILES)


@pytest.mark.slow
def test_an_application_at_the_top_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tests pass as they stand, without a warning, and leave no file in their folder or the temporary one."""
    assert set(MODULE_FILES) == {"main.py", "conftest.py", "test_main.py"}
    folder, temporary = tmp_path / "scouts", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    options = ("-W", "error", "-W", LIKE_TESTCLIENT, "-p", "no:cacheprovider")
    result = run(folder, "-m", "pytest", "-q", *options, files=MODULE_FILES)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == set(MODULE_FILES)
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_options_are_chosen_by_a_fixture(tmp_path: Path) -> None:
    """A test file that defines `pixstore_options` has a Pixstore with these, on the clock of the test."""
    (tmp_path / "test_chosen.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def pixstore_options():\n"
        "    return {'image_formats': ['gif'], 'proof_window_ms': 1000}\n"
        "def test_it(pixstore, pixstore_clock):\n"
        "    assert pixstore.media_types == ('image/gif',)\n"
        "    assert pixstore.clock is pixstore_clock\n"
    )
    result = run(tmp_path, "-m", "pytest", "-q", "test_chosen.py")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_the_fixtures_are_there_for_those_who_ask(tmp_path: Path) -> None:
    """Without the line in conftest.py a test finds no such fixture, however the package is installed."""
    (tmp_path / "test_unasked.py").write_text("def test_it(pixstore):\n    assert False\n")
    result = run(tmp_path, "-m", "pytest", "-q", "--noconftest", "test_unasked.py")
    assert "fixture 'pixstore' not found" in result.stdout, result.stdout + result.stderr


@pytest.mark.slow
def test_a_missing_pytest_names_itself(tmp_path: Path) -> None:
    """Only the fixtures need pytest, and say so."""
    script = "import sys; sys.modules['pytest'] = None; import pixstore_asgi.testing; {}"
    assert run(tmp_path, "-c", script.format("")).returncode == 0
    result = run(tmp_path, "-c", script.format("import pixstore_asgi.testing.fixtures"))
    assert result.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: pixstore_asgi.testing.fixtures needs pytest: pip install pytest"
    )


def test_every_fixture_is_in_the_table() -> None:
    """The table of fixtures has each one, and no other."""
    listed = {cells[0].strip("`") for cells in rows(PAGE, "| fixture |")}
    assert listed == {name for name in vars(fixtures) if name.startswith("pixstore")}
