"""CONTRIBUTING.md: the commands and files it names are there, and its few lines for a store of one's own are enough."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
MY_PACKAGE = """
from pixstore_asgi.store.memory import MemoryStore


class MyStore(MemoryStore):
    def __init__(self, folder, *, clock_ms):
        super().__init__(clock_ms=clock_ms)
"""


def test_its_commands_and_files_exist() -> None:
    """Every script and every path in the repository that the page names is there."""
    named = re.findall(r"`(?:sh )?((?:\.ci|tests|pixstore_asgi|js_client|benchmarks)/[\w./-]+)", PAGE)
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.slow
def test_a_store_of_ones_own_runs_the_contract(tmp_path: Path) -> None:
    """The page's test file, beside a package with a store, is collected by pytest and passes."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "my_package.py").write_text(MY_PACKAGE)
    (tmp_path / "test_my_store.py").write_text(block)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_store.py"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d\d passed", result.stdout)
