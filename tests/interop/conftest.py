"""Both packages' applications and a Chromium, for as long as a test module lasts.

No longer: Playwright holds an event loop meanwhile, which no other module's tests could bear.
"""

from collections.abc import Iterator

import pytest

from tests.interop.sides import Side, both_sides
from tests.interop.tabs import Tabs, open_tabs


@pytest.fixture(scope="module")
def sides(npm_node_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Side]]:
    with both_sides(tmp_path_factory.mktemp("interop")) as started:
        yield started


@pytest.fixture(scope="module")
def tabs(chromium_path: str) -> Iterator[Tabs]:
    with open_tabs(chromium_path) as opened:
        yield opened
