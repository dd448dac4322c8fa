"""Programs that tests need besides Python, and the result if one is missing."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


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
