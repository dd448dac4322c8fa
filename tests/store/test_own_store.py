"""The contract's tests for the author of a store: run with plain pytest, outside of this checkout."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pixstore_asgi.store import contract_tests
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

MY_PACKAGE = """
from dataclasses import replace
from pixstore_asgi.store.contract import Expect
from pixstore_asgi.store.memory import MemoryStore


class MyStore(MemoryStore):
    def __init__(self, folder, *, clock_ms):
        super().__init__(clock_ms=clock_ms)
"""
CANNOT_TELL = """
    def stamps(self, image_ids):
        return [object() for _ in image_ids]
"""
MISTAKES = {
    "test_a_stamp_never_comes_back": """
    def stamps(self, image_ids):
        return [7] * len(image_ids)
""",
    "test_expectations_of_a_write": """
    async def _commit(self, new):
        return await super()._commit(replace(new, terms=replace(new.terms, expect=Expect.ANY)))
""",
    "test_variants_that_are_left_out_are_deleted": """
    async def _commit(self, new):
        return await super()._commit(replace(new, keeps_others=True))
""",
    "test_list_pages_in_the_order_of_ids": """
    async def list(self, *, after=None, before=None, limit=100):
        return await super().list(after=after, limit=limit)
""",
}
SHOWN = {
    "test_a_stamp_never_comes_back": "assert 1 == 16",
    "test_expectations_of_a_write": "Failed: DID NOT RAISE",
    "test_variants_that_are_left_out_are_deleted": "assert {'a': b'again",
    "test_list_pages_in_the_order_of_ids": "assert ['a:1', 'a:2', 'b', 'c'] == ['a:1', 'a:2']",
}


def example() -> str:
    """Return the test file that the docstring of the package shows."""
    documented = contract_tests.__doc__ or ""
    found = re.search(r"(?:^    .*\n|^\n)+", documented.partition("\n")[2], re.MULTILINE)
    assert found
    return textwrap.dedent(found[0]).strip() + "\n"


def write(folder: Path, package: str, number: int | None = None) -> None:
    """Write a package with a store of one's own, and the example's test file over it, into a folder."""
    name = "my_package" if number is None else f"my_package_{number}"
    (folder / f"{name}.py").write_text(package)
    tests = folder / ("test_my_store.py" if number is None else f"test_my_store_{number}.py")
    tests.write_text(example().replace("from my_package import", f"from {name} import"))


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with nothing else than these files."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**environment, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
    )


def test_a_store_of_ones_own_is_tested_by_ten_lines(tmp_path: Path) -> None:
    """The documented example has ten lines at most, and all its tests pass for stores that keep the contract.

    One of them returns a stamp that holds, the other one no stamp twice.
    """
    assert len(example().splitlines()) <= 10
    write(tmp_path, MY_PACKAGE, 1)
    write(tmp_path, MY_PACKAGE + CANNOT_TELL, 2)
    result = run(tmp_path, "-m", "pytest", "-q", "-W", "error")
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.search(r"^(\d+) passed in", result.stdout, re.MULTILINE)
    assert found, result.stdout
    assert int(found[1]) >= 80


def test_a_store_that_breaks_the_contract_fails(tmp_path: Path) -> None:
    """Each store with one mistake fails in the test that is about it, where pytest shows the values compared."""
    tests = []
    for number, (failing, mistake) in enumerate(MISTAKES.items()):
        write(tmp_path, MY_PACKAGE + mistake, number)
        tests.append(f"test_my_store_{number}.py::TestMyStore::{failing}")
    result = run(tmp_path, "-m", "pytest", "-q", *tests)
    assert result.returncode == 1, result.stdout + result.stderr
    for test, failing in zip(tests, MISTAKES, strict=True):
        assert f"FAILED {test}" in result.stdout
        assert SHOWN[failing] in result.stdout


def test_a_missing_pytest_names_itself(tmp_path: Path) -> None:
    """Without pytest the import fails with the package to install. The rest of the package does not need it."""
    script = "import sys; sys.modules['pytest'] = None; import pixstore_asgi.store.memory; {}"
    assert run(tmp_path, "-c", script.format("")).returncode == 0
    result = run(tmp_path, "-c", script.format("import pixstore_asgi.store.contract_tests"))
    assert result.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: pixstore_asgi.store.contract_tests needs pytest: pip install pytest"
    )
