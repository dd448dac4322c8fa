"""Both packages' applications and a Chromium, for as long as a test module lasts.

No longer: Playwright holds an event loop meanwhile, which no other module's tests could bear.
"""

import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import go_without
from tests.interop.sides import NODE_FOLDER, Side, both_sides
from tests.interop.tabs import Tabs, open_tabs


@pytest.fixture(scope="module")
def sides(node_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Side]]:
    opening = [node_path, "-e", 'new (require("better-sqlite3"))(":memory:")']
    if subprocess.run(opening, cwd=NODE_FOLDER, capture_output=True, check=False).returncode:
        go_without("better-sqlite3 is not compiled in tests/js: install g++, make and libnode-dev, and run .ci/test")
    with both_sides(tmp_path_factory.mktemp("interop")) as started:
        yield started


@pytest.fixture(scope="module")
def tabs(chromium_path: str) -> Iterator[Tabs]:
    with open_tabs(chromium_path) as opened:
        yield opened
