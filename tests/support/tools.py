"""Programs that tests need besides Python, and the result if one is missing."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def require(program: str, package: str, folder: Path | None = None) -> str:
    """Return a program's path. If it is missing, skip the test, or fail it if PIXSTORE_TEST_REQUIRE_ALL is set.

    folder: one more folder to search.
    """
    path = shutil.which(program) or shutil.which(program, path=folder or "")
    if path is None:
        go_without(f"{program} is missing: install the package {package}")
    return path


def headless_chromium() -> str:
    """Return the path of Chromium's headless program, which takes 40 % of the processor time of the full one."""
    return require("chromium-headless-shell", "chromium-headless-shell (Debian)")


def go_without(reason: str) -> NoReturn:
    """Skip the test because a tool is missing, or fail it if PIXSTORE_TEST_REQUIRE_ALL is set."""
    if os.environ.get("PIXSTORE_TEST_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)
