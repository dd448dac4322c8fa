"""Fixtures of the moving tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore
from pixstore_asgi.transfer.npm_import import ALL_FORMATS
from tests.support.samples import SECRET
from tests.transfer.npm_files import NpmFiles


@pytest.fixture
def npm_files(tmp_path: Path) -> NpmFiles:
    """An empty store of the npm package, made by hand."""
    return NpmFiles(tmp_path / "npm")


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Pixstore]:
    """An open Pixstore that takes every format."""
    async with Pixstore(tmp_path / "target.db", secret=SECRET, image_formats=ALL_FORMATS) as opened:
        yield opened
