"""Fixtures that several folders of tests share."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest

from pixstore_asgi import Pixstore
from tests.support import SECRET


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pix(tmp_path: Path) -> AsyncIterator[Pixstore]:
    """An open Pixstore on a SQLite file of its own."""
    async with Pixstore(tmp_path / "pixstore.db", secret=SECRET) as opened:
        yield opened


def require(program: str, package: str, folder: Path | None = None) -> str:
    """Return a program's path; skip the test where it is missing, or fail where PIXSTORE_TEST_REQUIRE_ALL is set.

    folder: where else it may be.
    """
    path = shutil.which(program) or shutil.which(program, path=folder or "")
    if path is None:
        go_without(f"{program} is missing: install the package {package}")
    return path


def go_without(reason: str) -> NoReturn:
    """Skip the test for want of a tool, or fail it where PIXSTORE_TEST_REQUIRE_ALL is set."""
    if os.environ.get("PIXSTORE_TEST_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return require("chromium", "chromium (Debian)")


@pytest.fixture(scope="session")
def node_path() -> str:
    return require("node", "nodejs, version 20 or newer")


@pytest.fixture(scope="session")
def npm_node_path(node_path: str) -> str:
    """Node, with the SQLite binding that the back end of npm's pixstore needs."""
    opening = [node_path, "-e", 'new (require("better-sqlite3"))(":memory:")']
    if subprocess.run(opening, cwd=Path(__file__).parent / "js", capture_output=True, check=False).returncode:
        go_without("better-sqlite3 is not compiled in tests/js: install g++, make and libnode-dev, and run .ci/test")
    return node_path
